/**
 * What a rule needs to know of a TypeScript text without a compiler: which characters are code, and which strings stand where.
 *
 * A scanner over comments, strings, templates and regular expressions. The one guess is whether a slash divides or opens a
 * regular expression; it goes by what stands before it.
 */

/** A string literal, or a template without insertions. */
export interface Literal {
  /** Index of the opening quote. */
  readonly at: number;
  /** The text between the quotes, as written. */
  readonly value: string;
}

export interface SourceText {
  /** The text with comments, and what is inside strings and regular expressions, as spaces; same length, same lines. */
  readonly code: string;
  readonly literals: readonly Literal[];
}

const REGEX_FOLLOWS = new Set('(,=:[!&|?{};+-*%<>~^');
const REGEX_FOLLOWS_WORD = new Set(
  'return typeof case in of delete void throw new else do await yield'.split(' '),
);

function regexMayFollow(before: string): boolean {
  const trimmed = before.trimEnd();
  const word = /(?<![.\w$])[a-z]+$/.exec(trimmed)?.[0];
  if (word !== undefined) return REGEX_FOLLOWS_WORD.has(word);
  return trimmed === '' || REGEX_FOLLOWS.has(trimmed.at(-1) ?? '');
}

/** Index behind the quote that closes the string opened at `at`. */
function stringEnd(text: string, at: number): number {
  let i = at + 1;
  while (i < text.length && text[i] !== text[at] && text[i] !== '\n') i += text[i] === '\\' ? 2 : 1;
  return i + 1;
}

/** Index behind the slash that closes the regular expression opened at `at`. */
function regexEnd(text: string, at: number): number {
  let i = at + 1;
  for (let inClass = false; i < text.length && text[i] !== '\n'; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '[') inClass = true;
    else if (text[i] === ']') inClass = false;
    else if (text[i] === '/' && !inClass) break;
  }
  return i + 1;
}

/** Index of the backtick or of the dollar sign of `${` that ends the piece of a template from `at`. */
function templatePieceEnd(text: string, at: number): number {
  let i = at;
  while (i < text.length && text[i] !== '`' && !(text[i] === '$' && text[i + 1] === '{'))
    i += text[i] === '\\' ? 2 : 1;
  return i;
}

export function scanSource(text: string): SourceText {
  const literals: Literal[] = [];
  let code = '';
  const blankTo = (end: number): void => {
    code += text.slice(code.length, end).replace(/[^\n]/g, ' ');
  };
  const keepTo = (end: number): void => {
    code += text.slice(code.length, end);
  };
  /** For each open insertion of a template, how many braces are open inside it. */
  const insertions: number[] = [];
  const template = (): void => {
    const end = templatePieceEnd(text, code.length);
    blankTo(end);
    if (text[end] === '`') keepTo(end + 1);
    else {
      keepTo(end + 2);
      insertions.push(0);
    }
  };
  while (code.length < text.length) {
    const at = code.length;
    const char = text[at];
    const pair = text.slice(at, at + 2);
    if (pair === '//' || pair === '/*') {
      const end = pair === '//' ? text.indexOf('\n', at) : text.indexOf('*/', at + 2);
      blankTo(end === -1 ? text.length : pair === '//' ? end : end + 2);
    } else if (char === "'" || char === '"') {
      const end = stringEnd(text, at);
      literals.push({ at, value: text.slice(at + 1, end - 1) });
      keepTo(at + 1);
      blankTo(end - 1);
      keepTo(end);
    } else if (char === '`') {
      const end = templatePieceEnd(text, at + 1);
      if (text[end] === '`') literals.push({ at, value: text.slice(at + 1, end) });
      keepTo(at + 1);
      template();
    } else if (char === '}' && insertions.at(-1) === 0) {
      insertions.pop();
      keepTo(at + 1);
      template();
    } else if (char === '/' && regexMayFollow(code)) {
      keepTo(at + 1);
      const end = regexEnd(text, at);
      blankTo(end - 1);
      keepTo(end);
    } else {
      const depth = insertions.length - 1;
      if (depth >= 0 && (char === '{' || char === '}'))
        insertions[depth] = insertions[depth]! + (char === '{' ? 1 : -1);
      keepTo(at + 1);
    }
  }
  return { code, literals };
}

/** The line, counted from 1, of an index. */
export function lineOf(text: string, index: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < index; at = text.indexOf('\n', at + 1)) line++;
  return line;
}

/** Rules about single files: size, names, and words that have no place in them. Each returns sentences. */
import { posix } from 'node:path';
import { lineOf } from './source-text.ts';
import type { SourceFile, Tree } from './source-tree.ts';

/** A longer file holds more than one thing. 100 to 300 lines are usual. */
const SOURCE_LINES_MAX = 700;

/** Names that say nothing of what is inside. */
const DRAWERS = new Set(['utils', 'util', 'helpers', 'helper', 'common', 'misc']);

function lineCount(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
}

export function fileSizes(tree: Tree): string[] {
  const found: string[] = [];
  for (const [path, text] of tree.texts) {
    const lines = lineCount(text);
    if (/\.(tsx?|mjs|css|html)$/.test(path) && lines > SOURCE_LINES_MAX) {
      found.push(`${path} has ${lines} lines; ${SOURCE_LINES_MAX} are the most.`);
    }
  }
  return found;
}

export function names(tree: Tree): string[] {
  const found: string[] = [];
  for (const path of tree.sources.keys()) {
    const parts = path.split('/').map((part) => part.replace(/\..*$/, ''));
    const drawer = parts.find((part) => DRAWERS.has(part));
    if (drawer !== undefined) found.push(`${path}: "${drawer}" does not say what is inside.`);
    const file = posix.basename(path);
    if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)*\.tsx?$/.test(file))
      found.push(`${path} is not named in kebab-case.`);
  }
  return found;
}

interface WordRule {
  readonly pattern: RegExp;
  readonly sentence: string;
  readonly applies?: (file: SourceFile) => boolean;
}

const ships = ({ path, isTest }: SourceFile): boolean => path.startsWith('src/') && !isTest;

/** Looked for in the code, where comments and what is in strings does not count. */
const CODE_RULES: readonly WordRule[] = [
  { pattern: /(?<![.\w$])export\s+default\b/g, sentence: 'exports a default; give it a name' },
  { pattern: /(?<![.\w$])any\b(?!\s*[(:?])/g, sentence: 'uses the type any' },
  {
    pattern: /(?<![.\w$])enum\s+[A-Za-z_$]/g,
    sentence: 'declares an enum; use an object `as const` or a union',
  },
  { pattern: /(?<![.\w$])console\.log\b/g, sentence: 'writes to the console', applies: ships },
];

/** Looked for in the whole text. Written in two parts, or this file would be the first to be found. */
const TEXT_RULES: readonly WordRule[] = [
  { pattern: new RegExp(`@ts-${'(ignore|nocheck|expect-error)'}`, 'g'), sentence: 'silences the compiler' },
  {
    pattern: new RegExp(`\\b(TO${'DO'}|FIX${'ME'}|XX${'X'})\\b`, 'g'),
    sentence: 'leaves work for later; do it, or write down where it is planned',
  },
];

export function words(tree: Tree): string[] {
  const found: string[] = [];
  for (const file of tree.sources.values()) {
    const check = (rules: readonly WordRule[], text: string): void => {
      for (const { pattern, sentence, applies } of rules) {
        if (applies !== undefined && !applies(file)) continue;
        for (const match of text.matchAll(pattern)) {
          found.push(`${file.path}:${lineOf(text, match.index)} ${sentence}.`);
        }
      }
    };
    check(CODE_RULES, file.code);
    check(TEXT_RULES, file.text);
  }
  return found;
}

/** Whether the comment right above `line` (counted from 1) has a sentence that begins with `Cast:`. */
function hasReason(lines: readonly string[], line: number): boolean {
  for (let above = line - 2; lines[above]?.trimStart().startsWith('//'); above--) {
    if (/\bCast: \S/.test(lines[above] ?? '')) return true;
  }
  return false;
}

/** Lines on which a value is said to have another type than the compiler sees, `as const` not counted. */
export function castLines(file: SourceFile): number[] {
  // Renaming in import and export lists is no cast.
  const code = file.code.replace(/(?<![.\w$])(import|export)\b(\s+type\b)?\s*(\*[^'"]*|\{[^}]*\})/g, (list) =>
    list.replace(/[^\n]/g, ' '),
  );
  return [...code.matchAll(/[\w)\]}'"`!>]\s+as\s+(?!const\b)(?=[\w{[('"`])/g)].map(({ index }) =>
    lineOf(code, index),
  );
}

/** A cast takes a check away from the compiler, so it says why it may: a comment above it that begins with `Cast:`. */
export function casts(tree: Tree): string[] {
  const found: string[] = [];
  for (const file of tree.sources.values()) {
    const lines = file.text.split('\n');
    for (const line of castLines(file)) {
      if (!hasReason(lines, line))
        found.push(`${file.path}:${line} casts with "as"; use a guard, or say why above it: // Cast: …`);
    }
  }
  return found;
}

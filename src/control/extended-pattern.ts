/**
 * Patterns of control files, which are what POSIX calls extended regular expressions (regex(7), with glibc's additions), in the words of
 * JavaScript. Whether they match is the same; which part of a text they match is nobody's concern here.
 */
import { ControlError } from './control-error.ts';
import type { Place } from './tree.ts';
import { meaningOf } from './word-table.ts';

/** A pattern as it is written. @throws ControlError when it is none */
export function checkedPattern(text: string, place: Place): string {
  const unknown = [...text.matchAll(CLASS_INSIDE)].some(
    ([, name = '']) => meaningOf(CLASSES, name) === undefined,
  );
  if (unknown) throw new ControlError(place, 'Regex parsing error: Invalid character class name', text);
  try {
    new RegExp(jsPattern(text));
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^.*: /, '') : 'not a pattern';
    throw new ControlError(place, `Regex parsing error: ${why}`, text);
  }
  return text;
}

const CLASSES: Readonly<Record<string, string>> = {
  alnum: 'a-zA-Z0-9',
  alpha: 'a-zA-Z',
  blank: ' \\t',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\s',
  upper: 'A-Z',
  xdigit: '0-9a-fA-F',
};

/** A class where it must be one: within brackets. */
const CLASS_INSIDE = /(?<=\[(?:[^\]]|:\])*)\[:(\w+):\]/g;

/** What a backslash makes of a character, where JavaScript has another word for it. */
const ESCAPES: Readonly<Record<string, string>> = {
  '<': '\\b(?=\\w)',
  '>': '\\b(?<=\\w)',
  '`': '(?<![^])',
  "'": '(?![^])',
};

const REPETITION = /(?:[*+?]|\{\d*(?:,\d*)?\})/y;

/** In brackets, from behind the first of them. */
const BRACKETS = /(\^?)(\]?(?:\[:\w+:\]|\[\.[^.]\.\]|\[=[^=]=\]|[^\]])*)\]/y;

/** What can stand in brackets for one character or several. */
const MEMBER = /\[:(\w+):\]|\[[.=](.)[.=]\]|[\s\S]/g;

/** The same pattern in the words of JavaScript. */
export function jsPattern(text: string): string {
  let made = '';
  /** Where in it what a repetition repeats begins; null: there is nothing to repeat. */
  let atom: number | null = null;
  let isRepeated = false;
  const groups: number[] = [];
  for (let at = 0; at < text.length; ) {
    const character = text.charAt(at);
    const repetition = matchAt(REPETITION, text, at)?.[0];
    if (repetition !== undefined && atom !== null && repetition !== '{}') {
      // What is repeated may be repeated again; to JavaScript a second sign means something else.
      if (isRepeated) made = `${made.slice(0, atom)}(?:${made.slice(atom)})`;
      made += repetition.replace(/^\{,/, '{0,');
      isRepeated = true;
      at += repetition.length;
      continue;
    }
    isRepeated = false;
    const [brackets = '', not = '', members = ''] =
      character === '[' ? (matchAt(BRACKETS, text, at + 1) ?? []) : [];
    if (character === '(') groups.push(made.length);
    if (character !== ')') atom = character === '(' || character === '|' ? null : made.length;
    else atom = groups.pop() ?? null;
    if (brackets !== '') {
      made += `[${not}${members.replace(MEMBER, memberText)}]`;
      at += 1 + brackets.length;
    } else if (character === '\\' && at + 1 < text.length) {
      const escaped = text.charAt(at + 1);
      made += meaningOf(ESCAPES, escaped) ?? `\\${escaped}`;
      at += 2;
    } else {
      made += character;
      at += 1;
    }
  }
  return made;
}

/** A backslash in brackets is one, and so is a bracket that opens or is the first to close. */
function memberText(member: string, name: string | undefined, collated: string | undefined): string {
  if (name !== undefined) return meaningOf(CLASSES, name) ?? member;
  const character = collated ?? member;
  return /[[\]\\^]/.test(character) ? `\\${character}` : character;
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

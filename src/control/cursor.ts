import { TIMER_MS_MAX } from '../base/clock.ts';
import { ControlError } from './control-error.ts';
import { Scanner, type Token } from './scanner.ts';
import type { ControlWarning, Operator, Place } from './tree.ts';
import { meaningOf } from './word-table.ts';

/** Words that may stand anywhere and mean nothing. */
const NOISE = new Set([
  ...['and', 'with', 'within', 'has', 'using', 'use', 'on', 'only', 'for', 'of'],
  ...['is', 'are', 'was', 'as', 'the', 'than', 'usage', 'but', 'does', 'to', 'in', 'or'],
  ...['program', 'programs', 'times', 'option'],
]);

const OPERATORS: Readonly<Record<string, Operator>> = {
  '<': '<',
  lt: '<',
  less: '<',
  newer: '<',
  '<=': '<=',
  le: '<=',
  '>': '>',
  gt: '>',
  greater: '>',
  more: '>',
  older: '>',
  '>=': '>=',
  ge: '>=',
  '=': '=',
  '==': '=',
  eq: '=',
  equal: '=',
  '!=': '!=',
  ne: '!=',
  notequal: '!=',
};

/** Milliseconds of the units of time. */
const TIME_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  millisecond: 1,
  milliseconds: 1,
  s: 1000,
  sec: 1000,
  second: 1000,
  seconds: 1000,
  min: 60_000,
  m: 60_000,
  minute: 60_000,
  minutes: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  hours: 3_600_000,
  day: 86_400_000,
  days: 86_400_000,
  // Of 31 days, as monit's.
  month: 2_678_400_000,
  months: 2_678_400_000,
};

/** Bytes of the units of size. */
const BYTE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  byte: 1,
  bytes: 1,
  kb: 1024,
  kilobyte: 1024,
  kilobytes: 1024,
  mb: 1024 ** 2,
  megabyte: 1024 ** 2,
  megabytes: 1024 ** 2,
  gb: 1024 ** 3,
  gigabyte: 1024 ** 3,
  gigabytes: 1024 ** 3,
};

/** Files that can be open within each other; a file that includes itself ends here. */
const DEPTH_MAX = 16;

/**
 * The place in a control file where the parser is, through all files that are included. Words are compared in lower case; noise words are
 * passed over.
 */
export class Cursor {
  readonly warnings: ControlWarning[] = [];
  readonly #scanners: Scanner[] = [];

  readonly #read: (path: string, place: Place) => string;

  /** @param read what other files hold; throws a ControlError for those that cannot be used */
  constructor(file: string, text: string, read: (path: string, place: Place) => string) {
    this.#read = read;
    this.#scanners.push(new Scanner(file, text));
  }

  /** What another file holds, which is no part of the language. */
  readOther(path: string, place: Place): string {
    return this.#read(path, place);
  }

  /** Goes on in another file, and comes back when that is at its end. */
  enter(file: string, text: string, place: Place): void {
    if (this.#scanners.length >= DEPTH_MAX)
      throw new ControlError(place, `files include each other more than ${DEPTH_MAX} deep`, file);
    this.#scanners.push(new Scanner(file, text));
  }

  get #scanner(): Scanner {
    const scanner = this.#scanners.at(-1);
    if (scanner === undefined) throw new ControlError(null, 'no file is open');
    return scanner;
  }

  /** The next token that is no noise; it stays. Between statements, the end of an included file is passed over. */
  peek(isBetweenStatements = false): Token {
    for (;;) {
      const token = this.#scanner.peek();
      if (token.kind === 'word' && NOISE.has(token.text.toLowerCase())) this.#scanner.take();
      else if (token.kind === 'end' && isBetweenStatements && this.#scanners.length > 1) this.#scanners.pop();
      else return token;
    }
  }

  take(): Token {
    this.peek();
    return this.#scanner.take();
  }

  /** Where the next word stands, be it noise. */
  get place(): Place {
    return this.#scanner.peek().place;
  }

  warn(place: Place, text: string): void {
    this.warnings.push({ ...place, text });
  }

  /** Whether the next token is one of these words, which may be noise elsewhere. */
  isWord(...words: readonly string[]): boolean {
    for (;;) {
      const token = this.#scanner.peek();
      const word = token.text.toLowerCase();
      if (token.kind !== 'word') return false;
      if (words.includes(word)) return true;
      if (!NOISE.has(word)) return false;
      this.#scanner.take();
    }
  }

  /** Takes one of these words if it comes next. @returns it in lower case, or null */
  takeWord(...words: readonly string[]): string | null {
    return this.isWord(...words) ? this.#scanner.take().text.toLowerCase() : null;
  }

  /** Takes a word that must come next. */
  expectWord(...words: readonly string[]): string {
    return this.takeWord(...words) ?? this.fail(`expected ${alternatives(words)}`);
  }

  takeBrace(brace: '{' | '}' | '[' | ']'): boolean {
    const token = this.peek();
    if (token.kind !== 'brace' || token.text !== brace) return false;
    this.take();
    return true;
  }

  expectBrace(brace: '{' | '}'): void {
    if (!this.takeBrace(brace)) this.fail(`expected ${brace}`);
  }

  /** An equals sign where one may stand. */
  skipEquals(): void {
    const token = this.peek();
    if (token.kind === 'operator' && (token.text === '=' || token.text === '==')) this.take();
  }

  /** A colon where one may stand; it counts as a word of its own or as the end of the word before. */
  skipColon(): void {
    const token = this.peek();
    if (token.kind === 'word' && token.text === ':') this.take();
  }

  /** A quoted or unquoted string that must come next. Noise words are not passed over: they may be meant. */
  expectString(what: string, ends = ''): Token {
    const token = this.#scanner.takeString(ends);
    return token ?? this.fail(`expected ${what}`);
  }

  /** A string behind which noise may stand, such as `path "..."`. */
  expectStringAfterNoise(what: string, ends = ''): Token {
    this.peek();
    return this.expectString(what, ends);
  }

  takeAttachedText(): string | null {
    return this.#scanner.takeAttachedText();
  }

  takeUntil(ends: string): string {
    return this.#scanner.takeUntil(ends);
  }

  isNextCharacter(character: string): boolean {
    return this.#scanner.isNext(character);
  }

  /** A whole number that must come next. */
  expectWhole(what: string, min: number, max: number): number {
    const token = this.peek();
    if (token.kind !== 'number' || !/^\d+$/.test(token.text)) this.fail(`expected ${what}`);
    this.take();
    const value = Number(token.text);
    if (value < min || value > max)
      throw new ControlError(token.place, `${what} must be between ${min} and ${max}`, token.text);
    return value;
  }

  /** A whole number if one comes next. */
  takeWhole(): { readonly value: number; readonly token: Token } | null {
    const token = this.peek();
    if (token.kind !== 'number' || !/^\d+$/.test(token.text)) return null;
    this.take();
    return { value: Number(token.text), token };
  }

  /** A number, with or without a fraction. */
  expectNumber(what: string): number {
    const token = this.peek();
    if (token.kind !== 'number') this.fail(`expected ${what}`);
    this.take();
    return Number(token.text);
  }

  /** A comparison; a missing one means equal. */
  takeOperator(): Operator {
    const token = this.peek();
    const operator =
      token.kind === 'operator' || token.kind === 'word'
        ? meaningOf(OPERATORS, token.text.toLowerCase())
        : undefined;
    if (operator === undefined) return '=';
    this.take();
    return operator;
  }

  /** @returns the factor to milliseconds, or null where no unit of time stands */
  takeTimeUnit(): number | null {
    return this.#takeUnit(TIME_UNITS);
  }

  /** @returns the factor to bytes, or null */
  takeByteUnit(): number | null {
    return this.#takeUnit(BYTE_UNITS);
  }

  /** `MB/s`: a size for each second. @returns the factor to bytes, or null */
  takeByteRate(): number | null {
    const token = this.peek();
    const name = /^([a-z]+)\/s$/i.exec(token.text)?.[1]?.toLowerCase() ?? '';
    const factor = meaningOf(BYTE_UNITS, name);
    if (token.kind !== 'word' || factor === undefined) return null;
    this.take();
    return factor;
  }

  takePercent(): boolean {
    return this.takeWord('%', 'percent') !== null;
  }

  #takeUnit(units: Readonly<Record<string, number>>): number | null {
    const token = this.peek();
    const factor = meaningOf(units, token.text.toLowerCase());
    if (token.kind !== 'word' || factor === undefined) return null;
    this.take();
    return factor;
  }

  /** `timeout N seconds`, behind the word. @returns milliseconds, no more than a timer can wait */
  expectDuration(what: string): number {
    const value = this.expectNumber(what);
    const factor = this.takeTimeUnit() ?? this.fail('expected a unit of time (seconds)');
    return Math.min(TIMER_MS_MAX, Math.round(value * factor));
  }

  /** @throws ControlError always, naming the next token */
  fail(hint: string): never {
    const token = this.peek();
    throw new ControlError(token.place, `syntax error '${token.text}': ${hint}`);
  }
}

function alternatives(words: readonly string[]): string {
  return words.length === 1 ? `'${words[0]}'` : `one of ${words.join(', ')}`;
}

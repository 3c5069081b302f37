import { wordEnd } from './line-words.ts';
import type { Request } from './request.ts';

const SPACE = 32;
const CR = 13;
const LF = 10;

const LETTER = { c: 99, f: 102, o: 79, s: 115, v: 118, w: 87, x: 88, z: 90 } as const;

function letters(text: string): Uint8Array {
  const known = new Uint8Array(256);
  for (const letter of text) known[letter.charCodeAt(0)] = 1;
  return known;
}

/** Flags of `mg` that only ask. All others (E, N, R, T and those that are not known here) may change the item. */
const ASKING = letters('bcfhklOqstuv');

/** Those of them that a copy of the item answers as the server would. (Not k: an item may have been stored under its key in base64, and tells that.) */
const ANSWERABLE = letters('cfOqsv');

/** What an `mg` wants. */
export class MetaGet {
  /** It changes nothing. */
  isRead = false;
  /** It wants nothing but what a copy of the item knows. */
  isAnswerable = false;
  /** Its answer has what a copy needs: flags and value. */
  isWhole = false;
  wantsCas = false;

  /** Reads the flags of a request, which has single spaces. */
  read({ bytes, length, hasBase64Key }: Request): void {
    this.isRead = true;
    this.isAnswerable = !hasBase64Key;
    this.wantsCas = false;
    let hasFlags = false;
    let hasValue = false;
    for (let at = flagsStart(bytes, length); at < length; at++) {
      if (bytes[at - 1] !== SPACE) continue;
      const letter = bytes[at]!;
      if (letter === CR) break;
      if (ASKING[letter] === 0) this.isRead = false;
      if (ANSWERABLE[letter] === 0) this.isAnswerable = false;
      if (letter === LETTER.c) this.wantsCas = true;
      else if (letter === LETTER.f) hasFlags = true;
      else if (letter === LETTER.v) hasValue = true;
    }
    this.isWhole = hasFlags && hasValue;
  }
}

/** Where the flags begin in `mg KEY FLAG...`. */
function flagsStart(bytes: Uint8Array, length: number): number {
  let at = 'mg '.length;
  while (at < length && bytes[at] !== SPACE && bytes[at] !== CR) at++;
  return at + 1;
}

/** What the line of a value says: `VA BYTES FLAG...`. */
export class MetaValue {
  /** Client flags and cas id: where their digits stand; end equals start where the line does not say. */
  flagsStart = 0;
  flagsEnd = 0;
  casStart = 0;
  casEnd = 0;
  /** The value, without its line end. */
  valueStart = 0;
  valueEnd = 0;

  /** @returns whether bytes [from, to) are such an answer, of an item that nobody is asked to renew */
  read(bytes: Uint8Array, from: number, to: number): boolean {
    this.flagsStart = this.flagsEnd = this.casStart = this.casEnd = 0;
    if (bytes[from] !== 86 || bytes[from + 1] !== 65) return false;
    let at = from + 'VA '.length;
    while (at < to && bytes[at] !== SPACE && bytes[at] !== CR) at++;
    while (at < to && bytes[at] === SPACE) {
      const letter = bytes[at + 1]!;
      const start = at + 2;
      at++;
      while (at < to && bytes[at] !== SPACE && bytes[at] !== CR) at++;
      if (isRenewal(letter)) return false;
      if (letter === LETTER.f) {
        this.flagsStart = start;
        this.flagsEnd = at;
      } else if (letter === LETTER.c) {
        this.casStart = start;
        this.casEnd = at;
      }
    }
    this.valueStart = at + 2;
    this.valueEnd = to - 2;
    return bytes[at + 1] === LF && this.valueEnd >= this.valueStart;
  }
}

function isRenewal(letter: number): boolean {
  return letter === LETTER.w || letter === LETTER.x || letter === LETTER.z;
}

/** Whether the answer to an `mg`, bytes [from, to), tells its client to renew the item, or that somebody does: it is for that client alone. */
export function asksToRenew(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from + 1; at < to && bytes[at] !== CR; at++)
    if (bytes[at - 1] === SPACE && isRenewal(bytes[at]!)) return true;
  return false;
}

/** Room for what `writeMetaAnswer` writes beside the value: two numbers, a cas id, and the words that the request has. */
export const META_ANSWER_ROOM = 128;

/**
 * Answers an `mg` out of a copy.
 *
 * @param target has META_ANSWER_ROOM and room for the request's line and the value
 * @param block the copy, `VALUE KEY FLAGS BYTES`, the value, CR LF, from `start` on; behind its `end` up to `casEnd` the cas id
 * @returns the length of the answer
 */
export function writeMetaAnswer(
  target: Uint8Array,
  request: Request,
  block: Uint8Array,
  start: number,
  end: number,
  casEnd: number,
): number {
  const keyEnd = wordEnd(block, start + 'VALUE '.length);
  const flagsEnd = wordEnd(block, keyEnd + 1);
  const bytesEnd = wordEnd(block, flagsEnd + 1);
  const { bytes, length } = request;
  const first = flagsStart(bytes, length);
  const wantsValue = hasWord(bytes, first, length, LETTER.v);
  let at = 0;
  target[at++] = wantsValue ? 86 : 72;
  target[at++] = wantsValue ? 65 : 68;
  if (wantsValue) {
    target[at++] = SPACE;
    at = copy(target, at, block, flagsEnd + 1, bytesEnd);
  }
  for (let flag = first; flag < length; flag++) {
    if (bytes[flag - 1] !== SPACE) continue;
    const letter = bytes[flag]!;
    if (letter === LETTER.v || letter === CR) continue;
    target[at++] = SPACE;
    if (letter === LETTER.o) {
      at = copy(target, at, bytes, flag, wordEnd(bytes, flag));
      continue;
    }
    target[at++] = letter;
    if (letter === LETTER.f) at = copy(target, at, block, keyEnd + 1, flagsEnd);
    else if (letter === LETTER.s) at = copy(target, at, block, flagsEnd + 1, bytesEnd);
    else if (letter === LETTER.c) at = copy(target, at, block, end, casEnd);
  }
  target[at++] = CR;
  target[at++] = LF;
  return wantsValue ? copy(target, at, block, bytesEnd + 2, end) : at;
}

function hasWord(bytes: Uint8Array, from: number, to: number, letter: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] === letter && bytes[at - 1] === SPACE) return true;
  return false;
}

function copy(target: Uint8Array, at: number, source: Uint8Array, from: number, to: number): number {
  if (to - from >= 256) {
    target.set(source.subarray(from, to), at);
    return at + to - from;
  }
  for (let i = from; i < to; i++) target[at + i - from] = source[i]!;
  return at + to - from;
}

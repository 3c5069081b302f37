/** What stands in the new place of a key for a moment, while its value is on its way; see carry-over.ts. */
import { wordEnd } from './line-words.ts';
import type { Request } from './request.ts';

/** A mark that nobody has replaced is gone after so long. */
export const MARK_SECONDS = 10;

const FLAGS = '2008391754';
const VALUE = 'twincached: on its way from its old place';

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** What stands behind the key in the `add` of a mark. */
export const MARK_TAIL: Uint8Array = ascii(` ${FLAGS} ${MARK_SECONDS} ${VALUE.length}\r\n${VALUE}\r\n`);

/** Behind the key of its block; then the length of the value. */
const BLOCK_FLAGS = ascii(` ${FLAGS} `);
const VALUE_BYTES = ascii(VALUE);
const META_VALUE = ascii('VA ');
const LINE_END_BYTES = 2;
const KEY_OFFSET = 'VALUE '.length;
const CR = 13;

/** Whether the block of a key is a mark, or what an append or a prepend has made of one: then the key had been deleted before that. */
export function isMark(answer: Request, key: number): boolean {
  const { reply } = answer;
  const [start, end] = [answer.blockStart(key), answer.blockEnd(key)];
  const keyEnd = wordEnd(reply, start + KEY_OFFSET);
  return holds(reply, keyEnd, BLOCK_FLAGS) && isMarkValue(reply, lineEnd(reply, keyEnd), end);
}

/** The same of the answer to an `mg` that has a value, whose flags it may not tell. */
export function isMetaMark({ reply, lineStart, lineEnd: end }: Request): boolean {
  return holds(reply, lineStart, META_VALUE) && isMarkValue(reply, lineEnd(reply, lineStart), end);
}

/** @param from the value, bytes [from, to) with its CR LF */
function isMarkValue(bytes: Uint8Array, from: number, to: number): boolean {
  const last = to - LINE_END_BYTES - VALUE_BYTES.length;
  return last >= from && (holds(bytes, from, VALUE_BYTES) || holds(bytes, last, VALUE_BYTES));
}

/** Where the cas token of a mark stands in the answer to a `gets`: [start, end). */
export function tokenOf(mark: Request): readonly [number, number] {
  const { reply } = mark;
  const keyEnd = wordEnd(reply, mark.blockStart(0) + KEY_OFFSET);
  const start = wordEnd(reply, keyEnd + BLOCK_FLAGS.length) + 1;
  return [start, wordEnd(reply, start)];
}

function holds(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false;
  return true;
}

/** Behind the CR LF of the line that `at` stands in. */
function lineEnd(bytes: Uint8Array, at: number): number {
  let end = at;
  while (bytes[end] !== CR) end++;
  return end + LINE_END_BYTES;
}

import { wordsOf } from '../base/word-view.ts';
import type { Request } from './request.ts';

const SPACE = 32;
const CR = 13;
const LF = 10;
const DIGIT_0 = 48;

/** `VALUE ` as two words, the first byte in the lowest bits. */
const VALU = 0x554c4156;
const E_SPACE = 0x2045;

/** Length of a block with an empty value and nothing for its key: `VALUE  0 0` and two line ends. */
const BLOCK_BYTES_MIN = 14;

/** Digits of a length that is read here; longer values are for the parser. */
const LENGTH_DIGITS_MAX = 9;

/** The key behind the last one that `matchBlocks` has found; -1: there is none. And how many it has found. */
export const matched = { keyBehind: -1, count: 0 };

/**
 * Finds the blocks of a server's answer, `VALUE KEY FLAGS BYTES [CAS]` and the value, as long as they are those of the keys that are expected next, in their
 * order, and whole. Most answers are nothing else. Since it is known which key must come, it is compared where it lies, and nothing but the length has to be
 * read.
 *
 * It writes down where the blocks would lie, if the whole run were put behind what is kept of the answer (`Request.keepRun`).
 *
 * @param firstKey the key that is expected first, the others by `keyNext`
 * @returns the index behind the last block; `start` when the first bytes are something else, and `matched` says no more then
 */
export function matchBlocks(
  request: Request,
  firstKey: number,
  input: Uint8Array,
  start: number,
  end: number,
): number {
  const { bytes, words, keyStart, keyEnd, keyNext, blockStarts, blockEnds } = request;
  const inputWords = wordsOf(input);
  const shift = request.keptBytes - start;
  let behind = start;
  let count = 0;
  let key = firstKey;
  // Flags and length of the block before, from the space behind the key to the LF: mostly they are the same again, and need not be read then.
  let tailAt = 0;
  let tailBytes = 0;
  let valueBytes = 0;
  // What is read beyond the end is of no consequence: a block counts when its end is known to lie before it.
  for (; key >= 0; key = keyNext[key]!) {
    let keyAt = keyStart[key]!;
    const keyTo = keyEnd[key]!;
    if (behind + keyTo - keyAt + BLOCK_BYTES_MIN > end) break;
    if (inputWords.getInt32(behind, true) !== VALU || inputWords.getInt16(behind + 4, true) !== E_SPACE)
      break;
    let at = behind + 6;
    for (; keyAt + 4 <= keyTo; keyAt += 4, at += 4)
      if (words.getInt32(keyAt, true) !== inputWords.getInt32(at, true)) break;
    while (keyAt < keyTo && bytes[keyAt] === input[at]) {
      keyAt++;
      at++;
    }
    if (keyAt < keyTo || input[at] !== SPACE) break;
    if (tailBytes > 0 && at + tailBytes <= end && isSame(inputWords, tailAt, at, tailBytes)) at += tailBytes;
    else {
      tailAt = at;
      const lineEnd = readTail(input, at);
      if (lineEnd < 0) break;
      at = lineEnd;
      tailBytes = at - tailAt;
      ({ valueBytes } = tail);
    }
    const valueEnd = at + valueBytes;
    if (valueEnd + 2 > end || input[valueEnd] !== CR || input[valueEnd + 1] !== LF) break;
    blockStarts[key] = behind + shift;
    behind = valueEnd + 2;
    blockEnds[key] = behind + shift;
    count++;
  }
  matched.keyBehind = key;
  matched.count = count;
  return behind;
}

/** The length of the value that `readTail` has read. */
const tail = { valueBytes: 0 };

/** Reads ` FLAGS BYTES [CAS]` and the line's end. @returns the index behind it; -1 when it is something else */
function readTail(input: Uint8Array, start: number): number {
  let at = start + 1;
  const flagsStart = at;
  while (isDigit(input[at])) at++;
  if (at === flagsStart || input[at] !== SPACE) return -1;
  const digitsStart = ++at;
  let valueBytes = 0;
  for (; isDigit(input[at]); at++) valueBytes = valueBytes * 10 + input[at]! - DIGIT_0;
  if (at === digitsStart || at - digitsStart > LENGTH_DIGITS_MAX) return -1;
  if (input[at] === SPACE) {
    const casStart = ++at;
    while (isDigit(input[at])) at++;
    if (at === casStart) return -1;
  }
  if (input[at] !== CR || input[at + 1] !== LF) return -1;
  tail.valueBytes = valueBytes;
  return at + 2;
}

/** Whether `count` bytes, at least four, are the same at two places of what was received. */
function isSame(words: DataView, one: number, other: number, count: number): boolean {
  const last = count - 4;
  for (let i = 0; i < last; i += 4)
    if (words.getInt32(one + i, true) !== words.getInt32(other + i, true)) return false;
  return words.getInt32(one + last, true) === words.getInt32(other + last, true);
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= DIGIT_0 && byte <= DIGIT_0 + 9;
}

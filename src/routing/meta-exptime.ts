import type { Request } from './request.ts';

const SPACE = 32;
const LETTER_T = 116;
const MINUS = 45;

/** The seconds that an item has left, as an exptime to store it with: those of ` tSECONDS` in the answer to an `mg`, where -1 is for ever. */
export function exptimeOfMeta({ reply, lineStart, lineEnd }: Request): number {
  for (let at = lineStart; at + 1 < lineEnd; at++) {
    if (reply[at] !== SPACE || reply[at + 1] !== LETTER_T) continue;
    const seconds = signedNumber(reply, at + 2, lineEnd);
    // An item in its last second: nothing lives for 0 seconds.
    return seconds < 0 ? 0 : Math.max(1, seconds);
  }
  return 0;
}

/** The whole number that stands at `start`. */
export function signedNumber(bytes: Uint8Array, start: number, end: number): number {
  const isNegative = bytes[start] === MINUS;
  let number = 0;
  for (let at = isNegative ? start + 1 : start; at < end; at++) {
    const digit = bytes[at]! - 48;
    if (digit < 0 || digit > 9) break;
    number = number * 10 + digit;
  }
  return isNegative ? -number : number;
}

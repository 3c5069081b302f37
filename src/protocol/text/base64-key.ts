/** Keys in base64 (RFC 4648, padded), as the meta commands' flag `b` has them. Bytes to bytes, without a string between. */

import { assert } from '../../base/assert.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PAD = 61;
const INVALID = 255;

const digits: Uint8Array = Uint8Array.from(ALPHABET, (character) => character.charCodeAt(0));
const values: Uint8Array = new Uint8Array(256).fill(INVALID);
for (let i = 0; i < 64; i++) values[digits[i]!] = i;

/**
 * Bytes that [start, end) stands for, at least 1; -1 when it is no base64. Surplus bits in the last digit are not looked at, as in
 * memcached.
 */
export function base64KeyBytes(bytes: Uint8Array, start: number, end: number): number {
  const count = end - start;
  if (count === 0 || (count & 3) !== 0) return -1;
  let padding = 0;
  if (bytes[end - 1] === PAD) padding = bytes[end - 2] === PAD ? 2 : 1;
  for (let i = start; i < end - padding; i++) if (values[bytes[i]!] === INVALID) return -1;
  return (count >>> 2) * 3 - padding;
}

/**
 * Decodes [start, end), which is valid, over itself.
 *
 * @returns the end of the decoded key, which begins at `start`
 */
export function decodeBase64Key(bytes: Uint8Array, start: number, end: number): number {
  const count = base64KeyBytes(bytes, start, end);
  assert(count > 0, 'a key to be decoded is base64');
  let at = start;
  for (let i = start; i < end; i += 4) {
    // What was padding decodes to anything and is cut off.
    const group =
      ((values[bytes[i]!]! & 63) << 18) |
      ((values[bytes[i + 1]!]! & 63) << 12) |
      ((values[bytes[i + 2]!]! & 63) << 6) |
      (values[bytes[i + 3]!]! & 63);
    bytes[at] = group >>> 16;
    bytes[at + 1] = group >>> 8;
    bytes[at + 2] = group;
    at += 3;
  }
  return start + count;
}

/** Bytes of `keyBytes` bytes in base64. */
export function base64Bytes(keyBytes: number): number {
  return 4 * Math.ceil(keyBytes / 3);
}

/** Writes [start, end) of `source` in base64 to `at` in `target`, another array or place. @returns the index behind */
export function encodeBase64Key(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
): number {
  for (let i = start; i < end; i += 3) {
    const left = end - i;
    const group = (source[i]! << 16) | (left > 1 ? source[i + 1]! << 8 : 0) | (left > 2 ? source[i + 2]! : 0);
    target[at] = digits[group >>> 18]!;
    target[at + 1] = digits[(group >>> 12) & 63]!;
    target[at + 2] = left > 1 ? digits[(group >>> 6) & 63]! : PAD;
    target[at + 3] = left > 2 ? digits[group & 63]! : PAD;
    at += 4;
  }
  return at;
}

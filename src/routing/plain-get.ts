import { KEY_BYTES_MAX } from '../base/limits.ts';
import { firstSpace, wordsOf } from '../base/word-view.ts';
import type { Request } from './request.ts';

const SPACE = 32;
const CR = 13;
const LF = 10;
const UNDERSCORE = 95;

/** Whether a line begins with `get `, in small letters. */
export function beginsPlainGet(input: Uint8Array, start: number, end: number): boolean {
  return (
    start + 4 < end &&
    input[start] === 103 &&
    input[start + 1] === 101 &&
    input[start + 2] === 116 &&
    input[start + 3] === SPACE
  );
}

/**
 * Reads `get KEY KEY ...` as nearly all clients write it: one space between words, none behind the last one, CR LF. It is what most clients send
 * most of the time, so it gets a way of its own: one pass over the line, which is then copied whole.
 *
 * @param request a record that was just acquired for a get; it is of no use when this fails
 * @param start of a line for which `beginsPlainGet` holds
 * @returns the index behind the line; -1 when it is another one, or may be, or has not come whole, or there is no room for it
 */
export function readPlainGet(request: Request, input: Uint8Array, start: number, end: number): number {
  let keyStart = start + 4;
  // Maybe for the proxy itself.
  if (input[keyStart] === UNDERSCORE && input[keyStart + 1] === UNDERSCORE) return -1;
  const words = wordsOf(input);
  for (;;) {
    const limit = Math.min(end, keyStart + KEY_BYTES_MAX + 1);
    let at = keyStart;
    for (; at + 4 <= limit; at += 4) {
      const place = firstSpace(words.getInt32(at, true));
      if (place < 0) continue;
      at += place;
      break;
    }
    while (at < limit && input[at]! > SPACE) at++;
    if (at === keyStart || at >= limit) return -1;
    const byte = input[at]!;
    request.addKey(keyStart - start, at - start);
    if (byte === SPACE) {
      keyStart = at + 1;
      continue;
    }
    const next = at + 2;
    if (byte !== CR || next > end || input[at + 1] !== LF || !request.reserve(next - start)) return -1;
    request.append(input, start, next);
    request.prefixEnd = 3;
    return next;
  }
}

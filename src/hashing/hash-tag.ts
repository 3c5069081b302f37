import type { KeyHash } from './key-hash.ts';

/**
 * twemproxy's `hash_tag`: where a key holds `open` and, behind it, `close` with at least one byte between them, only the bytes
 * between the first such pair are hashed, so that keys with one tag lie on one server. Other keys are hashed whole.
 *
 * @param open the first character of the tag, as a byte
 * @param close the second, which may be the same
 */
export function taggedHash(hash: KeyHash, open: number, close: number): KeyHash {
  return (bytes, start, end) => {
    let from = start;
    while (from < end && bytes[from] !== open) from++;
    from++;
    let to = from;
    while (to < end && bytes[to] !== close) to++;
    return from < to && to < end ? hash(bytes, from, to) : hash(bytes, start, end);
  };
}

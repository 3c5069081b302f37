import type { KeyHash } from './key-hash.ts';

/**
 * A hash of what stands before a mark in the key, so that keys that differ behind it lie on one server. Keys without the mark are hashed whole,
 * as are those that begin with it.
 *
 * @param mark at least one byte, such as mcrouter's `|#|`
 */
export function stoppedHash(hash: KeyHash, mark: Uint8Array): KeyHash {
  return (bytes, start, end) => {
    const last = end - mark.length;
    for (let at = start + 1; at <= last; at++) if (standsAt(bytes, at, mark)) return hash(bytes, start, at);
    return hash(bytes, start, end);
  };
}

function standsAt(bytes: Uint8Array, at: number, mark: Uint8Array): boolean {
  for (let i = 0; i < mark.length; i++) if (bytes[at + i] !== mark[i]) return false;
  return true;
}

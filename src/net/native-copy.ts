import { loadLibc } from './libc.ts';

/** Arrays whose addresses are remembered: a node's arenas, of which a small node has one. */
const KNOWN_MAX = 8;

/**
 * A copier of long byte ranges through the C library, or null where it cannot be reached.
 *
 * The two addresses of a copy are sums above 2^31, which the engine boxes for the call: 32 bytes of garbage a copy, worth it from some
 * hundred bytes on.
 *
 * @param known arrays that are copied from and to again and again, so that their addresses are asked for once
 */
export function nativeCopier(
  known: readonly Uint8Array[],
): ((target: Uint8Array, at: number, source: Uint8Array, start: number, count: number) => void) | null {
  const libc = loadLibc();
  if (libc === null) return null;
  const arrays = known.slice(0, KNOWN_MAX);
  const addresses = Float64Array.from(arrays, (bytes) => Number(libc.addressOf(bytes)));
  const addressOf = (bytes: Uint8Array): number => {
    for (let i = 0; i < arrays.length; i++) if (arrays[i] === bytes) return addresses[i]!;
    return Number(libc.addressOf(bytes));
  };
  return (target, at, source, start, count) => {
    libc.memmove(addressOf(target) + at, addressOf(source) + start, count);
  };
}

/**
 * twemproxy's `fnv1a_64`, its default hash. In spite of the name the original computes in 32 bits throughout, with the offset
 * basis and the prime of the 64-bit FNV cut to their low halves, and with bytes sign-extended.
 */
export function fnv1a64(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x84222325 | 0;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ ((bytes[i]! << 24) >> 24), 0x1b3);
  return hash >>> 0;
}

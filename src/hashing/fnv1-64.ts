/**
 * twemproxy's `fnv1_64`: the low half of the 64-bit FNV-1, with bytes sign-extended.
 *
 * The low 32 bits are all that is needed, and they depend on nothing above them: the prime 0x100000001b3 is 2^40 + 0x1b3, and
 * what the 2^40 contributes to a product lies above bit 31. So this is exact in 32-bit arithmetic.
 */
export function fnv164(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x84222325 | 0;
  for (let i = start; i < end; i++) hash = Math.imul(hash, 0x1b3) ^ ((bytes[i]! << 24) >> 24);
  return hash >>> 0;
}

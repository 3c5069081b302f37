/**
 * The hash of keys: HalfSipHash-1-3 with 32-bit output (Aumasson and Bernstein's SipHash on 32-bit words), keyed with two random
 * words, so that nobody who chooses keys can choose where they land in the index. The Linux kernel uses the same for its hash tables
 * on 32-bit machines. It takes a word of four bytes a round, so a key of a dozen bytes costs about as much as a plain
 * multiply-and-xor hash over bytes.
 */
export function keyHash(
  bytes: Uint8Array,
  start: number,
  end: number,
  seedLow: number,
  seedHigh: number,
): number {
  let v0 = seedLow | 0;
  let v1 = seedHigh | 0;
  let v2 = 0x6c796765 ^ v0;
  let v3 = 0x74656462 ^ v1;
  const length = end - start;
  const wholeEnd = end - (length & 3);
  let i = start;
  let last = length << 24;
  for (;;) {
    let word: number;
    const isLast = i === wholeEnd;
    if (isLast) {
      const rest = length & 3;
      if (rest > 0) last |= bytes[i]!;
      if (rest > 1) last |= bytes[i + 1]! << 8;
      if (rest > 2) last |= bytes[i + 2]! << 16;
      word = last;
    } else {
      word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
      i += 4;
    }
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
    if (isLast) break;
  }
  v2 ^= 0xff;
  for (let round = 0; round < 3; round++) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
  }
  return v1 ^ v3;
}

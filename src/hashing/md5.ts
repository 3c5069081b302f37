/**
 * MD5 (RFC 1321) over a range of bytes, without allocation. It serves placement only, where compatibility asks for it; as a
 * cryptographic hash it has been broken for decades.
 */

/** Left rotations of the four rounds; each row is used four times over in its round. */
const ROTATIONS = Uint8Array.of(7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21);

/** The constants of the 64 steps: the whole part of 2^32 * |sin(i + 1)|, as the RFC defines them. */
const SINES: Uint32Array = Uint32Array.from({ length: 64 }, (_, i) =>
  Math.floor(Math.abs(Math.sin(i + 1)) * 4294967296),
);

/** The last block, or last two, with the padding and the length in bits. */
const padded = new Uint8Array(128);

const block = new Uint32Array(16);

/**
 * The digest of the last call of `md5`, as its four 32-bit words. The RFC writes them little-endian, so the low byte of the first
 * word is the first byte of the digest.
 */
export const md5Words: Uint32Array = new Uint32Array(4);

function mixBlock(bytes: Uint8Array, at: number): void {
  for (let i = 0; i < 16; i++) {
    const from = at + i * 4;
    block[i] = bytes[from]! | (bytes[from + 1]! << 8) | (bytes[from + 2]! << 16) | (bytes[from + 3]! << 24);
  }
  let a = md5Words[0]! | 0;
  let b = md5Words[1]! | 0;
  let c = md5Words[2]! | 0;
  let d = md5Words[3]! | 0;
  for (let step = 0; step < 64; step++) {
    const round = step >> 4;
    let mixed: number;
    let word: number;
    if (round === 0) {
      mixed = (b & c) | (~b & d);
      word = step;
    } else if (round === 1) {
      mixed = (d & b) | (~d & c);
      word = (5 * step + 1) & 15;
    } else if (round === 2) {
      mixed = b ^ c ^ d;
      word = (3 * step + 5) & 15;
    } else {
      mixed = c ^ (b | ~d);
      word = (7 * step) & 15;
    }
    const sum = (a + mixed + SINES[step]! + block[word]!) | 0;
    const rotation = ROTATIONS[round * 4 + (step & 3)]!;
    a = d;
    d = c;
    c = b;
    b = (b + ((sum << rotation) | (sum >>> (32 - rotation)))) | 0;
  }
  md5Words[0] = md5Words[0]! + a;
  md5Words[1] = md5Words[1]! + b;
  md5Words[2] = md5Words[2]! + c;
  md5Words[3] = md5Words[3]! + d;
}

/** Leaves the digest of bytes [start, end) in `md5Words`. */
export function md5(bytes: Uint8Array, start: number, end: number): void {
  md5Words[0] = 0x67452301;
  md5Words[1] = 0xefcdab89;
  md5Words[2] = 0x98badcfe;
  md5Words[3] = 0x10325476;
  let at = start;
  for (; at + 64 <= end; at += 64) mixBlock(bytes, at);

  const rest = end - at;
  const paddedLength = rest < 56 ? 64 : 128;
  for (let i = 0; i < rest; i++) padded[i] = bytes[at + i]!;
  padded[rest] = 0x80;
  padded.fill(0, rest + 1, paddedLength);
  const length = end - start;
  const bitsLow = length << 3;
  const bitsHigh = Math.floor(length / 0x20000000);
  for (let i = 0; i < 4; i++) {
    padded[paddedLength - 8 + i] = bitsLow >>> (8 * i);
    padded[paddedLength - 4 + i] = bitsHigh >>> (8 * i);
  }
  mixBlock(padded, 0);
  if (paddedLength === 128) mixBlock(padded, 64);
}

/** twemproxy's `md5` and the key hash of a full-word ketama: the first four bytes of the digest, little-endian. */
export function md5Hash(bytes: Uint8Array, start: number, end: number): number {
  md5(bytes, start, end);
  return md5Words[0]!;
}

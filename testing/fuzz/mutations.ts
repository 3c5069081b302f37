import type { Random } from '../../src/base/random.ts';

/** Bytes that mean something to one of the protocols. */
const TELLING: readonly number[] = [0x00, 0x0a, 0x0d, 0x20, 0x2d, 0x30, 0x39, 0x7f, 0x80, 0x81, 0xff];

/**
 * Damages a stream of requests in one to eight places: flips and replaces bytes, cuts pieces out, doubles pieces, moves them, puts in junk.
 *
 * @returns the damaged stream; `bytes` stays as it is
 */
export function damaged(bytes: Buffer, random: Random): Buffer {
  let result = Buffer.from(bytes);
  for (let count = 1 + random.below(8); count > 0 && result.length > 0; count--) {
    const at = random.below(result.length);
    const length = Math.min(result.length - at, 1 + random.below(random.below(8) === 0 ? 300 : 8));
    const before = result.subarray(0, at);
    const piece = result.subarray(at, at + length);
    const behind = result.subarray(at + length);
    switch (random.below(6)) {
      case 0:
        result[at] = result[at]! ^ (1 << random.below(8));
        break;
      case 1:
        result[at] = TELLING[random.below(TELLING.length)]!;
        break;
      case 2:
        result = Buffer.concat([before, behind]);
        break;
      case 3:
        result = Buffer.concat([before, piece, piece, behind]);
        break;
      case 4:
        result = Buffer.concat([piece, before, behind]);
        break;
      default:
        result = Buffer.concat([before, junk(random, length), piece, behind]);
    }
  }
  return result;
}

/** Any bytes. */
export function junk(random: Random, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = random.below(256);
  return bytes;
}

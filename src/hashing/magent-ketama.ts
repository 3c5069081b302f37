import { assert } from '../base/assert.ts';
import type { Distribution } from './distribution.ts';
import { magentModuloHash } from './magent-modulo-hash.ts';
import { md5, md5Words } from './md5.ts';
import { addMarks, Ring } from './ring.ts';

/** Set in a hash that `magentByteHash` made by the modulo rule; all its others are below 256. */
const BY_MODULO = 0x80000000;

/** Where the key ends for magent: at its first NUL, as a C string does. */
function keyEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] !== 0) at++;
  return at;
}

/** The key hash of magent 0.7's ketama, and what `-k` was meant to be: the first word of the MD5. */
export function magentWordHash(bytes: Uint8Array, start: number, end: number): number {
  md5(bytes, start, keyEnd(bytes, start, end));
  return md5Words[0]!;
}

/**
 * The key hash of `-k` in magent 0.5 and 0.6, with their bug: a variable of one byte keeps only the first byte of the MD5, so
 * practically every key lies on the owner of the lowest point. Where that byte is 0 the originals go by the modulo rule; such a
 * hash comes out as 2^31 + the modulo hash, which `magentKetama` understands.
 */
export function magentByteHash(bytes: Uint8Array, start: number, end: number): number {
  md5(bytes, start, keyEnd(bytes, start, end));
  const byte = md5Words[0]! & 0xff;
  return byte === 0 ? BY_MODULO + magentModuloHash(bytes, start, end) : byte;
}

/** Digests per server: 500 but for a few server counts where single precision falls short of it, as in the original's C. */
export function magentDigestsPerServer(count: number): number {
  const { fround } = Math;
  const share = fround(fround(100) / fround(100 * count));
  return Math.floor(fround(fround(share * 500) * count));
}

/**
 * magent's ketama ring (`-k`): about 2000 points per server; all weights are equal there.
 *
 * @param names the servers as magent writes them, `IP-PORT` with the address as it was typed: `127.1-11221`
 * @param keyHash which of its two key hashes feeds the ring: `magentWordHash` or `magentByteHash`
 * @param weights ours: a server has so many times the points
 */
export function magentKetama(
  names: readonly string[],
  keyHash: 'word' | 'byte',
  weights: readonly number[] = [],
): Distribution {
  const count = names.length;
  assert(count > 0, 'a ring of no servers');
  const digests = magentDigestsPerServer(count);
  const marks: number[] = [];
  for (const [position, name] of names.entries())
    addMarks(marks, name, position, digests * (weights[position] ?? 1));
  const ring = new Ring(marks);
  if (keyHash === 'word') return { pick: (hash) => ring.ownerOf(hash) };
  return { pick: (hash) => (hash >= BY_MODULO ? (hash - BY_MODULO) % count : ring.ownerOf(hash)) };
}

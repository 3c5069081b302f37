import assert from 'node:assert/strict';
import { test } from 'node:test';
import { xxh32 } from './xxh32.ts';

const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

/** The specification once more, with numbers of any size and a byte at a time. */
function specified(bytes: Uint8Array, seed: number): number {
  const [p1, p2, p3, p4, p5] = [0x9e3779b1n, 0x85ebca77n, 0xc2b2ae3dn, 0x27d4eb2fn, 0x165667b1n] as const;
  const cut = (value: bigint): bigint => BigInt.asUintN(32, value);
  const rotate = (value: bigint, bits: bigint): bigint => cut((value << bits) | (value >> (32n - bits)));
  const word = (at: number): bigint =>
    bytes.subarray(at, at + 4).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const start = cut(BigInt(seed));
  let at = 0;
  let sum = cut(start + p5);
  if (bytes.length >= 16) {
    const lanes = [start + p1 + p2, start + p2, start, start - p1].map(cut);
    for (; at + 16 <= bytes.length; at += 16) {
      for (const [index, lane] of lanes.entries())
        lanes[index] = cut(rotate(cut(lane + word(at + 4 * index) * p2), 13n) * p1);
    }
    sum = [1n, 7n, 12n, 18n].reduce((all, bits, index) => cut(all + rotate(lanes[index]!, bits)), 0n);
  }
  sum = cut(sum + BigInt(bytes.length));
  for (; at + 4 <= bytes.length; at += 4) sum = cut(rotate(cut(sum + word(at) * p3), 17n) * p4);
  for (; at < bytes.length; at++) sum = cut(rotate(cut(sum + BigInt(bytes[at]!) * p5), 11n) * p1);
  sum = cut((sum ^ (sum >> 15n)) * p2);
  sum = cut((sum ^ (sum >> 13n)) * p3);
  return Number(BigInt.asIntN(32, sum ^ (sum >> 16n)));
}

test('known checksums', () => {
  assert.equal(xxh32(bytesOf(''), 0, 0, 0) >>> 0, 0x02cc5d05);
  assert.equal(xxh32(bytesOf('a'), 0, 1, 0) >>> 0, 0x550d7456);
  assert.equal(xxh32(bytesOf('abc'), 0, 3, 0) >>> 0, 0x32d153ff);
  assert.equal(xxh32(bytesOf('Nobody inspects the spammish repetition'), 0, 39, 0) >>> 0, 0xe2293b2f);
});

test('as specified, for each length up to several stripes, wherever the bytes begin, and each seed', () => {
  const bytes = new Uint8Array(200).map((_, index) => index * 37);
  for (let count = 0; count <= 70; count++) {
    for (const [from, seed] of [
      [0, 0],
      [3, 1],
      [61, -1],
      [62, 0x7fffffff],
    ] as const) {
      const expected = specified(bytes.slice(from, from + count), seed);
      assert.equal(xxh32(bytes, from, from + count, seed), expected, `${count} bytes from ${from}`);
    }
  }
});

test('one array after the other, and one that begins within another', () => {
  const bytes = new Uint8Array(100).map((_, index) => index * 37);
  const whole = xxh32(bytes, 3, 97, 5);
  const other = xxh32(new Uint8Array(32), 0, 32, 5);
  assert.equal(xxh32(bytes.subarray(3), 0, 94, 5), whole);
  assert.equal(xxh32(bytes.slice(3, 97), 0, 94, 5), whole);
  assert.equal(xxh32(new Uint8Array(32), 0, 32, 5), other);
  assert.equal(xxh32(bytes, 3, 97, 5), whole);
});

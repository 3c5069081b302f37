import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsed, parseUint64, writeDecimal, writeUint64 } from './uint64.ts';

const MAX = 2n ** 64n - 1n;

function parseText(text: string): bigint | null {
  const bytes = Buffer.from(`x${text}y`);
  parseUint64(bytes, 1, 1 + text.length);
  return parsed.valid ? (BigInt(parsed.high) << 32n) | BigInt(parsed.low) : null;
}

function writeText(high: number, low: number): string {
  const bytes = new Uint8Array(32);
  return Buffer.from(bytes.subarray(0, writeUint64(bytes, 0, high, low))).toString();
}

test('all 64-bit numbers are read and written as their decimal text', () => {
  const edges = [
    0n,
    9n,
    10n,
    2n ** 31n,
    2n ** 32n - 1n,
    2n ** 32n,
    2n ** 53n - 1n,
    2n ** 53n,
    MAX - 1n,
    MAX,
    10n ** 19n,
    // Where a number is cut in two, and where that is hardest.
    10n ** 9n - 1n,
    10n ** 9n,
    2n ** 31n - 1n,
    8388608n * 10n ** 9n - 1n,
    9007199n * 10n ** 9n - 1n,
    9007199n * 10n ** 9n,
    5n * 10n ** 9n + 7n,
  ];
  const check = (value: bigint): void => {
    assert.equal(parseText(value.toString()), value);
    assert.equal(writeText(Number(value >> 32n), Number(value & 0xffffffffn)), value.toString());
  };
  edges.forEach(check);
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: MAX }), check));
});

test('what is no unsigned 64-bit number is refused', () => {
  for (const text of [
    '',
    '-1',
    '+1',
    '1x',
    ' 1',
    '18446744073709551616',
    '99999999999999999999',
    '100000000000000000000',
    '1.0',
  ]) {
    assert.equal(parseText(text), null, text);
  }
  assert.equal(parseText('00000000000000000007'), 7n);
});

test('whole numbers of up to 53 bits are written in decimal', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      const bytes = new Uint8Array(20);
      assert.equal(Buffer.from(bytes.subarray(0, writeDecimal(bytes, 0, value))).toString(), String(value));
    }),
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { firstSpace, wordsOf } from './word-view.ts';

test('the first byte up to a space is found, whatever stands around it', () => {
  const byte = fc.oneof(
    fc.integer({ min: 0, max: 255 }),
    fc.constantFrom(0, 31, 32, 33, 34, 127, 128, 160, 255),
  );
  fc.assert(
    fc.property(fc.tuple(byte, byte, byte, byte), (bytes) => {
      const expected = bytes.findIndex((one) => one <= 32);
      assert.equal(firstSpace(wordsOf(Uint8Array.from(bytes)).getInt32(0, true)), expected);
    }),
    { numRuns: 5000 },
  );
});

test('a view is of the bytes that were asked for, also when arrays take turns or lie in one buffer', () => {
  const all = Uint8Array.from({ length: 32 }, (_, i) => i);
  const parts = [all, all.subarray(8, 24), all.subarray(9, 24), new Uint8Array(16)];
  for (let round = 0; round < 3; round++) {
    for (const part of parts) {
      const view = wordsOf(part);
      assert.equal(view, wordsOf(part), 'no new one for the same array');
      assert.equal(view.byteLength, part.length);
      assert.equal(view.getUint8(5), part[5]);
    }
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkInvariants } from '../../testing/store-invariants.ts';
import { TestCache } from '../../testing/test-cache.ts';
import { RESULT } from './cache.ts';

const CHUNK_BYTES_MAX = 16_384;

test('a full cache takes long values of any length, whatever class their last part belongs in', () => {
  const cache = new TestCache({ memoryBytesMax: 4 * 1024 * 1024, slabChunkBytesMax: CHUNK_BYTES_MAX });
  // The first run fills the memory. In the next ones the class of the last parts gets a page only, and that is full of last parts,
  // when there are still many items of the first run to be evicted.
  for (const rest of [15_000, 12_000, 9_000, 200]) {
    const value = 'v'.repeat(CHUNK_BYTES_MAX + rest);
    for (let i = 0; i < 300; i++) {
      assert.equal(
        cache.set(`long:${rest}:${i}`, value),
        RESULT.stored,
        `item ${i} of ${value.length} bytes`,
      );
    }
    assert.equal(cache.value(`long:${rest}:299`), value);
  }
  assert.ok(cache.cache.statistics().evictions > 600);
  checkInvariants(cache.shared);
});

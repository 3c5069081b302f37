import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkInvariants } from '../../testing/store-invariants.ts';
import { TestCache } from '../../testing/test-cache.ts';

test('a scan visits all that is there throughout, while the index grows and items come and go', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 40 }), (first, slice) => {
      const cache = new TestCache({ hashPower: 1, tombstonesMax: 1000 });
      for (let i = 0; i < first; i++) cache.set(`stays ${i}`, `v${i}`);
      for (let i = 0; i < 30; i++) cache.set(`goes ${i}`, 'v');
      cache.set('was deleted', 'v');
      cache.delete('was deleted');
      const seen = new Set<string>();
      let cursor = 0;
      let added = 0;
      const before = cache.cache.bucketCount;
      while (cursor !== -1) {
        cursor = cache.cache.scan(cursor, slice, (item) => {
          seen.add(cache.keyOf(item));
        });
        for (let i = 0; i < 3 && added < 500; i++) cache.set(`comes ${added++}`, 'v');
        cache.delete(`goes ${added % 30}`);
        // Stored anew, in another chunk.
        cache.set(`stays ${added % first}`, 'longer'.repeat(added % 50));
      }
      for (let i = 0; i < first; i++) assert.ok(seen.has(`stays ${i}`), `stays ${i}`);
      assert.ok(seen.has('was deleted'));
      assert.ok(added < 9 || cache.cache.bucketCount > before);
      checkInvariants(cache.shared);
    }),
    { numRuns: 60 },
  );
});

test('the crawler gives the memory of dead items back', () => {
  const cache = new TestCache();
  const now = cache.cache.nowSeconds;
  for (let i = 0; i < 1000; i++) cache.set(`k${i}`, 'v', 0, i % 2 === 0 ? now + 5 : 0);
  cache.cache.upkeep.crawl(1 << 20);
  assert.equal(cache.cache.statistics().currItems, 1000);
  cache.advance(5000);
  for (let i = 0; i < cache.cache.bucketCount; i += 1000) cache.cache.upkeep.crawl(1000);
  assert.equal(checkInvariants(cache.shared).items, 500);
  assert.equal(cache.cache.statistics().crawlerReclaimed, 500);
  cache.cache.flushAll(0);
  cache.cache.upkeep.crawl(1 << 20);
  cache.cache.upkeep.crawl(1 << 20);
  assert.equal(checkInvariants(cache.shared).items, 0);
});

test('the index grows bucket by bucket to more than a million', () => {
  const cache = new TestCache({ memoryBytesMax: 128 * 1024 * 1024, hashPower: 10 });
  const input = Buffer.alloc(20);
  const items = 1_100_000;
  const { cache: store } = cache;
  for (let i = 0; i < items; i++) {
    const end = input.write(`k${i}`, 'latin1');
    const hash = store.hash(input, 0, end);
    store.store(0, input, 0, end, hash, 0, 0, 0, 0, end);
  }
  const statistics = store.statistics();
  assert.equal(statistics.currItems, items);
  assert.ok(statistics.hashPowerLevel === 21, `${store.bucketCount} buckets`);
  assert.ok(store.bucketCount >= items - 1);
  for (let i = 0; i < items; i += 7) {
    const end = input.write(`k${i}`, 'latin1');
    const hash = store.hash(input, 0, end);
    const item = store.find(input, 0, end, hash);
    if (item === 0) assert.fail(`k${i} is gone`);
    store.release(hash);
  }
});

test('statistics begin anew, and levels stay', () => {
  const cache = new TestCache();
  cache.set('a', '1');
  cache.get('a');
  cache.cache.resetStatistics();
  const statistics = cache.cache.statistics();
  assert.deepEqual(
    [statistics.cmdSet, statistics.getHits, statistics.totalItems, statistics.currItems, statistics.bytes],
    [0, 0, 0, 1, 61],
  );
  cache.get('a');
  assert.equal(cache.cache.statistics().getHits, 1);
});

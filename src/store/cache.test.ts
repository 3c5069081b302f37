import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkInvariants } from '../../testing/store-invariants.ts';
import { TEST_START_MS, TestCache } from '../../testing/test-cache.ts';
import { MISS, RESULT, STORE_MODE } from './cache.ts';

const NOW = TEST_START_MS / 1000;

test('stores, finds, overwrites and deletes', () => {
  const cache = new TestCache();
  assert.equal(cache.get('a'), null);
  assert.equal(cache.cache.lastMiss, MISS.absent);
  assert.equal(cache.set('a', 'one', 7), RESULT.stored);
  const first = cache.get('a');
  assert.equal(first?.value, 'one');
  assert.equal(first?.flags, 7);
  assert.equal(first?.version, cache.cache.lastVersion);
  assert.equal(cache.set('a', 'a longer value than that', 0), RESULT.stored);
  assert.equal(cache.value('a'), 'a longer value than that');
  assert.equal(cache.get('a')?.flags, 0);
  assert.equal(cache.set('a', 'x'.repeat(5000), 4294967295), RESULT.stored);
  assert.equal(cache.value('a'), 'x'.repeat(5000));
  assert.equal(cache.get('a')?.flags, 4294967295);
  assert.equal(cache.delete('a'), RESULT.stored);
  assert.equal(cache.delete('a'), RESULT.notFound);
  assert.equal(cache.get('a'), null);
  assert.deepEqual(checkInvariants(cache.shared), { items: 0, tombstones: 0, reservedChunks: 0, bytes: 0 });
});

test('each mode of storing follows its rule, at once and in pieces', () => {
  for (const inPieces of [false, true]) {
    const cache = new TestCache();
    const store: TestCache['store'] = (...args) =>
      inPieces ? cache.storeInPieces(...args) : cache.store(...args);
    assert.equal(store(STORE_MODE.replace, 'k', '1'), RESULT.notStored);
    assert.equal(store(STORE_MODE.append, 'k', '1'), RESULT.notStored);
    assert.equal(store(STORE_MODE.prepend, 'k', '1'), RESULT.notStored);
    assert.equal(store(STORE_MODE.cas, 'k', '1', 0, 0, 5), RESULT.notFound);
    assert.equal(store(STORE_MODE.add, 'k', 'middle', 3, NOW + 10), RESULT.stored);
    assert.equal(store(STORE_MODE.add, 'k', 'other'), RESULT.notStored);
    const version = cache.get('k')?.version ?? 0;
    assert.equal(store(STORE_MODE.append, 'k', '-end', 9, 0, version + 8), RESULT.exists);
    assert.equal(store(STORE_MODE.append, 'k', '-end', 9), RESULT.stored);
    assert.equal(store(STORE_MODE.prepend, 'k', 'start-', 9), RESULT.stored);
    assert.deepEqual(cache.get('k'), {
      value: 'start-middle-end',
      flags: 3,
      version: cache.cache.lastVersion,
    });
    assert.equal(store(STORE_MODE.append, 'k', 'x'.repeat(300)), RESULT.stored);
    assert.equal(cache.value('k'), `start-middle-end${'x'.repeat(300)}`);
    assert.equal(store(STORE_MODE.cas, 'k', 'late', 0, 0, version), RESULT.exists);
    const present = cache.get('k')?.version ?? 0;
    assert.equal(cache.cache.lastVersion, present);
    assert.equal(store(STORE_MODE.cas, 'k', 'in time', 0, 0, present), RESULT.stored);
    assert.equal(store(STORE_MODE.cas, 'k', 'never', 0, 0, 0), RESULT.exists);
    assert.equal(store(STORE_MODE.replace, 'k', 'last', 1, NOW + 5), RESULT.stored);
    assert.equal(cache.value('k'), 'last');
    cache.advance(5000);
    assert.equal(cache.value('k'), null);
    assert.equal(cache.cache.lastMiss, MISS.expired);
    checkInvariants(cache.shared);
  }
});

test('a cache with twins pads no number, as the memcached that repcached is made of', () => {
  const cache = new TestCache({ feedBytes: 65536, tombstonesMax: 1000 });
  cache.set('n', '10', 4, NOW + 100);
  assert.equal(cache.arithmetic('n', false, 1n), '9');
  assert.equal(cache.value('n'), '9');
  assert.equal(cache.get('n')?.flags, 4);
  cache.set('n', `7${' '.repeat(30)}`);
  assert.equal(cache.arithmetic('n', true, 4n), '11');
  assert.equal(cache.value('n'), '11');
  checkInvariants(cache.shared);
});

test('numbers wrap upwards, stop at 0 downwards, and are padded in place', () => {
  const cache = new TestCache();
  assert.equal(cache.arithmetic('n', true, 1n), RESULT.notFound);
  cache.set('n', '9', 4, NOW + 100);
  assert.equal(cache.arithmetic('n', true, 1n), '10');
  assert.equal(cache.get('n')?.flags, 4);
  assert.equal(cache.value('n'), '10');
  assert.equal(cache.arithmetic('n', false, 1n), '9');
  assert.equal(cache.value('n'), '9 ');
  assert.equal(cache.arithmetic('n', false, 100n), '0');
  assert.equal(cache.arithmetic('n', true, 2n ** 64n - 1n), '18446744073709551615');
  assert.equal(cache.value('n'), '18446744073709551615');
  assert.equal(cache.arithmetic('n', true, 2n), '1');
  assert.equal(cache.value('n'), `1${' '.repeat(19)}`);
  for (const value of [' 5 ', '12 b', '0007', '7\n', '7\r\n', '\t\v7', '7\0', '7\0x', '7\fx']) {
    cache.set('n', value);
    assert.equal(cache.arithmetic('n', true, 1n), String(Number.parseInt(value, 10) + 1));
  }
  for (const value of ['', '-1', '+1', '12ab', 'x', '99999999999999999999', ' ', '\x007', '7\x0e', '\n']) {
    cache.set('n', value);
    assert.equal(cache.arithmetic('n', true, 1n), RESULT.nonNumeric, value);
  }
  // A number that outgrows its chunk moves to another class; its key, flags and expiry move along.
  const key = 'k'.repeat(96 - 40 - 4 - 1);
  cache.set(key, '9', 1, NOW + 100);
  assert.equal(cache.arithmetic(key, true, 1n), '10');
  assert.equal(cache.value(key), '10');
  assert.equal(cache.get(key)?.flags, 1);
  cache.advance(100_000);
  assert.equal(cache.get(key), null);
  checkInvariants(cache.shared);
});

test('an item is gone in the second of its expiry, and touch moves it', () => {
  const cache = new TestCache();
  cache.set('a', '1', 0, NOW + 1);
  cache.set('b', '1', 0, NOW + 1);
  cache.set('dead', '1', 0, 1);
  assert.equal(cache.get('dead'), null);
  cache.advance(999);
  assert.equal(cache.value('a'), '1');
  const version = cache.get('b')?.version;
  assert.equal(cache.touch('b', NOW + 3), true);
  assert.equal(cache.get('b')?.version, version);
  cache.advance(1);
  assert.equal(cache.touch('a', 0), false);
  assert.equal(cache.value('b'), '1');
  assert.equal(cache.touch('b', 0), true);
  cache.advance(1e9);
  assert.equal(cache.value('b'), '1');
  assert.equal(cache.cache.statistics().touchHits, 2);
  assert.equal(cache.cache.statistics().getExpired, 2);
  checkInvariants(cache.shared);
});

test('flush_all is an epoch: at once, or at the second memcached would strike', () => {
  const cache = new TestCache();
  cache.set('a', '1');
  cache.cache.flushAll(0);
  cache.set('b', '1');
  assert.equal(cache.value('a'), null);
  assert.equal(cache.cache.lastMiss, MISS.flushed);
  assert.equal(cache.value('b'), '1');

  // A delay of 1 acts at once, on what is stored in this second, too.
  cache.cache.flushAll(1);
  cache.advance(0);
  assert.equal(cache.value('b'), null);
  cache.set('c', '1');
  assert.equal(cache.value('c'), null);
  cache.advance(1000);
  cache.set('c', '1');
  assert.equal(cache.value('c'), '1');

  // A delay of n strikes n - 1 seconds later and takes what was stored meanwhile; a new one replaces it.
  cache.cache.flushAll(2);
  cache.cache.flushAll(10);
  cache.advance(8000);
  cache.set('d', '1');
  assert.equal(cache.value('c'), '1');
  cache.advance(1000);
  assert.equal(cache.value('c'), null);
  assert.equal(cache.value('d'), null);
  cache.advance(1000);
  cache.set('d', '1');
  assert.equal(cache.value('d'), '1');
  // A flush to come does not bring back what an earlier one killed.
  cache.set('e', '1');
  cache.cache.flushAll(0);
  cache.cache.flushAll(50);
  assert.equal(cache.value('e'), null);
  checkInvariants(cache.shared);
});

test('sizes are memcached sizes, at the limit and beyond', () => {
  const cache = new TestCache();
  const largest = 1048516;
  assert.equal(cache.set('k', 'x'.repeat(largest)), RESULT.stored);
  assert.equal(cache.value('k'), 'x'.repeat(largest));
  assert.equal(cache.cache.statistics().bytes, 1048576);
  assert.equal(cache.store(STORE_MODE.append, 'k', 'y'), RESULT.notStored);
  assert.equal(cache.store(STORE_MODE.add, 'k2', 'x'.repeat(largest + 1)), RESULT.tooLarge);
  assert.equal(cache.store(STORE_MODE.replace, 'k', 'x'.repeat(largest + 1)), RESULT.tooLarge);
  assert.equal(cache.value('k')?.length, largest);
  assert.equal(cache.set('k', 'x'.repeat(largest + 1)), RESULT.tooLarge);
  assert.equal(cache.get('k'), null, 'a set that is too large removes the old value');
  cache.set('k', 'old');
  assert.equal(cache.storeInPieces(STORE_MODE.set, 'k', 'x'.repeat(largest - 3), 1), RESULT.tooLarge);
  assert.equal(cache.get('k'), null);
  assert.equal(
    cache.storeInPieces(STORE_MODE.set, 'k', 'x'.repeat(largest - 4), 1, 0, 0, 9999),
    RESULT.stored,
  );
  assert.equal(cache.value('k')?.length, largest - 4);
  assert.equal(cache.set('k'.repeat(250), 'x'.repeat(1048267)), RESULT.stored);
  checkInvariants(cache.shared);
});

test('without cas ids sizes are 8 bytes less, and so much more fits', () => {
  const cache = new TestCache({ countsCas: false });
  assert.equal(cache.set('a', 'x'.repeat(1_048_576 - 52)), RESULT.stored);
  assert.equal(cache.cache.statistics().bytes, 1_048_576);
  assert.equal(cache.set('a', 'x'.repeat(1_048_576 - 51)), RESULT.tooLarge);
  assert.equal(cache.set('b', 'xyz', 1), RESULT.stored);
  assert.equal(cache.cache.statistics().bytes, 48 + 4 + 1 + 1 + 3 + 2);
  checkInvariants(cache.shared);
});

test('a 12-byte key with a 100-byte value takes a chunk of 152 bytes', () => {
  const cache = new TestCache();
  cache.set('key:00000001', 'v'.repeat(100));
  const [only, ...others] = cache.cache.classStatistics();
  assert.deepEqual(others, []);
  assert.equal(only?.chunkSize, 152);
  assert.equal(only?.slabClass, 3);
  assert.equal(only?.number, 1);
  assert.equal(only?.memRequested, 171);
  assert.equal(only?.usedChunks, 1);
});

test('eviction keeps the memory within its limit and the hot items in it', () => {
  const cache = new TestCache({ memoryBytesMax: 2 * 1024 * 1024 });
  const value = 'v'.repeat(1000);
  cache.set('hot', value);
  for (let i = 0; i < 20_000; i++) {
    assert.equal(cache.set(`key${i}`, value), RESULT.stored);
    if (i % 50 === 0) assert.equal(cache.value('hot'), value, `hot is gone after ${i}`);
  }
  const statistics = cache.cache.statistics();
  assert.ok(statistics.evictions > 17_000);
  assert.equal(statistics.totalMalloced, 2 * 1024 * 1024);
  assert.equal(statistics.currItems, checkInvariants(cache.shared).items);
  // Every class has a first page, also beyond the limit.
  assert.equal(cache.set('long', 'x'.repeat(3000)), RESULT.stored);
  assert.equal(cache.value('long')?.length, 3000);
});

test('without evictions a full memory refuses, and a refused set removes the old value', () => {
  const cache = new TestCache({ memoryBytesMax: 1024 * 1024, evict: false });
  const value = 'v'.repeat(1000);
  let stored = 0;
  while (cache.set(`key${stored}`, value) === RESULT.stored) stored++;
  assert.ok(stored > 800);
  assert.equal(cache.value('key0'), value);
  assert.equal(cache.set('key0', 'w'.repeat(1000)), RESULT.stored, 'an overwrite needs no memory');
  assert.equal(cache.set('key0', 'small'), RESULT.stored);
  assert.equal(cache.set('fresh', value), RESULT.stored, 'the chunk that became free');
  assert.equal(cache.set('key0', value), RESULT.noMemory);
  assert.equal(cache.value('key0'), null);
  assert.equal(cache.store(STORE_MODE.replace, 'key1', value, 1), RESULT.stored);
  cache.set('small', 's');
  assert.equal(cache.store(STORE_MODE.replace, 'small', value), RESULT.noMemory);
  assert.equal(cache.value('small'), 's');
  assert.equal(cache.store(STORE_MODE.append, 'small', value), RESULT.notStored);
  assert.equal(cache.storeInPieces(STORE_MODE.set, 'small', value), RESULT.noMemory);
  assert.equal(cache.value('small'), null);
  // Expired items make room.
  cache.set('key2', value, 0, NOW + 1);
  for (let i = 0; i < stored; i++) cache.touch(`key${i}`, NOW + 1);
  cache.advance(1000);
  assert.equal(cache.set('after', value), RESULT.stored);
  assert.equal(cache.cache.statistics().evictions, 0);
  checkInvariants(cache.shared);
});

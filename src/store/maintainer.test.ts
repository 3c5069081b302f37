import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkInvariants } from '../../testing/store-invariants.ts';
import { TestCache } from '../../testing/test-cache.ts';
import { type CacheOptions, RESULT, STORE_MODE } from './cache.ts';
import { useMemoryRelease } from './memory.ts';

const MIB: number = 1024 * 1024;

/** Lets background work run for some seconds of the virtual clock. */
function maintainFor(cache: TestCache, seconds: number): void {
  const end = cache.wallMs + seconds * 1000;
  while (cache.wallMs < end) cache.advance(Math.max(1, cache.cache.upkeep.maintain()));
}

function filled(changes: Partial<CacheOptions>, count: number, valueBytes: number): TestCache {
  const cache = new TestCache(changes);
  for (let i = 0; i < count; i++) assert.equal(cache.set(`old:${i}`, 'x'.repeat(valueBytes)), RESULT.stored);
  return cache;
}

/** Gets keys in turn and stores what is missing, as an application does. @returns hits per get */
function hitRatio(cache: TestCache, keys: number, gets: number, value: string): number {
  let hits = 0;
  for (let i = 0; i < gets; i++) {
    const key = `new:${i % keys}`;
    if (cache.get(key) !== null) hits++;
    else cache.set(key, value);
    if (i % 20 === 0) cache.advance(10);
    if (i % 20 === 10) cache.cache.upkeep.maintain();
  }
  return hits / gets;
}

test('pages follow demand: the hit ratio of long values recovers after short ones have filled the memory', () => {
  const long = 'y'.repeat(8192);
  const still = filled({ memoryBytesMax: 16 * MIB, maintenance: { automove: 0 } }, 110_000, 100);
  still.advance(1000);
  assert.ok(hitRatio(still, 1000, 20_000, long) < 0.2, 'without page moves there is no room');

  const cache = filled({ memoryBytesMax: 16 * MIB }, 110_000, 100);
  cache.advance(1000);
  hitRatio(cache, 1000, 60_000, long);
  assert.ok(hitRatio(cache, 1000, 20_000, long) > 0.9);
  const statistics = cache.cache.statistics();
  assert.ok(statistics.slabsMoved >= 8, `${statistics.slabsMoved} pages moved`);
  assert.ok(statistics.totalMalloced <= 17 * MIB);
  checkInvariants(cache.shared);
});

test('a page is moved when ordered, and its items are rescued while there is room', () => {
  const cache = filled({ memoryBytesMax: 8 * MIB, maintenance: { automove: 0 } }, 15_000, 100);
  const source = cache.cache.classStatistics()[0]!;
  assert.equal(source.totalPages, 3);
  for (let i = 0; i < 15_000; i += 2) cache.delete(`old:${i}`);
  const target = source.slabClass + 5;
  const largest = 39;
  assert.equal(cache.cache.upkeep.reassignPage(largest + 1, target), 'badClass');
  assert.equal(cache.cache.upkeep.reassignPage(source.slabClass, -1), 'badClass');
  assert.equal(cache.cache.upkeep.reassignPage(source.slabClass, source.slabClass), 'same');
  assert.equal(cache.cache.upkeep.reassignPage(target, source.slabClass), 'noSpare');
  assert.equal(cache.cache.upkeep.reassignPage(source.slabClass, target), 'moved');
  assert.equal(cache.cache.upkeep.reassignPage(source.slabClass, target), 'busy');
  maintainFor(cache, 2);
  for (let i = 1; i < 15_000; i += 2) assert.ok(cache.get(`old:${i}`) !== null, `old:${i} was rescued`);
  const after = cache.cache.classStatistics();
  assert.equal(after.find((one) => one.slabClass === source.slabClass)?.totalPages, 2);
  assert.equal(after.find((one) => one.slabClass === target)?.totalPages, 1);
  const statistics = cache.cache.statistics();
  assert.equal(statistics.slabsMoved, 1);
  assert.ok(statistics.moveRescues > 1000);
  assert.equal(statistics.evictions, 0);
  assert.equal(statistics.moveRunning, false);
  checkInvariants(cache.shared);
  assert.equal(cache.cache.upkeep.reassignPage(-1, 0), 'moved', 'from whichever class has one');
  maintainFor(cache, 2);
  assert.equal(cache.cache.statistics().poolPages, 1);
  assert.equal(cache.cache.upkeep.reassignPage(0, target), 'moved', 'from the pool');
  assert.equal(cache.cache.statistics().poolPages, 0);
  checkInvariants(cache.shared);
});

test('long values keep their bytes when pages of their chunks move', () => {
  const cache = new TestCache({
    memoryBytesMax: 20 * MIB,
    slabChunkBytesMax: 4096,
    maintenance: { automove: 0 },
  });
  const value = (i: number): string => `${i}:`.repeat(11_000 / String(`${i}:`).length);
  for (let i = 0; i < 1500; i++) cache.set(`long:${i}`, value(i));
  for (let i = 0; i < 1500; i += 3) cache.delete(`long:${i}`);
  const classes = cache.cache.classStatistics();
  for (let round = 0; round < 8; round++) {
    for (const { slabClass } of classes) {
      if (cache.cache.upkeep.reassignPage(slabClass, 0) === 'moved') maintainFor(cache, 1);
    }
  }
  let found = 0;
  for (let i = 0; i < 1500; i++) {
    const item = cache.value(`long:${i}`);
    if (item === null) continue;
    assert.equal(item, value(i));
    found++;
  }
  assert.ok(found > 500, `${found} of 1000 are left`);
  const statistics = cache.cache.statistics();
  assert.ok(statistics.moveChunkRescues > 100, `${statistics.moveChunkRescues} parts were moved`);
  assert.equal(statistics.poolPages, 8);
  checkInvariants(cache.shared);
});

test('a store that takes for ever makes a move be given up, and nothing is lost', () => {
  const cache = filled({ memoryBytesMax: 8 * MIB, maintenance: { automove: 0 } }, 12_000, 100);
  const slabClass = cache.cache.classStatistics()[0]!.slabClass;
  const input = new TextEncoder().encode('slow');
  const hash = cache.cache.hash(input, 0, 4);
  const reserved: number[] = [];
  for (let i = 0; i < 9000; i++) reserved.push(cache.cache.reserve(0, input, 0, 4, hash, 0, 0, 105));
  const before = cache.cache.statistics().currItems;
  for (let page = 0; page < 4; page++) {
    assert.equal(cache.cache.upkeep.reassignPage(slabClass, 0), 'moved');
    maintainFor(cache, 10);
    assert.equal(cache.cache.statistics().moveRunning, false);
  }
  checkInvariants(cache.shared, 9000);
  assert.ok(cache.cache.statistics().moveBusyItems > 0);
  assert.ok(cache.cache.statistics().currItems <= before);
  for (const item of reserved) cache.cache.abandon(item);
  checkInvariants(cache.shared);
});

test('the limit goes up at once, and down page by page, and the memory is given back', () => {
  let released = 0;
  useMemoryRelease((_bytes, start, end) => {
    released += end - start;
  });
  const cache = filled({ memoryBytesMax: 3 * MIB, memoryRoomBytes: 32 * MIB }, 100, 66_000);
  const evictions = cache.cache.statistics().evictions;
  assert.ok(evictions > 50);
  assert.equal(cache.cache.upkeep.setMemoryLimit(33 * MIB), false, 'there is no room for so much');
  assert.equal(cache.cache.upkeep.setMemoryLimit(16 * MIB), true);
  assert.equal(cache.cache.statistics().limitMaxbytes, 16 * MIB);
  for (let i = 0; i < 100; i++) cache.set(`more:${i}`, 'y'.repeat(66_000));
  assert.equal(cache.cache.statistics().evictions, evictions);
  assert.ok(cache.cache.statistics().totalMalloced >= 10 * MIB);
  assert.equal(cache.cache.upkeep.setMemoryLimit(4 * MIB), true);
  maintainFor(cache, 5);
  assert.equal(cache.cache.statistics().totalMalloced, 4 * MIB);
  assert.ok(released >= 6 * MIB, `${released} bytes were given back`);
  assert.ok(cache.cache.statistics().currItems > 20);
  checkInvariants(cache.shared);
  useMemoryRelease(() => {});
});

test('free pages go to the pool by themselves, and are used by any class', () => {
  const cache = filled({ memoryBytesMax: 16 * MIB }, 1500, 11_000);
  for (let i = 0; i < 1500; i++) cache.delete(`old:${i}`);
  maintainFor(cache, 20);
  assert.ok(
    cache.cache.statistics().poolPages > 11,
    `${cache.cache.statistics().poolPages} pages in the pool`,
  );
  assert.equal(cache.cache.statistics().totalMalloced, 16 * MIB);
  for (let i = 0; i < 4000; i++) cache.set(`other:${i}`, 'z'.repeat(4096));
  assert.equal(cache.cache.statistics().poolPages, 0);
  checkInvariants(cache.shared);
});

test('what ends is reclaimed within seconds, and a cache where nothing ends is not walked', () => {
  const cache = filled({}, 1000, 10);
  maintainFor(cache, 60);
  assert.equal(cache.cache.statistics().crawlerItemsChecked, 0);
  const now = Math.floor(cache.wallMs / 1000);
  for (let i = 0; i < 10; i++) cache.set(`short:${i}`, 'ok', 0, now + 2);
  assert.equal(cache.cache.statistics().currItems, 1010);
  maintainFor(cache, 5);
  const statistics = cache.cache.statistics();
  assert.equal(statistics.currItems, 1000);
  assert.equal(statistics.reclaimed, 10);
  assert.equal(statistics.crawlerReclaimed, 10);
  assert.equal(statistics.expiredUnfetched, 10);
  assert.equal(statistics.crawlerStarts, 1);
  maintainFor(cache, 60);
  assert.equal(cache.cache.statistics().crawlerStarts, 1);
  cache.cache.flushAll(0);
  maintainFor(cache, 5);
  assert.equal(cache.cache.statistics().currItems, 0);
});

test('a touch, an overwrite and a flush to come are seen by the crawler', () => {
  const cache = filled({}, 30, 10);
  const now = Math.floor(cache.wallMs / 1000);
  cache.touch('old:1', now + 3);
  cache.set('old:2', 'yyyyyyyyyy', 0, now + 4);
  maintainFor(cache, 7);
  assert.equal(cache.cache.statistics().currItems, 28);
  cache.cache.flushAll(10);
  cache.set('old:3', 'short', 0, now + 9);
  maintainFor(cache, 4);
  assert.equal(cache.cache.statistics().currItems, 27, 'a pass before the flush does not forget it');
  maintainFor(cache, 12);
  assert.equal(cache.cache.statistics().currItems, 0);
});

test('an expiry time that an invalidation or an incr gives is seen by the crawler', () => {
  const cache = filled({}, 30, 10);
  const soon = Math.floor(cache.wallMs / 1000) + 3;
  cache.set('number', '1');
  assert.equal(cache.invalidate('old:1', soon), RESULT.stored);
  assert.equal(cache.arithmetic('number', true, 1n, soon), '2');
  maintainFor(cache, 6);
  assert.equal(cache.cache.statistics().currItems, 29);
  assert.equal(cache.cache.statistics().crawlerReclaimed, 2);
});

test('a store in the place of an item that has ended counts as reclaimed, at once and in pieces', () => {
  const cache = filled({}, 3, 10);
  cache.advance(2000);
  cache.cache.flushAll(0);
  assert.equal(cache.cache.statistics().reclaimed, 0);
  cache.set('old:0', 'one');
  assert.equal(cache.cache.statistics().reclaimed, 1);
  cache.storeInPieces(STORE_MODE.set, 'old:1', 'two');
  assert.equal(cache.cache.statistics().reclaimed, 2);
  cache.set('old:0', 'three');
  cache.set('other', 'four');
  assert.equal(cache.cache.statistics().reclaimed, 2, 'what lives or was not there is not reclaimed');
});

test('a pass of the crawler can be asked for, for some classes', () => {
  const cache = new TestCache({ maintenance: { maintainer: false, crawler: false } });
  const now = Math.floor(cache.wallMs / 1000);
  for (let i = 0; i < 30; i++) {
    cache.set(`short:${i}`, 'ok', 0, now + 1);
    cache.set(`long:${i}`, 'x'.repeat(600), 0, now + 1);
  }
  maintainFor(cache, 10);
  assert.equal(cache.cache.statistics().currItems, 60, 'the crawler is off');
  assert.equal(cache.cache.upkeep.requestCrawl([1]), 'off');
  cache.cache.upkeep.settings.crawler = true;
  assert.equal(cache.cache.upkeep.requestCrawl([0]), 'badClass');
  assert.equal(cache.cache.upkeep.requestCrawl([40]), 'badClass');
  assert.equal(cache.cache.upkeep.requestCrawl([1]), 'ok');
  assert.equal(cache.cache.upkeep.requestCrawl([1]), 'busy');
  assert.equal(cache.cache.upkeep.isCrawling, true);
  while (cache.cache.upkeep.isCrawling) cache.cache.upkeep.maintain();
  assert.equal(cache.cache.statistics().currItems, 30);
  maintainFor(cache, 3);
  assert.equal(cache.cache.statistics().currItems, 0);
});

test('the maintainer sorts items as memcached shows them', () => {
  const cache = new TestCache({ memoryBytesMax: 6 * MIB });
  const value = 'B'.repeat(66_560);
  cache.set('canary', value);
  for (let i = 0; i < 30; i++) cache.set(`key:${i}`, value);
  maintainFor(cache, 2);
  const first = cache.cache.classStatistics()[0]!;
  assert.equal(first.slabClass, 31);
  assert.ok(first.movedToCold > 0);
  assert.equal(first.numberWarm, 0);
  cache.get('canary');
  cache.get('canary');
  const juggles = cache.cache.statistics().maintainerJuggles;
  maintainFor(cache, 6);
  assert.ok(cache.cache.statistics().maintainerJuggles >= juggles + 5);
  const second = cache.cache.classStatistics()[0]!;
  assert.equal(second.movedToMain, 1);
  assert.equal(second.numberWarm, 1);
  cache.get('key:20');
  cache.get('key:20');
  cache.get('key:10');
  maintainFor(cache, 2);
  assert.equal(
    cache.cache.classStatistics()[0]!.movedToMain,
    2,
    'what was hit twice moves from amid the others',
  );
  checkInvariants(cache.shared);
  for (let i = 30; i < 100; i++) cache.set(`key:${i}`, value);
  assert.ok(cache.cache.statistics().evictions > 0);
  assert.equal(cache.value('canary'), value);
});

test('items that end soon have a queue of their own and are never evicted', () => {
  const cache = new TestCache({ memoryBytesMax: 2 * MIB, maintenance: { temporaryTtlSeconds: 61 } });
  const value = 'B'.repeat(66_560);
  const now = Math.floor(cache.wallMs / 1000);
  cache.set('canary', value, 0, now + 30);
  assert.equal(cache.cache.classStatistics()[0]!.numberHot, 0);
  for (let i = 0; i < 100; i++) cache.set(`key:${i}`, value, 0, now + 3600);
  const one = cache.cache.classStatistics()[0]!;
  assert.ok(one.evicted > 0);
  assert.equal(one.numberTemporary, 1);
  assert.equal(cache.value('canary'), value);
  cache.set('canary', value);
  assert.equal(cache.cache.classStatistics()[0]!.numberTemporary, 0, 'with another end it changes the queue');
  checkInvariants(cache.shared);
});

test('chunk sizes can be given, and the index be kept as it is', () => {
  const cache = new TestCache({ slabSizes: [100, 200, 1000], hashPower: 4, hashExpand: false });
  cache.set('a', 'x'.repeat(150));
  for (let i = 0; i < 100; i++) cache.set(`k${i}`, 'v');
  assert.deepEqual(
    cache.cache.classStatistics().map((one) => one.chunkSize),
    [104, 200],
  );
  assert.equal(cache.cache.statistics().hashPowerLevel, 4);
  checkInvariants(cache.shared);
});

test('an item of many megabytes is stored in a chain, keeps its bytes while pages move, and gives all memory back', () => {
  const bytes = 40_000_000;
  const cache = new TestCache({
    memoryBytesMax: 96 * MIB,
    itemBytesMax: 64 * MIB,
    maintenance: { automove: 0 },
  });
  const value = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += 4) value.writeUInt32LE((at * 2654435761) >>> 0, at);
  const key = new TextEncoder().encode('large');
  const hash = cache.cache.hash(key, 0, key.length);
  const item = cache.cache.reserve(0, key, 0, key.length, hash, 0, 0, bytes);
  assert.notEqual(item, 0);
  for (let at = 0; at < bytes; at += 1_000_003) {
    cache.cache.fill(item, at, value, at, Math.min(bytes, at + 1_000_003));
  }
  assert.equal(cache.cache.commit(0, item, hash, 0), RESULT.stored);
  assert.equal(cache.cache.statistics().bytes, 59 + key.length + bytes);
  for (let round = 0; round < 5; round++) {
    assert.equal(cache.cache.upkeep.reassignPage(39, 1), 'moved');
    maintainFor(cache, 2);
  }
  assert.equal(cache.cache.statistics().moveEvictions, 0);
  assert.ok(cache.cache.statistics().moveChunkRescues > 3);
  const found = cache.cache.find(key, 0, key.length, hash);
  const output = Buffer.alloc(bytes);
  cache.cache.copyValue(found, output, 0);
  cache.cache.release(hash);
  assert.ok(output.equals(value));
  assert.equal(cache.delete('large'), RESULT.stored);
  assert.equal(cache.cache.statistics().bytes, 0);
  checkInvariants(cache.shared);
});

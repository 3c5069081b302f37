import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { seededRandom } from '../src/base/random.ts';
import { Cache, type CacheOptions, createSharedCache, type SharedCache } from '../src/store/cache.ts';
import { CHANGE, FEED, FeedReader } from '../src/store/change-feed.ts';
import { Geometry } from '../src/store/geometry.ts';
import { checkInvariants } from '../testing/store-invariants.ts';
import { STRESS_COUNTERS, type StressOrder, type StressReport } from '../testing/store-stress-worker.ts';
import { cacheOptions, TEST_START_MS, TestCache } from '../testing/test-cache.ts';

const THREADS = 4;

function stress(order: StressOrder): Promise<StressReport> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('../testing/store-stress-worker.js', import.meta.url), {
      workerData: order,
    });
    worker.on('message', resolve);
    worker.on('error', reject);
    worker.on('exit', (status) => reject(new Error(`the thread ended with ${status} and no report`)));
  });
}

/** Reads all rings while they are written: every record that is not overrun must be whole. */
function feedWatcher(shared: SharedCache): { look(): void; records: number; overruns: number } {
  const cache = new Cache(shared, THREADS);
  const readers = Array.from({ length: THREADS }, (_, thread) => new FeedReader(shared, thread));
  const watcher = {
    records: 0,
    overruns: 0,
    look(): void {
      for (const reader of readers) {
        for (let state = reader.next(); state !== FEED.empty; state = reader.next()) {
          if (state === FEED.overrun) {
            watcher.overruns++;
            reader.skipToHead();
            continue;
          }
          watcher.records++;
          assert.ok(reader.version > 0);
          if (reader.kind === CHANGE.flush) continue;
          assert.equal(reader.hash, cache.hash(reader.key, 0, reader.keyBytes), 'the record is whole');
        }
      }
    },
  };
  return watcher;
}

const MIB = 1024 * 1024;
const PASSES_PER_LOOK = 20;

/** Moves pages, changes the limit and lets the crawler run, as fast as it can, while the threads work. */
function upheaval(shared: SharedCache, seed: number): { look(): void; orders: number } {
  const cache = new Cache(shared, THREADS);
  const random = seededRandom(seed);
  const largest = new Geometry(shared.options).classes.largest;
  const work = {
    orders: 0,
    look(): void {
      cache.tick(TEST_START_MS);
      for (let i = 0; i < PASSES_PER_LOOK; i++) cache.upkeep.maintain();
      if (cache.upkeep.reassignPage(-1, random.below(largest + 1)) === 'moved') work.orders++;
      if (random.below(20) === 0) cache.upkeep.setMemoryLimit((10 + random.below(20)) * MIB);
      if (random.below(20) === 0) cache.upkeep.requestCrawl(null);
    },
  };
  return work;
}

async function stressAll(
  changes: Partial<CacheOptions>,
  prepare: (cache: TestCache) => void,
  order: Pick<StressOrder, 'operations' | 'valueBytesMax' | 'lossless'>,
  memoryMoves = false,
): Promise<{ shared: SharedCache; reports: StressReport[]; records: number }> {
  const shared = createSharedCache(cacheOptions({ threads: THREADS, ...changes }));
  prepare(new TestCache({}, shared, THREADS));
  const seed = Math.floor(Math.random() * 1e9);
  console.log(`seed ${seed}`);
  const watcher = feedWatcher(shared);
  const moves = memoryMoves ? upheaval(shared, seed) : null;
  const timer = setInterval(() => {
    watcher.look();
    moves?.look();
  }, 1);
  try {
    const reports = await Promise.all(
      Array.from({ length: THREADS }, (_, thread) =>
        stress({ shared, thread, seed: seed + thread, wallMs: TEST_START_MS, ...order }),
      ),
    );
    watcher.look();
    return { shared, reports, records: watcher.records };
  } finally {
    clearInterval(timer);
  }
}

function sum(reports: readonly StressReport[], count: (report: StressReport) => number): number {
  return reports.reduce((total, report) => total + count(report), 0);
}

test('four threads on one store lose no update', async () => {
  const { shared, reports, records } = await stressAll(
    { hashPower: 4, feedBytes: 1 << 16 },
    (cache) => {
      for (let i = 0; i < STRESS_COUNTERS; i++) {
        cache.set(`number:${i}`, '0');
        cache.set(`list:${i}`, '');
      }
    },
    { operations: 50_000, valueBytesMax: 20_000, lossless: true },
  );
  checkInvariants(shared);
  assert.ok(records > 0);
  const cache = new TestCache({}, shared, THREADS);
  let increments = 0;
  const letters = new Map<string, number>();
  for (let i = 0; i < STRESS_COUNTERS; i++) {
    increments += Number(cache.value(`number:${i}`));
    for (const letter of cache.value(`list:${i}`) ?? '') letters.set(letter, (letters.get(letter) ?? 0) + 1);
  }
  assert.equal(
    increments,
    sum(reports, (report) => report.increments),
  );
  assert.ok(increments > 1000);
  reports.forEach((report, thread) => {
    assert.equal(letters.get(String.fromCharCode(65 + thread)), report.appends);
  });
  assert.equal(cache.cache.statistics().evictions, 0);
});

test('four threads that evict, delete and flush never see a torn or foreign value', async () => {
  const { shared, reports } = await stressAll(
    {
      memoryBytesMax: 1024 * 1024,
      growthFactor: 2,
      slabChunkBytesMax: 4096,
      hashPower: 3,
      tombstonesMax: 50,
      feedBytes: 4096,
    },
    () => undefined,
    { operations: 50_000, valueBytesMax: 12_000, lossless: false },
  );
  checkInvariants(shared);
  assert.ok(sum(reports, (report) => report.hits) > 1000, 'there were hits');
  const statistics = new Cache(shared, THREADS).statistics();
  assert.ok(statistics.evictions > 1000, `${statistics.evictions} evictions`);
});

test('pages that move, a limit that changes and a crawler that runs disturb no value', async () => {
  const { shared, reports } = await stressAll(
    {
      memoryBytesMax: 20 * MIB,
      memoryRoomBytes: 32 * MIB,
      growthFactor: 2,
      slabChunkBytesMax: 16384,
      hashPower: 3,
      tombstonesMax: 50,
      feedBytes: 4096,
    },
    () => undefined,
    { operations: 20_000, valueBytesMax: 60_000, lossless: false },
    true,
  );
  checkInvariants(shared);
  assert.ok(sum(reports, (report) => report.hits) > 1000, 'there were hits');
  const statistics = new Cache(shared, THREADS).statistics();
  const figures = JSON.stringify(statistics);
  assert.ok(statistics.slabsMoved > 10, figures);
  assert.ok(statistics.moveRescues > 100, figures);
  assert.ok(statistics.moveChunkRescues > 10, figures);
});

test('a limit that is lowered while threads work is kept in the end', async () => {
  const { shared } = await stressAll(
    { memoryBytesMax: 30 * MIB, growthFactor: 2, slabChunkBytesMax: 16384, feedBytes: 4096 },
    () => undefined,
    { operations: 8_000, valueBytesMax: 60_000, lossless: false },
    true,
  );
  const cache = new TestCache({}, shared, THREADS);
  assert.ok(cache.cache.upkeep.setMemoryLimit(2 * MIB));
  for (let i = 0; i < 20_000; i++) {
    cache.advance(1);
    cache.cache.upkeep.maintain();
  }
  const census = checkInvariants(shared);
  const { totalMalloced, activeSlabs } = cache.cache.statistics();
  assert.ok(
    totalMalloced <= Math.max(2, activeSlabs) * MIB,
    `${totalMalloced} bytes in ${activeSlabs} classes`,
  );
  assert.ok(census.items > 0);
});

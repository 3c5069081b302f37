import assert from 'node:assert/strict';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { cacheOptions } from '../../testing/test-cache.ts';
import { Cache, createSharedCache, RESULT, STORE_MODE } from './cache.ts';

const KEYS = 1000;
const KEY_BYTES = 12;
const VALUE_BYTES = 100;
const REQUESTS = 3_000_000;
const NOW = Date.UTC(2026, 6, 1) / 1000;

/** Times that a clean run may be tried for. */
const TRIES_MAX = 8;

/**
 * Counts collections of the young generation. It holds some megabytes, so if a request left so much as one number on the heap
 * (16 bytes), three million would cause several. Others are not counted: the engine begins those of the old generation when time has
 * passed, too.
 */
async function collectionsDuring(work: () => void): Promise<number> {
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if ('detail' in entry && isOfTheYoung(entry.detail)) collections++;
  });
  observer.observe({ entryTypes: ['gc'] });
  work();
  // The entries come to the observer by way of two or three turns of the event loop.
  for (let turn = 0; turn < 10; turn++) await setImmediate();
  observer.disconnect();
  return collections;
}

function isOfTheYoung(detail: unknown): boolean {
  return (
    typeof detail === 'object' &&
    detail !== null &&
    'kind' in detail &&
    detail.kind === constants.NODE_PERFORMANCE_GC_MINOR
  );
}

/**
 * The fewest collections of several runs. On a busy machine the compiler's threads may be late, and until they have done the requests leave
 * garbage: a request that always does leaves some in every run.
 */
async function fewestCollections(work: () => void): Promise<number> {
  let fewest = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < TRIES_MAX && fewest > 0; tries++) {
    fewest = Math.min(fewest, await collectionsDuring(work));
  }
  return fewest;
}

test('a get, a touch and a set that overwrites leave nothing for the garbage collector', async () => {
  const cache = new Cache(
    createSharedCache(cacheOptions({ feedBytes: 65536, ioBytesPerThread: 1 << 17 })),
    0,
  );
  cache.tick(NOW * 1000);
  const { bytes, start } = cache.ioRegion;
  for (let i = 0; i < KEYS; i++) {
    const key = new TextEncoder().encode(`key:${String(i).padStart(KEY_BYTES - 4, '0')}`);
    bytes.set(key, start + i * KEY_BYTES);
  }
  const value = start + KEYS * KEY_BYTES;
  const output = value + VALUE_BYTES;

  const sets = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const key = start + (i % KEYS) * KEY_BYTES;
      const keyEnd = key + KEY_BYTES;
      const hash = cache.hash(bytes, key, keyEnd);
      const valueEnd = value + VALUE_BYTES - (i & 7);
      const result = cache.store(STORE_MODE.set, bytes, key, keyEnd, hash, 0, 0, 0, value, valueEnd);
      if (result !== RESULT.stored) throw new Error('not stored');
    }
  };
  const gets = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const key = start + (i % KEYS) * KEY_BYTES;
      const keyEnd = key + KEY_BYTES;
      const hash = cache.hash(bytes, key, keyEnd);
      const item = cache.find(bytes, key, keyEnd, hash);
      if (item === 0) throw new Error('not found');
      cache.noteHit(item);
      if (cache.valueBytes(item) > VALUE_BYTES || cache.clientFlags(item) !== 0) throw new Error('wrong');
      cache.copyValue(item, bytes, output);
      cache.release(hash);
    }
  };
  const touches = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const key = start + (i % KEYS) * KEY_BYTES;
      const keyEnd = key + KEY_BYTES;
      const hash = cache.hash(bytes, key, keyEnd);
      if (!cache.touch(bytes, key, keyEnd, hash, NOW + 1000 + (i & 7))) throw new Error('not found');
    }
  };
  const boxes: Uint8Array[] = [];
  const ofGarbage = await fewestCollections(() => {
    for (let i = 0; i < REQUESTS; i++) boxes[i & 7] = bytes.subarray(i & 7);
  });
  assert.ok(ofGarbage > 1, 'the measure sees garbage where there is some');
  sets(KEYS);
  const ofGets = await fewestCollections(() => gets(REQUESTS));
  const ofSets = await fewestCollections(() => sets(REQUESTS));
  const ofTouches = await fewestCollections(() => touches(REQUESTS));
  assert.equal(ofTouches, 0, 'collections while touching');
  assert.equal(ofGets, 0, 'collections while getting');
  assert.equal(ofSets, 0, 'collections while setting');
});

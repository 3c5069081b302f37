import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../src/base/assert.ts';
import { seededRandom } from '../src/base/random.ts';
import type { SharedCache, StoreMode } from '../src/store/cache.ts';
import { Cache, RESULT, STORE_MODE } from '../src/store/cache.ts';

/** What a stress thread is told. */
export interface StressOrder {
  readonly shared: SharedCache;
  readonly thread: number;
  readonly seed: number;
  readonly operations: number;
  readonly valueBytesMax: number;
  /** Nothing may be lost: no deletes and flushes; counters and lists are kept, and checked at the end. */
  readonly lossless: boolean;
  readonly wallMs: number;
}

export interface StressReport {
  readonly hits: number;
  readonly misses: number;
  /** Increments and appended pieces that were confirmed. */
  readonly increments: number;
  readonly appends: number;
}

export const STRESS_KEYS = 2000;
export const STRESS_COUNTERS = 4;
const HEADER_BYTES = 12;

/**
 * A value says which key it belongs to, with which seed and length it was made, and every other byte follows from the seed: so a
 * foreign value, a torn one and a stale rest of an older one are all seen.
 */
export function writeStressValue(
  bytes: Uint8Array,
  at: number,
  key: number,
  seed: number,
  length: number,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint32(at, key);
  view.setUint32(at + 4, seed);
  view.setUint32(at + 8, length);
  for (let i = HEADER_BYTES; i < length; i++) bytes[at + i] = (seed + i * 7) & 0xff;
}

/** Checks what `writeStressValue` wrote. @throws AssertionError */
export function checkStressValue(bytes: Uint8Array, at: number, key: number, length: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  assert(view.getUint32(at) === key, `a value of key ${view.getUint32(at)} is under key ${key}`);
  const seed = view.getUint32(at + 4);
  assert(view.getUint32(at + 8) === length, 'a value has the length that was stored');
  for (let i = HEADER_BYTES; i < length; i++) {
    assert(bytes[at + i] === ((seed + i * 7) & 0xff), `byte ${i} of a value of ${length} is of another one`);
  }
}

function run(order: StressOrder): StressReport {
  const { lossless, valueBytesMax, operations } = order;
  const cache = new Cache(order.shared, order.thread);
  const random = seededRandom(order.seed);
  const input = new Uint8Array(64 + valueBytesMax);
  const output = new Uint8Array(valueBytesMax);
  const text = new TextEncoder();
  const report = { hits: 0, misses: 0, increments: 0, appends: 0 };
  let cursor = 0;
  cache.tick(order.wallMs);
  for (let n = 0; n < operations; n++) {
    if (n % 64 === 0) cache.tick(order.wallMs + n / 64);
    const dice = random.below(1000);
    const key = random.below(random.below(2) === 0 ? 20 : STRESS_KEYS);
    const keyEnd = text.encodeInto(`key:${key}`, input).written;
    const hash = cache.hash(input, 0, keyEnd);
    if (dice < 450) {
      const item = cache.find(input, 0, keyEnd, hash);
      if (item === 0) {
        report.misses++;
        continue;
      }
      const length = cache.valueBytes(item);
      cache.noteHit(item);
      cache.copyValue(item, output, 0);
      cache.release(hash);
      checkStressValue(output, 0, key, length);
      report.hits++;
    } else if (dice < 800) {
      const long = random.below(lossless ? 20 : 3) === 0;
      const length = HEADER_BYTES + random.below(long ? valueBytesMax - HEADER_BYTES : 600);
      writeStressValue(input, keyEnd, key, random.below(1e6), length);
      const mode: StoreMode = dice < 750 ? STORE_MODE.set : dice < 775 ? STORE_MODE.add : STORE_MODE.replace;
      const flags = random.below(3);
      if (random.below(4) === 0) {
        const item = cache.reserve(mode, input, 0, keyEnd, hash, flags, 0, length);
        if (item === 0) continue;
        const middle = random.below(length);
        cache.fill(item, 0, input, keyEnd, keyEnd + middle);
        cache.fill(item, middle, input, keyEnd + middle, keyEnd + length);
        if (random.below(10) === 0) cache.abandon(item);
        else cache.commit(mode, item, hash, 0);
      } else {
        cache.store(mode, input, 0, keyEnd, hash, flags, 0, 0, keyEnd, keyEnd + length);
      }
    } else if (dice < 860) {
      if (!lossless && random.below(4) === 0) cache.delete(input, 0, keyEnd, hash, 0);
    } else if (dice < 880) {
      cache.touch(input, 0, keyEnd, hash, 0);
    } else if (dice < 980) {
      const counter = random.below(STRESS_COUNTERS);
      const end = text.encodeInto(`${dice < 930 ? 'number' : 'list'}:${counter}`, input).written;
      const itemHash = cache.hash(input, 0, end);
      if (dice < 930) {
        if (cache.arithmetic(input, 0, end, itemHash, true, 0, 1) === RESULT.stored) report.increments++;
      } else {
        input[end] = 65 + order.thread;
        const mode = dice < 955 ? STORE_MODE.append : STORE_MODE.prepend;
        if (cache.store(mode, input, 0, end, itemHash, 0, 0, 0, end, end + 1) === RESULT.stored)
          report.appends++;
      }
    } else if (dice < 995) {
      cache.upkeep.crawl(50);
      cursor = cache.scan(Math.max(0, cursor), 20, (item) => {
        assert(cache.version(item) > 0, 'an item has a version');
      });
    } else if (!lossless && random.below(100) === 0) {
      cache.flushAll(0);
    }
  }
  return report;
}

function isOrder(data: unknown): data is StressOrder {
  return typeof data === 'object' && data !== null && 'shared' in data && 'operations' in data;
}

if (parentPort !== null && isOrder(workerData)) parentPort.postMessage(run(workerData));

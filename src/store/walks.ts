import { CLASS_COUNTER, CLASS_COUNTERS, COUNTER } from './counters.ts';
import { CONTROL } from './geometry.ts';
import { STATE } from './layout.ts';
import { LIFE } from './lifetime.ts';
import type { Parts } from './parts.ts';

/**
 * Walks over the index. Buckets are visited in ascending order up to the last active one; growth moves items only to buckets behind
 * all others, so an item that is there for the whole walk is met, maybe twice, however much the index grows meanwhile.
 */
export class Walks {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  scan(cursor: number, bucketsMax: number, visit: (item: number, hash: number) => void): number {
    const { index, locks, items, lifetime } = this.#parts;
    const end = Math.min(cursor + bucketsMax, index.bucketCount());
    for (let bucket = cursor; bucket < end; bucket++) {
      if (index.firstOf(bucket) === 0) continue;
      const stripe = index.stripe(bucket);
      locks.acquire(stripe);
      try {
        for (let item = index.firstOf(bucket); item !== 0; item = items.next(item)) {
          if (lifetime.of(item) === LIFE.alive) visit(item, items.hash(item));
        }
      } finally {
        locks.release(stripe);
      }
    }
    return end < index.bucketCount() ? end : -1;
  }

  crawl(bucketsMax: number): void {
    const { index, control, counters } = this.#parts;
    const count = index.bucketCount();
    let bucket = Atomics.load(control, CONTROL.crawlBucket);
    if (bucket >= count) bucket = 0;
    const end = Math.min(bucket + bucketsMax, count);
    Atomics.store(control, CONTROL.crawlBucket, end);
    if (end === count) counters.general[COUNTER.crawlerPasses]!++;
    for (; bucket < end; bucket++) if (index.firstOf(bucket) !== 0) this.#crawlBucket(bucket);
  }

  #crawlBucket(bucket: number): void {
    const { index, locks, items, lifetime, tombstones, inventory, counters } = this.#parts;
    const stripe = index.stripe(bucket);
    locks.acquire(stripe);
    let item = index.firstOf(bucket);
    while (item !== 0) {
      const next = items.next(item);
      const kind = items.kind(item);
      const life = lifetime.of(item);
      if ((kind & STATE.tombstone) !== 0) {
        if (life !== LIFE.alive || tombstones.isOld(item)) {
          inventory.remove(item, items.hash(item));
          counters.general[COUNTER.tombstonesExpired]!++;
        }
      } else {
        const at = ((kind >>> 8) & 0xff) * CLASS_COUNTERS;
        counters.general[COUNTER.crawlerItemsChecked]!++;
        counters.byClass[at + CLASS_COUNTER.crawlerItemsChecked]!++;
        if (life !== LIFE.alive) {
          counters.general[COUNTER.crawlerReclaimed]!++;
          counters.byClass[at + CLASS_COUNTER.crawlerReclaimed]!++;
          if ((kind & STATE.fetched) === 0) counters.byClass[at + CLASS_COUNTER.expiredUnfetched]!++;
          inventory.remove(item, items.hash(item));
        }
      }
      item = next;
    }
    locks.release(stripe);
  }
}

import { TOUCHED_MAX } from './hash-index.ts';
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
      if ((bucket - cursor) % TOUCHED_MAX === 0) index.touchBuckets(bucket, end - bucket);
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
}

import type { Cache } from '../store/cache.ts';

/**
 * Adds one to a counter of this thread. Hits are the store's to count, because it tells them by slab class; commands and misses are counted
 * by who executes the request.
 *
 * @param counter one of COUNTER
 */
export function countOne(cache: Cache, counter: number): void {
  const { counters } = cache;
  counters[counter] = counters[counter]! + 1;
}

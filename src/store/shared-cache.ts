import type { CacheOptions } from './cache-options.ts';

/** The shared memory of a cache: structured-clonable, handed to every thread, which makes its own `Cache` over it. */
export interface SharedCache {
  readonly options: CacheOptions;
  /** Item memory; the first one begins with the threads' I/O regions. */
  readonly arenas: readonly SharedArrayBuffer[];
  /** Locks, slab class records and everything else that is small. */
  readonly control: SharedArrayBuffer;
  /** Buckets of the index. */
  readonly buckets: SharedArrayBuffer;
  /** The class of each page. */
  readonly pageClasses: SharedArrayBuffer;
  readonly ghosts: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly feed: SharedArrayBuffer;
  /** When items were touched last: see touch-stamps.ts. */
  readonly stamps: SharedArrayBuffer;
}

/**
 * Counters: one row of doubles for each thread, so that counting is a plain addition; statistics adds the rows up.
 *
 * WHO COUNTS. The store counts what it alone sees, and everything that is told by slab class (hits and sets included), so the
 * engine does NOT count hits: get_hits, cmd_set, delete_hits, incr_hits, decr_hits, cas_hits, cas_badval and touch_hits are
 * sums over the classes in `Cache.statistics()`. The engine counts commands and misses, the transport connections and bytes.
 */
export const COUNTER = {
  // The engine's.
  cmdGet: 0,
  cmdFlush: 1,
  cmdTouch: 2,
  cmdMeta: 3,
  getMisses: 4,
  deleteMisses: 5,
  incrMisses: 6,
  decrMisses: 7,
  casMisses: 8,
  touchMisses: 9,
  authCommands: 10,
  authErrors: 11,
  connectionYields: 12,
  idleKicks: 13,
  bytesRead: 14,
  bytesWritten: 15,
  logWorkerDropped: 16,
  logWorkerWritten: 17,
  logWatcherSkipped: 18,
  logWatcherSent: 19,

  // The store's.
  /** An expired item was met by any lookup; likewise a flushed one. */
  getExpired: 20,
  getFlushed: 21,
  storeTooLarge: 22,
  storeNoMemory: 23,
  totalItems: 24,
  crawlerItemsChecked: 25,
  crawlerReclaimed: 26,
  crawlerPasses: 27,
  tombstonesMade: 28,
  /** Deletes that could leave no tombstone, for want of memory or because there are too many. */
  tombstonesDropped: 29,
  tombstonesExpired: 30,
  /** Tombstones that gave way to items before their time. */
  tombstonesEvicted: 31,
  /** Versions given out while the clock was ahead of the wall by more than a second. */
  clockAhead: 33,
  /** Versions of peers that were too far in the future to be followed. */
  clockRefused: 34,
  peerApplied: 35,
  peerStale: 36,
  peerTooLarge: 37,
  peerNoMemory: 38,
  /** Evictions that passed over an item because its stripe was locked. */
  evictionBusy: 39,
  /** Buckets that were split. */
  indexSplits: 40,
  slabsMoved: 41,
  /** Items and continuations that were copied out of a page that leaves its class; items evicted elsewhere to make room for one. */
  moveRescues: 42,
  moveChunkRescues: 43,
  moveInlineReclaims: 44,
  /** Items that a move evicted, for want of a free chunk. */
  moveEvictions: 45,
  /** Chunks that could not be emptied because a store was under way, or for want of memory; moves that were given up. */
  moveBusyItems: 46,
  moveBusyNoMemory: 47,
  movesGivenUp: 48,
  crawlerStarts: 49,
  maintainerJuggles: 50,
  /** Touches whose stamp gave way to a later one's. */
  touchStampsDropped: 51,
  /** Touches of a peer that had no known order with those here. */
  touchesUnordered: 52,
} as const;

/** Doubles in a thread's row of general counters; whole cache lines, so that threads do not disturb each other. */
export const COUNTER_ROW = 64;

/** Counters by slab class; the store's. */
export const CLASS_COUNTER = {
  hitsSmall: 0,
  hitsMain: 1,
  cmdSet: 2,
  deleteHits: 3,
  incrHits: 4,
  decrHits: 5,
  casHits: 6,
  casBadval: 7,
  touchHits: 8,
  evicted: 9,
  evictedNonzero: 10,
  evictedUnfetched: 11,
  evictedActive: 12,
  expiredUnfetched: 13,
  reclaimed: 14,
  crawlerReclaimed: 15,
  crawlerItemsChecked: 16,
  outOfMemory: 17,
  /** From the small queue to the main one, and round within the main one. */
  movedToMain: 18,
  movedWithinMain: 19,
  lruTailBusy: 20,
  hitsTemporary: 21,
  /** Allocations that found their memory by removing an item. */
  directReclaims: 22,
  /** Items that fell behind the small queue's share, where they are the next to be evicted. */
  movedToCold: 23,
  /** These two go up and down and are not reset: items, and their sizes as memcached reckons them. */
  items: 30,
  memRequested: 31,
} as const;
/** Doubles for one class in a thread's row. */
export const CLASS_COUNTERS = 32;
/** From here on a counter is a level, not a count of events: `stats reset` leaves it. */
export const CLASS_LEVELS_FROM: number = CLASS_COUNTER.items;

const CLASSES = 64;
/** Doubles in all for one thread: the general row, then the classes'. */
export const THREAD_COUNTERS: number = COUNTER_ROW + CLASSES * CLASS_COUNTERS;

/** Bytes for `rows` threads and one row more, which holds what `stats reset` subtracts. */
export function countersBytes(rows: number): number {
  return (rows + 1) * THREAD_COUNTERS * 8;
}

/** One thread's rows. */
export class Counters {
  /** This thread's general counters, indexed by COUNTER. */
  readonly general: Float64Array;
  /** This thread's counters by class: class * CLASS_COUNTERS + CLASS_COUNTER. */
  readonly byClass: Float64Array;
  readonly #all: Float64Array;
  readonly #rows: number;

  constructor(buffer: SharedArrayBuffer, rows: number, thread: number) {
    const start = thread * THREAD_COUNTERS;
    this.#all = new Float64Array(buffer);
    this.#rows = rows;
    this.general = this.#all.subarray(start, start + COUNTER_ROW);
    this.byClass = this.#all.subarray(start + COUNTER_ROW, start + THREAD_COUNTERS);
  }

  /** A general counter over all threads, since the last reset. */
  total(counter: number): number {
    return this.#sum(counter);
  }

  /** A class's counter over all threads, since the last reset. */
  classTotal(slabClass: number, counter: number): number {
    return this.#sum(COUNTER_ROW + slabClass * CLASS_COUNTERS + counter);
  }

  /** The same since the cache began, whatever was reset. */
  classTotalSinceStart(slabClass: number, counter: number): number {
    const index = COUNTER_ROW + slabClass * CLASS_COUNTERS + counter;
    return this.#sum(index) + this.#all[this.#rows * THREAD_COUNTERS + index]!;
  }

  /**
   * Begins all counts anew, save levels. Threads go on counting meanwhile, so nothing of theirs is written: what they have
   * now is remembered and subtracted from then on.
   */
  reset(): void {
    const base = this.#rows * THREAD_COUNTERS;
    for (let i = 0; i < THREAD_COUNTERS; i++) {
      if (i >= COUNTER_ROW && (i - COUNTER_ROW) % CLASS_COUNTERS >= CLASS_LEVELS_FROM) continue;
      this.#all[base + i]! += this.#sum(i);
    }
  }

  #sum(index: number): number {
    let sum = 0;
    for (let row = 0; row < this.#rows; row++) sum += this.#all[row * THREAD_COUNTERS + index]!;
    return sum - this.#all[this.#rows * THREAD_COUNTERS + index]!;
  }
}

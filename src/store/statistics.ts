import { CLASS_COUNTER, COUNTER } from './counters.ts';
import { CLASS_WORD, CONTROL } from './geometry.ts';
import { PAGE_BYTES } from './layout.ts';
import type { Parts } from './parts.ts';

/** Totals over all threads, for `stats`. Counts are since the last reset. */
export interface CacheStatistics {
  /** Live items (expired ones count until they are met), and their sizes as memcached reckons them. */
  readonly currItems: number;
  readonly bytes: number;
  readonly totalItems: number;
  readonly limitMaxbytes: number;
  readonly getHits: number;
  readonly cmdSet: number;
  readonly deleteHits: number;
  readonly incrHits: number;
  readonly decrHits: number;
  readonly casHits: number;
  readonly casBadval: number;
  readonly touchHits: number;
  readonly getExpired: number;
  readonly getFlushed: number;
  readonly storeTooLarge: number;
  readonly storeNoMemory: number;
  readonly evictions: number;
  readonly evictedUnfetched: number;
  readonly evictedActive: number;
  readonly expiredUnfetched: number;
  readonly reclaimed: number;
  readonly crawlerReclaimed: number;
  readonly crawlerItemsChecked: number;
  readonly crawlerPasses: number;
  readonly lruTailBusy: number;
  readonly movedToMain: number;
  readonly movedWithinMain: number;
  readonly hashPowerLevel: number;
  readonly hashBytes: number;
  readonly activeSlabs: number;
  /** Bytes of all pages in use. */
  readonly totalMalloced: number;
  readonly tombstones: number;
  readonly tombstonesMade: number;
  readonly tombstonesDropped: number;
  readonly tombstonesExpired: number;
  readonly tombstonesEvicted: number;
  readonly clockAheadMicros: number;
  readonly clockAhead: number;
  readonly clockRefused: number;
  readonly peerApplied: number;
  readonly peerStale: number;
  readonly peerTooLarge: number;
  readonly peerNoMemory: number;
}

/** One slab class, for `stats slabs` and `stats items`. */
export interface ClassStatistics {
  readonly slabClass: number;
  readonly chunkSize: number;
  readonly chunksPerPage: number;
  readonly totalPages: number;
  readonly totalChunks: number;
  readonly usedChunks: number;
  /** Chunks on the free list; and never used ones of the newest page. */
  readonly freeChunks: number;
  readonly freeChunksEnd: number;
  readonly getHits: number;
  readonly hitsSmall: number;
  readonly hitsMain: number;
  readonly cmdSet: number;
  readonly deleteHits: number;
  readonly incrHits: number;
  readonly decrHits: number;
  readonly casHits: number;
  readonly casBadval: number;
  readonly touchHits: number;
  /** Live items; of them in the small queue (memcached's HOT) and in the main one (COLD). */
  readonly number: number;
  readonly numberSmall: number;
  readonly numberMain: number;
  /** Seconds since the last access of the next item to be evicted of each queue; 0 when the queue is empty. */
  readonly ageSmall: number;
  readonly ageMain: number;
  readonly memRequested: number;
  readonly evicted: number;
  readonly evictedNonzero: number;
  readonly evictedTime: number;
  readonly evictedUnfetched: number;
  readonly evictedActive: number;
  readonly outOfMemory: number;
  readonly reclaimed: number;
  readonly expiredUnfetched: number;
  readonly crawlerReclaimed: number;
  readonly crawlerItemsChecked: number;
  readonly lruTailBusy: number;
  readonly movedToMain: number;
  readonly movedWithinMain: number;
}

/** Statistics of one slab class. */
export function classStatistics(parts: Parts, slabClass: number): ClassStatistics {
  const { slabs, queues, items, geometry, control, counters, lifetime } = parts;
  const record = geometry.classRecord(slabClass);
  const chunksPerPage = geometry.classes.chunksPerPage[slabClass]!;
  const count = (counter: number): number => counters.classTotal(slabClass, counter);
  const age = (queue: number): number => {
    const oldest = queues.oldest(queue);
    return oldest === 0 ? 0 : Math.max(0, lifetime.nowSeconds - items.lastAccess(oldest));
  };
  slabs.lock(slabClass);
  const totalPages = control[record + CLASS_WORD.pages]!;
  const levels = {
    slabClass,
    chunkSize: geometry.classes.chunkBytes[slabClass]!,
    chunksPerPage,
    totalPages,
    totalChunks: totalPages * chunksPerPage,
    usedChunks: control[record + CLASS_WORD.usedChunks]!,
    freeChunks: control[record + CLASS_WORD.freeCount]!,
    freeChunksEnd: control[record + CLASS_WORD.unusedCount]!,
    numberSmall: queues.count(record + CLASS_WORD.small),
    numberMain: queues.count(record + CLASS_WORD.main),
    ageSmall: age(record + CLASS_WORD.small),
    ageMain: age(record + CLASS_WORD.main),
    evictedTime: control[record + CLASS_WORD.evictedTime]!,
  };
  slabs.unlock(slabClass);
  return {
    ...levels,
    number: levels.numberSmall + levels.numberMain,
    getHits: count(CLASS_COUNTER.hitsSmall) + count(CLASS_COUNTER.hitsMain),
    hitsSmall: count(CLASS_COUNTER.hitsSmall),
    hitsMain: count(CLASS_COUNTER.hitsMain),
    cmdSet: count(CLASS_COUNTER.cmdSet),
    deleteHits: count(CLASS_COUNTER.deleteHits),
    incrHits: count(CLASS_COUNTER.incrHits),
    decrHits: count(CLASS_COUNTER.decrHits),
    casHits: count(CLASS_COUNTER.casHits),
    casBadval: count(CLASS_COUNTER.casBadval),
    touchHits: count(CLASS_COUNTER.touchHits),
    memRequested: count(CLASS_COUNTER.memRequested),
    evicted: count(CLASS_COUNTER.evicted),
    evictedNonzero: count(CLASS_COUNTER.evictedNonzero),
    evictedUnfetched: count(CLASS_COUNTER.evictedUnfetched),
    evictedActive: count(CLASS_COUNTER.evictedActive),
    outOfMemory: count(CLASS_COUNTER.outOfMemory),
    reclaimed: count(CLASS_COUNTER.reclaimed),
    expiredUnfetched: count(CLASS_COUNTER.expiredUnfetched),
    crawlerReclaimed: count(CLASS_COUNTER.crawlerReclaimed),
    crawlerItemsChecked: count(CLASS_COUNTER.crawlerItemsChecked),
    lruTailBusy: count(CLASS_COUNTER.lruTailBusy),
    movedToMain: count(CLASS_COUNTER.movedToMain),
    movedWithinMain: count(CLASS_COUNTER.movedWithinMain),
  };
}

/** Statistics of every slab class that has a page, in order. */
export function allClassStatistics(parts: Parts): readonly ClassStatistics[] {
  const all: ClassStatistics[] = [];
  for (let slabClass = 1; slabClass <= parts.geometry.classes.largest; slabClass++) {
    if (parts.control[parts.geometry.classRecord(slabClass) + CLASS_WORD.pages] !== 0) {
      all.push(classStatistics(parts, slabClass));
    }
  }
  return all;
}

/** Totals over all threads and classes. */
export function cacheStatistics(parts: Parts): CacheStatistics {
  const { counters, index, control, clock, options } = parts;
  const total = (counter: number): number => counters.total(counter);
  const overClasses = (counter: number): number => {
    let sum = 0;
    for (let slabClass = 1; slabClass <= parts.geometry.classes.largest; slabClass++) {
      sum += counters.classTotal(slabClass, counter);
    }
    return sum;
  };
  let activeSlabs = 0;
  for (let slabClass = 1; slabClass <= parts.geometry.classes.largest; slabClass++) {
    if (control[parts.geometry.classRecord(slabClass) + CLASS_WORD.pages]! > 0) activeSlabs++;
  }
  const buckets = index.bucketCount();
  return {
    currItems: overClasses(CLASS_COUNTER.items),
    bytes: overClasses(CLASS_COUNTER.memRequested),
    totalItems: total(COUNTER.totalItems),
    limitMaxbytes: options.memoryBytesMax,
    getHits: overClasses(CLASS_COUNTER.hitsSmall) + overClasses(CLASS_COUNTER.hitsMain),
    cmdSet: overClasses(CLASS_COUNTER.cmdSet),
    deleteHits: overClasses(CLASS_COUNTER.deleteHits),
    incrHits: overClasses(CLASS_COUNTER.incrHits),
    decrHits: overClasses(CLASS_COUNTER.decrHits),
    casHits: overClasses(CLASS_COUNTER.casHits),
    casBadval: overClasses(CLASS_COUNTER.casBadval),
    touchHits: overClasses(CLASS_COUNTER.touchHits),
    getExpired: total(COUNTER.getExpired),
    getFlushed: total(COUNTER.getFlushed),
    storeTooLarge: total(COUNTER.storeTooLarge),
    storeNoMemory: total(COUNTER.storeNoMemory),
    evictions: overClasses(CLASS_COUNTER.evicted),
    evictedUnfetched: overClasses(CLASS_COUNTER.evictedUnfetched),
    evictedActive: overClasses(CLASS_COUNTER.evictedActive),
    expiredUnfetched: overClasses(CLASS_COUNTER.expiredUnfetched),
    reclaimed: overClasses(CLASS_COUNTER.reclaimed),
    crawlerReclaimed: total(COUNTER.crawlerReclaimed),
    crawlerItemsChecked: total(COUNTER.crawlerItemsChecked),
    crawlerPasses: total(COUNTER.crawlerPasses),
    lruTailBusy: overClasses(CLASS_COUNTER.lruTailBusy),
    movedToMain: overClasses(CLASS_COUNTER.movedToMain),
    movedWithinMain: overClasses(CLASS_COUNTER.movedWithinMain),
    hashPowerLevel: Math.ceil(Math.log2(buckets)),
    hashBytes: buckets * 4,
    activeSlabs,
    totalMalloced: Atomics.load(control, CONTROL.pages) * PAGE_BYTES,
    tombstones: Atomics.load(control, CONTROL.tombstones),
    tombstonesMade: total(COUNTER.tombstonesMade),
    tombstonesDropped: total(COUNTER.tombstonesDropped),
    tombstonesExpired: total(COUNTER.tombstonesExpired),
    tombstonesEvicted: total(COUNTER.tombstonesEvicted),
    clockAheadMicros: clock.aheadMicros(),
    clockAhead: total(COUNTER.clockAhead),
    clockRefused: total(COUNTER.clockRefused),
    peerApplied: total(COUNTER.peerApplied),
    peerStale: total(COUNTER.peerStale),
    peerTooLarge: total(COUNTER.peerTooLarge),
    peerNoMemory: total(COUNTER.peerNoMemory),
  };
}

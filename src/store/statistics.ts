import { CLASS_COUNTER, COUNTER } from './counters.ts';
import { CLASS_WORD, CONTROL, CONTROL_DOUBLE } from './geometry.ts';
import { PAGE_BYTES } from './layout.ts';
import type { Parts } from './parts.ts';

/** Items that `age_hot` steps over at most. */
const HOT_STEPS_MAX = 2000;

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
  readonly crawlerStarts: number;
  readonly crawlerRunning: boolean;
  readonly maintainerJuggles: number;
  readonly movedToCold: number;
  readonly directReclaims: number;
  /** Page moves: see page-mover.ts. */
  readonly slabsMoved: number;
  readonly poolPages: number;
  readonly moveRunning: boolean;
  readonly moveRescues: number;
  readonly moveChunkRescues: number;
  readonly moveInlineReclaims: number;
  readonly moveEvictions: number;
  readonly moveBusyItems: number;
  readonly moveBusyNoMemory: number;
  readonly lruTailBusy: number;
  readonly movedToMain: number;
  readonly movedWithinMain: number;
  readonly hashPowerLevel: number;
  readonly hashBytes: number;
  readonly activeSlabs: number;
  /** Bytes of all pages held, those of the pool included. */
  readonly totalMalloced: number;
  readonly tombstones: number;
  readonly tombstonesMade: number;
  readonly tombstonesDropped: number;
  readonly touchStamps: number;
  readonly touchStampsDropped: number;
  readonly touchesUnordered: number;
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
  readonly hitsTemporary: number;
  readonly cmdSet: number;
  readonly deleteHits: number;
  readonly incrHits: number;
  readonly decrHits: number;
  readonly casHits: number;
  readonly casBadval: number;
  readonly touchHits: number;
  /**
   * Live items, and memcached's names for where they are: WARM is the main queue; HOT the small one within its share of the class, COLD what it
   * holds beyond, which eviction looks at next; TEMP the items that end soon. Without a maintainer all others are COLD.
   */
  readonly number: number;
  readonly numberHot: number;
  readonly numberWarm: number;
  readonly numberCold: number;
  readonly numberTemporary: number;
  /** Seconds since the last access of the oldest item there; 0 when there is none. */
  readonly ageHot: number;
  readonly ageWarm: number;
  readonly ageCold: number;
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
  readonly movedToCold: number;
  readonly movedWithinMain: number;
  readonly directReclaims: number;
}

/** Statistics of one slab class. */
export function classStatistics(parts: Parts, slabClass: number): ClassStatistics {
  const { slabs, queues, items, geometry, control, counters, lifetime, evictor, settings } = parts;
  const record = geometry.classRecord(slabClass);
  const chunksPerPage = geometry.classes.chunksPerPage[slabClass]!;
  const count = (counter: number): number => counters.classTotal(slabClass, counter);
  const age = (item: number): number =>
    item === 0 ? 0 : Math.max(0, lifetime.nowSeconds - items.lastAccess(item));
  slabs.lock(slabClass);
  const totalPages = slabs.pagesOf(slabClass);
  const small = queues.count(record + CLASS_WORD.small);
  const main = queues.count(record + CLASS_WORD.main);
  const isSorted = settings.maintainer;
  const cold = isSorted ? evictor.coldCount(slabClass) : small + main;
  const hot = isSorted ? small - cold : 0;
  const oldestSmall = queues.oldest(record + CLASS_WORD.small);
  const oldestMain = queues.oldest(record + CLASS_WORD.main);
  // The border between hot and cold is only a count: the oldest hot item is so many from the newest.
  let oldestHot = hot === 0 ? 0 : queues.newest(record + CLASS_WORD.small);
  for (let step = 1; step < Math.min(hot, HOT_STEPS_MAX); step++) oldestHot = queues.older(oldestHot);
  const levels = {
    slabClass,
    chunkSize: geometry.classes.chunkBytes[slabClass]!,
    chunksPerPage,
    totalPages,
    totalChunks: totalPages * chunksPerPage,
    usedChunks: control[record + CLASS_WORD.usedChunks]!,
    freeChunks:
      control[record + CLASS_WORD.freeCount]! + control[record + CLASS_WORD.grantedPages]! * chunksPerPage,
    freeChunksEnd: control[record + CLASS_WORD.unusedCount]!,
    numberHot: hot,
    numberWarm: isSorted ? main : 0,
    numberCold: cold,
    numberTemporary: queues.count(record + CLASS_WORD.temporary),
    ageHot: age(oldestHot),
    ageWarm: isSorted ? age(oldestMain) : 0,
    ageCold: cold === 0 ? 0 : isSorted ? age(oldestSmall) : Math.max(age(oldestSmall), age(oldestMain)),
    evictedTime: control[record + CLASS_WORD.evictedTime]!,
  };
  slabs.unlock(slabClass);
  return {
    ...levels,
    number: small + main + levels.numberTemporary,
    getHits:
      count(CLASS_COUNTER.hitsSmall) + count(CLASS_COUNTER.hitsMain) + count(CLASS_COUNTER.hitsTemporary),
    hitsSmall: count(CLASS_COUNTER.hitsSmall),
    hitsMain: count(CLASS_COUNTER.hitsMain),
    hitsTemporary: count(CLASS_COUNTER.hitsTemporary),
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
    movedToCold: count(CLASS_COUNTER.movedToCold),
    movedWithinMain: count(CLASS_COUNTER.movedWithinMain),
    directReclaims: count(CLASS_COUNTER.directReclaims),
  };
}

/** Statistics of every slab class that has a page, in order. */
export function allClassStatistics(parts: Parts): readonly ClassStatistics[] {
  const all: ClassStatistics[] = [];
  for (let slabClass = 1; slabClass <= parts.geometry.classes.largest; slabClass++) {
    if (parts.slabs.pagesOf(slabClass) !== 0) {
      all.push(classStatistics(parts, slabClass));
    }
  }
  return all;
}

/** Totals over all threads and classes. */
export function cacheStatistics(parts: Parts): CacheStatistics {
  const { counters, index, control, clock, doubles } = parts;
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
    if (parts.slabs.pagesOf(slabClass) > 0) activeSlabs++;
  }
  const buckets = index.bucketCount();
  return {
    currItems: overClasses(CLASS_COUNTER.items),
    bytes: overClasses(CLASS_COUNTER.memRequested),
    totalItems: total(COUNTER.totalItems),
    limitMaxbytes: doubles[CONTROL_DOUBLE.memoryLimit]!,
    getHits:
      overClasses(CLASS_COUNTER.hitsSmall) +
      overClasses(CLASS_COUNTER.hitsMain) +
      overClasses(CLASS_COUNTER.hitsTemporary),
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
    crawlerStarts: total(COUNTER.crawlerStarts),
    crawlerRunning:
      Atomics.load(control, CONTROL.crawlRunning) !== 0 || Atomics.load(control, CONTROL.crawlState) !== 0,
    maintainerJuggles: total(COUNTER.maintainerJuggles),
    movedToCold: overClasses(CLASS_COUNTER.movedToCold),
    directReclaims: overClasses(CLASS_COUNTER.directReclaims),
    slabsMoved: total(COUNTER.slabsMoved),
    poolPages: Atomics.load(control, CONTROL.poolPages),
    moveRunning: Atomics.load(control, CONTROL.moveState) !== 0,
    moveRescues: total(COUNTER.moveRescues),
    moveChunkRescues: total(COUNTER.moveChunkRescues),
    moveInlineReclaims: total(COUNTER.moveInlineReclaims),
    moveEvictions: total(COUNTER.moveEvictions),
    moveBusyItems: total(COUNTER.moveBusyItems),
    moveBusyNoMemory: total(COUNTER.moveBusyNoMemory),
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
    touchStamps: Atomics.load(control, CONTROL.touchStamps),
    touchStampsDropped: total(COUNTER.touchStampsDropped),
    touchesUnordered: total(COUNTER.touchesUnordered),
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

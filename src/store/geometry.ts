import { assert } from '../base/assert.ts';
import type { CacheOptions } from './cache-options.ts';
import { ARENA_BYTES_MAX, MEMCACHED_CAS_BYTES, PAGE_BYTES, PAGE_UNITS, UNIT_BYTES } from './layout.ts';
import { givenSlabClassSizes, SLAB_CLASSES_MAX, SlabClasses, slabClassSizes } from './slab-classes.ts';

/**
 * Words of the control block, before the locks. What every request reads stands in a cache line apart from what changes often: a line
 * that one thread writes is lost to the caches of the others.
 */
export const CONTROL = {
  /** Active buckets of the index. */
  buckets: 0,
  /** Counts changes of the flush epochs, so that threads know when to read them again. */
  flushEpoch: 1,
  /** The node's slot: the low three bits of its versions. */
  nodeSlot: 2,
  /** Items in the index, tombstones included. */
  linked: 16,
  tombstones: 32,
  /** Entries in use of the table of touches. */
  touchStamps: 33,
  /** Pages held: those of slab classes, those promised to one, and those of the pool. */
  pages: 48,
  /** Pages that may be held (`-m`, `cache_memlimit`), save that every class may have one in any case. */
  pagesLimit: 49,
  /** Pages held that are in no class: whichever class needs one first takes it. */
  poolPages: 50,
  /** The page that is being emptied: see page-mover.ts. */
  moveState: 51,
  moveSource: 52,
  moveTarget: 53,
  movePage: 54,
  moveCursor: 55,
  /** Chunks of that page from here on were never used. */
  moveEnd: 56,
  movePasses: 57,
  /** Next bucket that the crawler looks at, and what it was asked for: see crawler.ts. */
  crawlBucket: 59,
  crawlState: 60,
  crawlClassesLow: 61,
  crawlClassesHigh: 62,
  crawlRunning: 63,
  /** No item and no tombstone ends before this unix second; lowered by whoever writes one that does. */
  earliestEnd: 64,
  /** Whether the limit was lowered since the start: then pages are given back until it is kept. */
  limitLowered: 65,
  /** What may be set while the cache is in use: see maintenance-settings.ts. */
  settings: 80,
  /** First word of the locks. */
  locks: 112,
} as const;

/** Doubles of the control block, in an area of their own. */
export const CONTROL_DOUBLE = {
  clockMicros: 0,
  flushThreshold: 1,
  pendingThreshold: 2,
  pendingActiveAt: 3,
  flushVersion: 4,
  /** `-m` now, in bytes. */
  memoryLimit: 6,
  /** The second of the latest flush; see FlushEpochs. */
  flushSecond: 7,
  /** Settings that are no whole numbers; see maintenance-settings.ts. */
  settings: 8,
  count: 16,
} as const;

/** Words of a slab class's record: free chunks, the rest of its newest page, and its three queues. */
export const CLASS_WORD = {
  freeHead: 0,
  freeCount: 1,
  /** First chunk of the newest page that was never used, and how many follow it. */
  unusedHead: 2,
  unusedCount: 3,
  pages: 4,
  usedChunks: 5,
  /** Seconds since its last access of the item evicted last. */
  evictedTime: 6,
  /** Pages that were emptied for this class and are not cut into chunks yet. */
  grantedPages: 7,
  /** Queues: newest, oldest, count. */
  small: 8,
  main: 11,
  tombstones: 14,
  temporary: 17,
  /** First chunk of the page that leaves the class, or `NO_PAGE`; and how many of its chunks nobody uses any more. */
  leavingPage: 20,
  drainedChunks: 21,
  words: 32,
} as const;
export const QUEUE_WORD = { newest: 0, oldest: 1, count: 2 } as const;

/** `leavingPage` of a class that no page leaves: the last page of the last arena, which is never that long. */
export const NO_PAGE: number = -PAGE_UNITS;

/** Touches that a set of their table holds, of three doubles each, and the doubles of a set: two cache lines. */
export const STAMP_WAYS = 5;
export const STAMP_DOUBLES = 3;
export const STAMP_SET_DOUBLES = 16;
/** 8 MiB of address space, of which the system gives memory as it is used. */
const TOUCH_STAMPS_DEFAULT: number = STAMP_WAYS * 65536;

const STRIPES_MAX = 4096;
const BUCKETS_FIRST_POWER = 16;
const BUCKETS_POWER_MAX = 28;
/** Buckets are split when there are more items than this per bucket. */
export const LOAD_MAX = 1;
const GHOSTS_PER_CLASS_MAX: number = 1 << 22;
/** The ghosts of one set stand in a row; see ghost-table.ts. */
export const GHOST_WAYS = 4;

function powerOfTwoFrom(value: number): number {
  let power = 1;
  while (power < value) power *= 2;
  return power;
}

/**
 * Where everything lies in the shared memory of a cache, computed alike by every thread from the options. Nothing here is written
 * after the constructor.
 */
export class Geometry {
  readonly classes: SlabClasses;
  /** What an item's size counts for its cas id. */
  readonly casBytes: number;
  /** Rows for threads: the data threads and one for the main thread. */
  readonly rows: number;

  readonly stripes: number;
  readonly bucketsFirst: number;
  readonly bucketsMax: number;

  /** Lock numbers; stripes begin at 0. */
  readonly classLocks: number;
  readonly pageLock: number;
  readonly growthLock: number;
  readonly clockLock: number;
  readonly flushLock: number;
  readonly maintenanceLock: number;
  readonly locks: number;

  readonly classRecords: number;
  readonly controlDoubles: number;
  readonly controlBytes: number;

  /** Pages within `-m` at the start, and what the limit may be raised to later. */
  readonly pagesMax: number;
  readonly pagesLimitMax: number;
  /** Pages for which there is room: every class may take its first page even beyond the limit. */
  readonly pageRoom: number;
  readonly pagesInFirstArena: number;
  /** Byte in arena 0 at which pages begin. */
  readonly firstPageByte: number;
  readonly arenaBytes: readonly number[];
  readonly ioStart: number;
  readonly ioBytes: number;

  /** Sets of ghosts by class, and where each class's begin (in words). */
  readonly ghostSetsMax: readonly number[];
  readonly ghostStarts: readonly number[];
  readonly ghostBytes: number;

  /** Sets of the table of touches; 0 where there are no twins. No set's keys are of two stripes. */
  readonly stampSets: number;

  constructor(options: CacheOptions) {
    const sizes =
      options.slabSizes === undefined
        ? slabClassSizes(options.chunkBytesMin, options.growthFactor, options.slabChunkBytesMax)
        : givenSlabClassSizes(options.slabSizes, options.slabChunkBytesMax);
    const classes = new SlabClasses(sizes);
    this.classes = classes;
    this.casBytes = options.countsCas === false ? 0 : MEMCACHED_CAS_BYTES;
    this.rows = options.threads + 1;

    this.pagesMax = Math.max(1, Math.floor(options.memoryBytesMax / PAGE_BYTES));
    this.pagesLimitMax = Math.max(this.pagesMax, Math.floor((options.memoryRoomBytes ?? 0) / PAGE_BYTES));
    this.pageRoom = this.pagesLimitMax + classes.largest;
    const itemsMax = this.pageRoom * classes.chunksPerPage[1]!;
    this.bucketsFirst = 2 ** Math.min(BUCKETS_POWER_MAX, options.hashPower ?? BUCKETS_FIRST_POWER);
    this.stripes = Math.min(STRIPES_MAX, this.bucketsFirst);
    this.bucketsMax =
      options.hashExpand === false
        ? this.bucketsFirst
        : Math.min(2 ** BUCKETS_POWER_MAX, Math.max(this.bucketsFirst, powerOfTwoFrom(itemsMax / LOAD_MAX)));

    this.classLocks = this.stripes;
    this.pageLock = this.classLocks + SLAB_CLASSES_MAX + 1;
    this.growthLock = this.pageLock + 1;
    this.clockLock = this.pageLock + 2;
    this.flushLock = this.pageLock + 3;
    this.maintenanceLock = this.pageLock + 4;
    this.locks = this.pageLock + 16;
    this.classRecords = CONTROL.locks + this.locks;
    const words = this.classRecords + (SLAB_CLASSES_MAX + 1) * CLASS_WORD.words;
    this.controlDoubles = Math.ceil(words / 2);
    this.controlBytes = (this.controlDoubles + CONTROL_DOUBLE.count) * 8;

    // Unit 0 is no place, so that a ref of 0 can say "none".
    this.ioStart = 64;
    this.ioBytes = Math.ceil(options.ioBytesPerThread / 64) * 64;
    this.firstPageByte = this.ioStart + this.ioBytes * options.threads;
    assert(
      this.firstPageByte + PAGE_BYTES <= ARENA_BYTES_MAX,
      'the I/O regions leave room in the first arena',
    );
    this.pagesInFirstArena = Math.min(
      this.pageRoom,
      Math.floor((ARENA_BYTES_MAX - this.firstPageByte) / PAGE_BYTES),
    );
    const arenaBytes = [this.firstPageByte + this.pagesInFirstArena * PAGE_BYTES];
    for (let rest = this.pageRoom - this.pagesInFirstArena; rest > 0; rest -= ARENA_BYTES_MAX / PAGE_BYTES) {
      arenaBytes.push(Math.min(rest * PAGE_BYTES, ARENA_BYTES_MAX));
    }
    assert(arenaBytes.length <= 32, 'item memory is at most 31 GiB');
    this.arenaBytes = arenaBytes;

    const ghostSetsMax = [0];
    const ghostStarts = [0];
    let ghostWords = 0;
    for (let slabClass = 1; slabClass <= classes.largest; slabClass++) {
      const chunks = (this.pagesLimitMax + 1) * classes.chunksPerPage[slabClass]!;
      const ghosts = Math.min(GHOSTS_PER_CLASS_MAX, powerOfTwoFrom(Math.max(chunks, GHOST_WAYS)));
      ghostSetsMax.push(ghosts / GHOST_WAYS);
      ghostStarts.push(ghostWords);
      ghostWords += ghosts;
    }
    this.ghostSetsMax = ghostSetsMax;
    this.ghostStarts = ghostStarts;
    this.ghostBytes = ghostWords * 4;

    const stamps = options.touchStampsMax ?? TOUCH_STAMPS_DEFAULT;
    this.stampSets =
      options.feedBytes === 0 ? 0 : Math.max(this.stripes, powerOfTwoFrom(stamps / STAMP_WAYS));
  }

  /** First word of a class's record in the control block. */
  classRecord(slabClass: number): number {
    return this.classRecords + slabClass * CLASS_WORD.words;
  }

  /** The ref of the first chunk of a page. */
  pageRef(page: number): number {
    if (page < this.pagesInFirstArena) return (this.firstPageByte + page * PAGE_BYTES) / UNIT_BYTES;
    const pagesPerArena = ARENA_BYTES_MAX / PAGE_BYTES;
    const later = page - this.pagesInFirstArena;
    const arena = 1 + Math.floor(later / pagesPerArena);
    return (arena << 27) | (((later % pagesPerArena) * PAGE_BYTES) / UNIT_BYTES);
  }
}

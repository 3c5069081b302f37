import type { EvictionObserver } from './cache-observer.ts';
import { CLASS_COUNTER, CLASS_COUNTERS, COUNTER, type Counters } from './counters.ts';
import { CLASS_WORD, type Geometry } from './geometry.ts';
import type { GhostTable } from './ghost-table.ts';
import type { HashIndex } from './hash-index.ts';
import type { Inventory } from './inventory.ts';
import type { Items } from './items.ts';
import { STATE } from './layout.ts';
import { LIFE, type Lifetime } from './lifetime.ts';
import type { Locks } from './locks.ts';
import type { Queues } from './queues.ts';

/** Items looked at for one eviction at most; in the last quarter their hits save them no more. */
const STEPS_MAX = 200;
const STEPS_LENIENT = 150;
/** Items at the end of each queue that are looked at where nothing may be evicted, as many as memcached looks at. */
const DEAD_STEPS_MAX = 5;
/** The small queue's share of the class. */
const SMALL_SHARE = 0.1;
/** Hits in the small queue from which on an item moves to the main one. */
const PROMOTING_HITS = 2;

/**
 * Eviction by S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi: "FIFO queues are all you need for cache eviction", SOSP 2023), in each slab class
 * by itself, because a class can only reuse its own chunks.
 *
 * New items enter a small queue, a tenth of the class. What was hit at least twice there moves to the main queue, the rest leaves after a short time
 * (most keys are never asked for again) and leaves a ghost; what returns while its ghost lives enters the main queue. The main queue is
 * a clock: an item that was hit since goes round again with one hit less. A hit itself only raises a 2-bit count in the header: no
 * list is touched and no lock of the class taken, which is what makes it fit for threads.
 *
 * The caller holds the lock of the class. A victim's stripe is only tried, for lock order; what is busy is passed over.
 */
export class Evictor {
  readonly #index: HashIndex;
  readonly #inventory: Inventory;
  readonly #queues: Queues;
  readonly #ghosts: GhostTable;
  readonly #items: Items;
  readonly #lifetime: Lifetime;
  readonly #locks: Locks;
  readonly #geometry: Geometry;
  readonly #control: Int32Array;
  readonly #counters: Counters;
  readonly #evict: boolean;
  /** Is told of live items that are dropped; null while nobody wants to know. */
  observer: EvictionObserver | null = null;

  constructor(
    index: HashIndex,
    inventory: Inventory,
    queues: Queues,
    ghosts: GhostTable,
    items: Items,
    lifetime: Lifetime,
    locks: Locks,
    control: Int32Array,
    counters: Counters,
    evict: boolean,
  ) {
    this.#index = index;
    this.#inventory = inventory;
    this.#queues = queues;
    this.#ghosts = ghosts;
    this.#items = items;
    this.#lifetime = lifetime;
    this.#locks = locks;
    this.#geometry = items.geometry;
    this.#control = control;
    this.#counters = counters;
    this.#evict = evict;
  }

  /**
   * Takes an item of the class out of the cache: a tombstone first, else what eviction chooses.
   *
   * @param sparing take tombstones and dead items only
   * @returns the item, whose memory is the caller's; 0 when none could be had
   */
  reclaim(slabClass: number, sparing: boolean): number {
    const record = this.#geometry.classRecord(slabClass);
    const tombstone = this.reclaimTombstone(slabClass, -1);
    if (tombstone !== 0) return tombstone;
    if (this.#queues.count(record + CLASS_WORD.temporary) !== 0) {
      const ended = this.#reclaimDead(record + CLASS_WORD.temporary, slabClass);
      if (ended !== 0) return ended;
    }
    if (sparing || !this.#evict) {
      const small = this.#reclaimDead(record + CLASS_WORD.small, slabClass);
      return small !== 0 ? small : this.#reclaimDead(record + CLASS_WORD.main, slabClass);
    }
    return this.#reclaimOldest(slabClass, record);
  }

  /**
   * Takes the oldest tombstone of the class out of the cache.
   *
   * @param before only if it was made before this unix second; -1: in any case
   * @returns the tombstone, whose memory is the caller's, or 0
   */
  reclaimTombstone(slabClass: number, before: number): number {
    const queue = this.#geometry.classRecord(slabClass) + CLASS_WORD.tombstones;
    let item = this.#queues.oldest(queue);
    for (let step = 0; item !== 0 && step < DEAD_STEPS_MAX; step++) {
      if (before >= 0 && this.#items.lastAccess(item) >= before) return 0;
      const hash = this.#items.hash(item);
      const stripe = this.#index.stripe(hash);
      if (this.#locks.tryAcquire(stripe)) {
        this.#inventory.detach(item, hash);
        this.#locks.release(stripe);
        this.#counters.general[before >= 0 ? COUNTER.tombstonesExpired : COUNTER.tombstonesEvicted]!++;
        return item;
      }
      item = this.#queues.newer(item);
    }
    return 0;
  }

  /**
   * Moves what was hit often enough from the old part of the small queue to the main one, before eviction comes there; with the lock of
   * the class.
   *
   * @param looksMax items to look at at most, from the oldest on
   * @param itemsMax items to move at most
   */
  promote(slabClass: number, looksMax: number, itemsMax: number): void {
    const smallQueue = this.#geometry.classRecord(slabClass) + CLASS_WORD.small;
    let item = this.#queues.oldest(smallQueue);
    let moved = 0;
    for (let looks = Math.min(looksMax, this.coldCount(slabClass)); looks > 0 && moved < itemsMax; looks--) {
      // Read before the item moves.
      const newer = this.#queues.newer(item);
      // The stripe of an item is asked for only if it is worth it; in the small queue hits never become fewer.
      if (this.#items.frequency(item) >= PROMOTING_HITS) {
        const stripe = this.#index.stripe(this.#items.hash(item));
        if (this.#locks.tryAcquire(stripe)) {
          this.#toMain(item, slabClass, smallQueue, 0);
          this.#locks.release(stripe);
          moved++;
        }
      }
      item = newer;
    }
  }

  /** Items of the small queue beyond its share of the class: the next to be evicted. With the lock of the class. */
  coldCount(slabClass: number): number {
    const record = this.#geometry.classRecord(slabClass);
    const small = this.#queues.count(record + CLASS_WORD.small);
    const main = this.#queues.count(record + CLASS_WORD.main);
    return Math.max(0, small - Math.ceil((small + main) * SMALL_SHARE));
  }

  /** Moves an item, its stripe locked, to the newest end of the main queue. */
  #toMain(item: number, slabClass: number, from: number, frequency: number): void {
    const mainQueue = this.#geometry.classRecord(slabClass) + CLASS_WORD.main;
    this.#queues.leave(from, item);
    this.#items.setFrequency(item, frequency);
    this.#items.setKind(item, this.#items.kind(item) | STATE.main);
    this.#queues.enter(mainQueue, item);
    const counter = from === mainQueue ? CLASS_COUNTER.movedWithinMain : CLASS_COUNTER.movedToMain;
    this.#counters.byClass[slabClass * CLASS_COUNTERS + counter]!++;
  }

  #reclaimDead(queue: number, slabClass: number): number {
    let item = this.#queues.oldest(queue);
    for (let step = 0; item !== 0 && step < DEAD_STEPS_MAX; step++) {
      const hash = this.#items.hash(item);
      const stripe = this.#index.stripe(hash);
      if (this.#locks.tryAcquire(stripe)) {
        if (this.#lifetime.of(item) !== LIFE.alive) {
          this.countDead(item, slabClass);
          this.#inventory.detach(item, hash);
          this.#locks.release(stripe);
          return item;
        }
        this.#locks.release(stripe);
      }
      item = this.#queues.newer(item);
    }
    return 0;
  }

  #reclaimOldest(slabClass: number, record: number): number {
    const smallQueue = record + CLASS_WORD.small;
    const mainQueue = record + CLASS_WORD.main;
    const counters = slabClass * CLASS_COUNTERS;
    let small = this.#queues.oldest(smallQueue);
    let main = this.#queues.oldest(mainQueue);
    for (let step = 0; step < STEPS_MAX; step++) {
      const smallCount = this.#queues.count(smallQueue);
      const total = smallCount + this.#queues.count(mainQueue);
      const fromSmall = small !== 0 && (main === 0 || smallCount >= total * SMALL_SHARE);
      const item = fromSmall ? small : main;
      if (item === 0) return 0;
      // Read before the item moves.
      if (fromSmall) small = this.#queues.newer(item);
      else main = this.#queues.newer(item);
      const hash = this.#items.hash(item);
      const stripe = this.#index.stripe(hash);
      if (!this.#locks.tryAcquire(stripe)) {
        this.#counters.general[COUNTER.evictionBusy]!++;
        this.#counters.byClass[counters + CLASS_COUNTER.lruTailBusy]!++;
        continue;
      }
      const alive = this.#lifetime.of(item) === LIFE.alive;
      const frequency = this.#items.frequency(item);
      if (alive && step < STEPS_LENIENT && frequency >= (fromSmall ? PROMOTING_HITS : 1)) {
        this.#toMain(item, slabClass, fromSmall ? smallQueue : mainQueue, fromSmall ? 0 : frequency - 1);
        this.#locks.release(stripe);
        if (main === 0) main = this.#queues.oldest(mainQueue);
        continue;
      }
      if (alive) {
        if (fromSmall) this.#ghosts.remember(slabClass, hash);
        this.countEviction(item, slabClass);
      } else {
        this.countDead(item, slabClass);
      }
      this.#inventory.detach(item, hash);
      this.#locks.release(stripe);
      return item;
    }
    return 0;
  }

  /** Counts an item that is about to be evicted, its stripe locked. */
  countEviction(item: number, slabClass: number): void {
    this.observer?.evicted(item);
    const row = this.#counters.byClass;
    const at = slabClass * CLASS_COUNTERS;
    row[at + CLASS_COUNTER.evicted]!++;
    if (this.#items.exptime(item) !== 0) row[at + CLASS_COUNTER.evictedNonzero]!++;
    if ((this.#items.kind(item) & STATE.fetched) === 0) row[at + CLASS_COUNTER.evictedUnfetched]!++;
    if (this.#items.frequency(item) > 0) row[at + CLASS_COUNTER.evictedActive]!++;
    this.#control[this.#geometry.classRecord(slabClass) + CLASS_WORD.evictedTime] =
      this.#lifetime.nowSeconds - this.#items.lastAccess(item);
  }

  /** Counts an expired or flushed item whose memory is about to be used again. */
  countDead(item: number, slabClass: number): void {
    const row = this.#counters.byClass;
    const at = slabClass * CLASS_COUNTERS;
    row[at + CLASS_COUNTER.reclaimed]!++;
    if ((this.#items.kind(item) & STATE.fetched) === 0) row[at + CLASS_COUNTER.expiredUnfetched]!++;
  }
}

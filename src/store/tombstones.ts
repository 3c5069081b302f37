import type { Allocator } from './allocator.ts';
import type { CacheOptions } from './cache-options.ts';
import { COUNTER, type Counters } from './counters.ts';
import type { Evictor } from './evictor.ts';
import { CONTROL } from './geometry.ts';
import type { Inventory } from './inventory.ts';
import type { Items } from './items.ts';
import { STATE } from './layout.ts';
import type { Lifetime } from './lifetime.ts';
import type { Slabs } from './slabs.ts';

/** A dead item's chunk serves as its tombstone when it is at most this many times the chunk that a tombstone needs. */
const CHUNK_WASTE_MAX = 2;
/** Old tombstones that are cleared away for each new one: more than one, so that they cannot pile up. */
const CLEARED_PER_NEW = 2;

/**
 * Tombstones: what a delete leaves while there are peers, so that a peer that missed it cannot bring the item back. A
 * tombstone is an item with key and version and no value, in a queue of its own; it is neither in curr_items nor in bytes.
 *
 * They are bounded three ways: in number; in age (`tombstoneSeconds`, after which every peer has heard of the delete or is filled anew);
 * and in memory: they are the first to go, and no live item is evicted for one. What cannot be kept is counted.
 */
export class Tombstones {
  readonly #options: CacheOptions;
  readonly #items: Items;
  readonly #slabs: Slabs;
  readonly #evictor: Evictor;
  readonly #allocator: Allocator;
  readonly #inventory: Inventory;
  readonly #lifetime: Lifetime;
  readonly #control: Int32Array;
  readonly #counters: Counters;
  /** [0]: the version of the delete; see VersionClock.hand. */
  readonly #hand: Float64Array;

  constructor(
    options: CacheOptions,
    items: Items,
    slabs: Slabs,
    evictor: Evictor,
    allocator: Allocator,
    inventory: Inventory,
    lifetime: Lifetime,
    control: Int32Array,
    counters: Counters,
    hand: Float64Array,
  ) {
    this.#hand = hand;
    this.#options = options;
    this.#items = items;
    this.#slabs = slabs;
    this.#evictor = evictor;
    this.#allocator = allocator;
    this.#inventory = inventory;
    this.#lifetime = lifetime;
    this.#control = control;
    this.#counters = counters;
  }

  /**
   * Removes what is stored under a key and leaves a tombstone for it, with the key's stripe locked. The version in hand is the delete's.
   *
   * @param entry the item or tombstone under the key, 0 if none
   */
  leave(entry: number, input: Uint8Array, keyStart: number, keyEnd: number, hash: number): void {
    const now = this.#lifetime.nowSeconds;
    if (this.#options.tombstonesMax === 0) {
      if (entry !== 0) this.#inventory.remove(entry, hash);
      return;
    }
    if (entry !== 0 && (this.#items.kind(entry) & STATE.tombstone) !== 0) {
      this.#items.setVersion(entry, this.#hand[0]!);
      this.#items.setLastAccess(entry, now);
      return;
    }
    this.#lifetime.noteEnd(now + this.#options.tombstoneSeconds);
    const { classes } = this.#items;
    const slabClass = classes.classOf(this.#items.chunkBytesFor(keyEnd - keyStart, 0, 0));
    if (!this.#makeRoom(slabClass)) {
      this.#drop(entry, hash);
      return;
    }
    if (
      entry !== 0 &&
      (this.#items.kind(entry) & STATE.chained) === 0 &&
      classes.chunkBytes[this.#items.slabClass(entry)]! <= classes.chunkBytes[slabClass]! * CHUNK_WASTE_MAX
    ) {
      this.#inventory.bury(entry, this.#hand[0]!, now);
      this.#counters.general[COUNTER.tombstonesMade]!++;
      return;
    }
    const tombstone = this.#allocator.takeChunk(slabClass, true);
    if (tombstone === 0) {
      this.#drop(entry, hash);
      return;
    }
    this.#items.initialize(
      tombstone,
      slabClass,
      STATE.tombstone,
      input,
      keyStart,
      keyEnd,
      hash,
      0,
      0,
      0,
      now,
    );
    this.#items.setVersion(tombstone, this.#hand[0]!);
    this.#inventory.enter(tombstone, hash, entry);
    this.#counters.general[COUNTER.tombstonesMade]!++;
  }

  /** Unix second from which on a tombstone is older than they are kept. */
  endOf(tombstone: number): number {
    return this.#items.lastAccess(tombstone) + this.#options.tombstoneSeconds;
  }

  /** Whether a tombstone is older than they are kept. */
  isOld(tombstone: number): boolean {
    return this.endOf(tombstone) <= this.#lifetime.nowSeconds;
  }

  /** Clears old tombstones of the class, and, at the bound, the oldest. @returns whether one more may be made */
  #makeRoom(slabClass: number): boolean {
    const before = Math.max(0, this.#lifetime.nowSeconds - this.#options.tombstoneSeconds + 1);
    for (let i = 0; i < CLEARED_PER_NEW; i++) if (!this.#clearOldest(slabClass, before)) break;
    if (Atomics.load(this.#control, CONTROL.tombstones) < this.#options.tombstonesMax) return true;
    return this.#clearOldest(slabClass, -1);
  }

  #clearOldest(slabClass: number, before: number): boolean {
    this.#slabs.lock(slabClass);
    const tombstone = this.#evictor.reclaimTombstone(slabClass, before);
    if (tombstone !== 0) this.#slabs.give(tombstone, slabClass);
    this.#slabs.unlock(slabClass);
    return tombstone !== 0;
  }

  #drop(entry: number, hash: number): void {
    if (entry !== 0) this.#inventory.remove(entry, hash);
    this.#counters.general[COUNTER.tombstonesDropped]!++;
  }
}

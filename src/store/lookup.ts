import { CLASS_COUNTER, CLASS_COUNTERS, COUNTER, type Counters } from './counters.ts';
import type { HashIndex } from './hash-index.ts';
import type { Inventory } from './inventory.ts';
import { extraBytes, type Items } from './items.ts';
import { ARENA_SHIFT, EXTRAS, FREQUENCY_SHIFT, HEADER, HEADER_BYTES, STATE, UNIT_MASK } from './layout.ts';
import { LIFE, type Lifetime } from './lifetime.ts';
import type { Memory } from './memory.ts';
import { MISS, type Miss } from './results.ts';

const { next: NEXT, hash: HASH, lastAccess: LAST_ACCESS, length: LENGTH, kind: KIND } = HEADER;
const FREQUENCY_ONE: number = 1 << FREQUENCY_SHIFT;

const QUEUES_OF_THEIR_OWN: number = STATE.main | STATE.temporary;

/** Searches the index. Callers hold the hash's stripe. */
export class Lookup {
  /** Why the last `present` found nothing. */
  miss: Miss = MISS.absent;
  readonly #memory: Memory;
  readonly #items: Items;
  readonly #index: HashIndex;
  readonly #inventory: Inventory;
  readonly #lifetime: Lifetime;
  readonly #counters: Counters;

  constructor(items: Items, index: HashIndex, inventory: Inventory, lifetime: Lifetime, counters: Counters) {
    this.#memory = items.memory;
    this.#items = items;
    this.#index = index;
    this.#inventory = inventory;
    this.#lifetime = lifetime;
    this.#counters = counters;
  }

  /** Whatever is in the index under the key, dead items and tombstones too; 0 if nothing. */
  entry(bytes: Uint8Array, keyStart: number, keyEnd: number, hash: number): number {
    const keyBytes = keyEnd - keyStart;
    let item = this.#index.first(hash);
    while (item !== 0) {
      const words = this.#memory.words[item >>> ARENA_SHIFT]!;
      const word = (item & UNIT_MASK) << 1;
      if (words[word + HASH] === hash) {
        const kind = words[word + KIND]!;
        if ((kind & 0xff) === keyBytes) {
          // Items.keyStart and Items.keyEquals, written out: this is the hottest place of all.
          let at = (word << 2) + HEADER_BYTES;
          if ((kind & EXTRAS) !== 0) at += extraBytes(kind);
          const stored = this.#memory.bytes[item >>> ARENA_SHIFT]!;
          let i = keyStart;
          while (i < keyEnd && stored[at] === bytes[i]) {
            i++;
            at++;
          }
          if (i === keyEnd) return item;
        }
      }
      item = words[word + NEXT]!;
    }
    return 0;
  }

  /** The live item or tombstone of the key; 0 if none. A dead item is removed. */
  present(bytes: Uint8Array, keyStart: number, keyEnd: number, hash: number): number {
    const item = this.entry(bytes, keyStart, keyEnd, hash);
    if (item === 0) {
      this.miss = MISS.absent;
      return 0;
    }
    const life = this.#lifetime.of(item);
    if (life === LIFE.alive) return item;
    return this.#bringOut(item, hash, life);
  }

  /** The live item of the key; 0 if none. A dead item is removed. */
  live(bytes: Uint8Array, keyStart: number, keyEnd: number, hash: number): number {
    const item = this.present(bytes, keyStart, keyEnd, hash);
    if (item === 0 || (this.#items.kind(item) & STATE.tombstone) === 0) return item;
    this.miss = MISS.absent;
    return 0;
  }

  /** Notes that somebody wanted the item: eviction spares it, and it counts as fetched. @returns its kind, for counting by class */
  visit(item: number): number {
    const words = this.#memory.words[item >>> ARENA_SHIFT]!;
    const word = (item & UNIT_MASK) << 1;
    const kind = this.bump(item);
    if ((kind & STATE.fetched) === 0) words[word + KIND] = kind | STATE.fetched;
    return kind;
  }

  /** Like `visit`, but the item has not been read: incr writes it, add only finds it in its way. */
  bump(item: number): number {
    const words = this.#memory.words[item >>> ARENA_SHIFT]!;
    const word = (item & UNIT_MASK) << 1;
    const length = words[word + LENGTH]!;
    // Written only when something changes: a line of memory that is only read can be in the caches of all processors.
    if (length >>> FREQUENCY_SHIFT !== 3) words[word + LENGTH] = length + FREQUENCY_ONE;
    const now = this.#lifetime.nowSeconds;
    if (words[word + LAST_ACCESS] !== now) words[word + LAST_ACCESS] = now;
    return words[word + KIND]!;
  }

  /** `visit`, counted as a hit of a get. */
  hit(item: number): void {
    this.countHit(this.visit(item));
  }

  /** Counts a hit of a get on an item of this kind, and leaves the item as it is. */
  countHit(kind: number): void {
    let counter: number = CLASS_COUNTER.hitsSmall;
    if ((kind & QUEUES_OF_THEIR_OWN) !== 0) {
      counter = (kind & STATE.main) !== 0 ? CLASS_COUNTER.hitsMain : CLASS_COUNTER.hitsTemporary;
    }
    this.#counters.byClass[((kind >>> 8) & 0xff) * CLASS_COUNTERS + counter]!++;
  }

  #bringOut(item: number, hash: number, life: number): number {
    // A tombstone older than a flush has done its work: the flush refuses older versions by itself.
    if ((this.#items.kind(item) & STATE.tombstone) !== 0) {
      this.miss = MISS.absent;
    } else if (life === LIFE.expired) {
      this.miss = MISS.expired;
      this.#counters.general[COUNTER.getExpired]!++;
    } else {
      this.miss = MISS.flushed;
      this.#counters.general[COUNTER.getFlushed]!++;
    }
    this.#inventory.remove(item, hash);
    return 0;
  }
}

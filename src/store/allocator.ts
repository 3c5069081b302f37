import { CLASS_COUNTER, CLASS_COUNTERS, type Counters } from './counters.ts';
import type { Evictor } from './evictor.ts';
import type { Inventory } from './inventory.ts';
import type { Items } from './items.ts';
import { ARENA_SHIFT, HEADER, HEADER_BYTES, STATE, UNIT_MASK } from './layout.ts';
import type { Slabs } from './slabs.ts';

const { next: NEXT, kind: KIND, heldBytes: HELD_BYTES, owner: OWNER } = HEADER;

/** Victims in a page that is being emptied that one allocation gives back at most, before it uses one in spite of it. */
const LEAVING_VICTIMS_MAX = 4;

/**
 * Makes items: finds the slab class, takes a chunk (or, for an item longer than the largest chunk, several), evicts where there is none.
 *
 * It may be called with one stripe locked or with none: the evictor only tries the stripes of its victims, so a held stripe can
 * make it pass over an item but never wait. Holding the key's stripe has the merit that the item which is about to be appended to
 * cannot be the victim.
 */
export class Allocator {
  readonly #items: Items;
  readonly #slabs: Slabs;
  readonly #evictor: Evictor;
  readonly #inventory: Inventory;
  readonly #counters: Counters;

  constructor(items: Items, slabs: Slabs, evictor: Evictor, inventory: Inventory, counters: Counters) {
    this.#items = items;
    this.#slabs = slabs;
    this.#evictor = evictor;
    this.#inventory = inventory;
    this.#counters = counters;
  }

  /**
   * An item with its header and key written, its value not, in neither index nor queue.
   *
   * @param marks STATE bits of MARKS
   * @returns 0 when there is no memory to be had
   */
  allocate(
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    flags: number,
    exptime: number,
    valueBytes: number,
    nowSeconds: number,
    marks = 0,
  ): number {
    const { classes } = this.#items;
    const bytes = this.#items.chunkBytesFor(keyEnd - keyStart, flags, valueBytes, marks);
    const chained = bytes > classes.chunkBytesMax;
    const slabClass = chained ? classes.largest : classes.classOf(bytes);
    const item = this.takeChunk(slabClass, false);
    if (item !== 0) {
      this.#items.initialize(
        item,
        slabClass,
        chained ? STATE.chained | marks : marks,
        input,
        keyStart,
        keyEnd,
        hash,
        flags,
        exptime,
        valueBytes,
        nowSeconds,
      );
      if (!chained || this.#extend(item, valueBytes)) return item;
      this.#inventory.free(item);
    }
    this.#counters.byClass[slabClass * CLASS_COUNTERS + CLASS_COUNTER.outOfMemory]!++;
    return 0;
  }

  /**
   * A chunk of the class.
   *
   * @param sparing take none from a live item
   * @returns 0 when there is none
   */
  takeChunk(slabClass: number, sparing: boolean): number {
    for (let left = LEAVING_VICTIMS_MAX; ; left--) {
      this.#slabs.lock(slabClass);
      const chunk = this.#slabs.take(slabClass);
      const victim = chunk === 0 ? this.#evictor.reclaim(slabClass, sparing) : 0;
      this.#slabs.unlock(slabClass);
      if (chunk !== 0 || victim === 0) return chunk;
      this.#counters.byClass[slabClass * CLASS_COUNTERS + CLASS_COUNTER.directReclaims]!++;
      if (left === 0 || !this.#slabs.isLeaving(victim, slabClass)) {
        if ((this.#items.kind(victim) & STATE.chained) !== 0) this.#inventory.freeChain(victim);
        return victim;
      }
      // Its page is being emptied: a new item there would only have to be carried out again.
      this.#inventory.free(victim);
    }
  }

  /** Takes the continuations of a chained item. @returns false when there is no memory; those that were had are chained then */
  #extend(item: number, valueBytes: number): boolean {
    const { classes, memory } = this.#items;
    let rest = valueBytes - this.#items.firstPartBytes(item);
    let last = 0;
    while (rest > 0) {
      const bytes = Math.min(rest + HEADER_BYTES, classes.chunkBytesMax);
      let slabClass = classes.classOf(bytes);
      let part = this.takeChunk(slabClass, false);
      if (part === 0 && slabClass !== classes.largest) {
        // The last part belongs in a smaller class, but all chunks there may be continuations, which are in no queue to be evicted
        // from. A chunk of the largest class can always be had by evicting a long item.
        slabClass = classes.largest;
        part = this.takeChunk(slabClass, false);
      }
      if (part === 0) return false;
      const words = memory.words[part >>> ARENA_SHIFT]!;
      const word = (part & UNIT_MASK) << 1;
      words[word + NEXT] = 0;
      words[word + HELD_BYTES] = bytes - HEADER_BYTES;
      words[word + OWNER] = item;
      // The page mover may look at it from another thread: it must not see the kind before the owner.
      Atomics.store(words, word + KIND, STATE.continuation | (slabClass << 8));
      if (last === 0) this.#items.setChain(item, part);
      else memory.words[last >>> ARENA_SHIFT]![((last & UNIT_MASK) << 1) + NEXT] = part;
      last = part;
      rest -= bytes - HEADER_BYTES;
    }
    return true;
  }
}

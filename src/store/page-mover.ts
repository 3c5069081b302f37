import { COUNTER } from './counters.ts';
import { CONTROL } from './geometry.ts';
import { ARENA_SHIFT, DRAINED, HEADER, HEADER_BYTES, PAGE_BYTES, STATE, UNIT_MASK } from './layout.ts';
import { LIFE } from './lifetime.ts';
import { copyBytes, releaseMemory } from './memory.ts';
import type { Parts } from './parts.ts';
import type { Reassigned } from './results.ts';

/** `moveState`: nothing to do; being ordered; a page is being emptied; it is given up, and its chunks go back to their class. */
const MOVE = { idle: 0, ordered: 1, emptying: 2, restoring: 3 } as const;

/** The pool as a source or a target, and "any class" as a source, as memcached numbers them. */
export const POOL = 0;
export const ANY_CLASS = -1;

/** Rounds over a page after which it is given up: a store that takes for ever must not block all moves. */
const PASSES_MAX = 200;
/** Victims for the sake of one item, which may themselves lie in the page. */
const RECLAIMS_MAX = 8;

/**
 * Moves a page from one slab class to another or to the pool, when memory has been given out to sizes that are not wanted any more.
 *
 * The page is emptied chunk by chunk, a slice at a time, while all threads go on working. Free chunks of it are taken out of the class's
 * list; what becomes free is not given out again. An item is copied into a free chunk of its class (a rescue), for which the class may take a page that nobody has; where there is none, and it has been hit, the
 * chunk of the item that eviction would choose (an inline reclaim); else it is itself evicted. A continuation of a long item is moved
 * within its chain, or the whole item goes.
 *
 * What makes this safe: an item's content, place and life change under its stripe only, and whether a chunk is in use under its class's
 * lock only. The mover reads under the class lock whose chunk it is, lets go, takes the stripe, and looks again: stripes come before
 * classes in the order of locks. What is neither linked nor free (a store under way) it leaves for a later round. References to
 * items that are not linked stay valid for that reason, and references to linked ones are never kept beyond the stripe.
 *
 * Only one thread at a time may call `step`; see Maintainer. `order` is for any.
 */
export class PageMover {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get isIdle(): boolean {
    return Atomics.load(this.#parts.control, CONTROL.moveState) === MOVE.idle;
  }

  /**
   * Orders a page of `source` for `target`.
   *
   * @param source a slab class; POOL; or ANY_CLASS
   * @param target a slab class or POOL
   */
  order(source: number, target: number): Reassigned {
    const { control, geometry, slabs } = this.#parts;
    const { largest } = geometry.classes;
    const isClass = (slabClass: number): boolean => Number.isInteger(slabClass) && slabClass <= largest;
    if (!isClass(source) || source < ANY_CLASS || !isClass(target) || target < POOL) return 'badClass';
    if (source === target) return 'same';
    if (Atomics.compareExchange(control, CONTROL.moveState, MOVE.idle, MOVE.ordered) !== MOVE.idle) {
      return 'busy';
    }
    const from = source === ANY_CLASS ? this.#anySource(target) : source;
    let outcome: Reassigned = 'moved';
    if (from === POOL) {
      slabs.lock(target);
      const granted = slabs.grantFromPool(target);
      slabs.unlock(target);
      if (granted) this.#count(POOL, target);
      else outcome = 'noSpare';
    } else if (from === ANY_CLASS || slabs.pagesOf(from) < 2) {
      outcome = 'noSpare';
    } else {
      slabs.lock(from);
      const unused = slabs.revoke(from);
      slabs.unlock(from);
      if (unused === -1 && this.#begin(from, target)) return 'moved';
      if (unused === -1) outcome = 'noSpare';
      else this.#give(unused, from, target);
    }
    Atomics.store(control, CONTROL.moveState, MOVE.idle);
    return outcome;
  }

  /**
   * Looks at the next chunks of the page that is being emptied.
   *
   * @returns whether there is more to do at once; false when idle, or when a round has ended and what was busy needs time
   */
  step(chunksMax: number): boolean {
    const { control } = this.#parts;
    const state = Atomics.load(control, CONTROL.moveState);
    if (state === MOVE.restoring) return this.#restore(chunksMax);
    if (state !== MOVE.emptying) return false;
    const slabClass = control[CONTROL.moveSource]!;
    const end = control[CONTROL.moveEnd]!;
    const from = control[CONTROL.moveCursor]!;
    const to = Math.min(end, from + chunksMax);
    for (let index = from; index < to; index++) this.#empty(this.#chunk(index), slabClass);
    control[CONTROL.moveCursor] = to;
    if (to < end) return true;
    control[CONTROL.moveCursor] = 0;
    control[CONTROL.movePasses]!++;
    return this.#endOfRound(slabClass);
  }

  /** The next class in turn that has a page to spare. */
  #anySource(target: number): number {
    const { geometry, slabs, control } = this.#parts;
    const { largest } = geometry.classes;
    for (let i = 1; i <= largest; i++) {
      const slabClass = ((control[CONTROL.moveSource]! + i - 1) % largest) + 1;
      if (slabClass !== target && slabs.pagesOf(slabClass) > 1) return slabClass;
    }
    return ANY_CLASS;
  }

  /** Chooses a page of the class and lets it begin to leave. @returns false when the class has no page to spare */
  #begin(slabClass: number, target: number): boolean {
    const { control, slabs } = this.#parts;
    slabs.lock(slabClass);
    // Looked at again with the lock held.
    const page =
      slabs.pagesOf(slabClass) > 1 ? slabs.nextPageOf(slabClass, control[CONTROL.movePage]! + 1) : -1;
    if (page !== -1) control[CONTROL.moveEnd] = slabs.beginLeaving(page, slabClass);
    slabs.unlock(slabClass);
    if (page === -1) return false;
    control[CONTROL.moveSource] = slabClass;
    control[CONTROL.moveTarget] = target;
    control[CONTROL.movePage] = page;
    control[CONTROL.moveCursor] = 0;
    control[CONTROL.movePasses] = 0;
    Atomics.store(control, CONTROL.moveState, MOVE.emptying);
    return true;
  }

  #chunk(index: number): number {
    const { control, geometry } = this.#parts;
    const units = geometry.classes.chunkBytes[control[CONTROL.moveSource]!]! >>> 3;
    return geometry.pageRef(control[CONTROL.movePage]!) + index * units;
  }

  /** Gives the page on if it is empty. @returns whether there is more to do at once */
  #endOfRound(slabClass: number): boolean {
    const { control, slabs, counters } = this.#parts;
    const page = control[CONTROL.movePage]!;
    const target = control[CONTROL.moveTarget]!;
    slabs.lock(slabClass);
    const drained = slabs.isDrained(slabClass);
    const givenUp = !drained && control[CONTROL.movePasses]! >= PASSES_MAX;
    if (drained) slabs.finishLeaving(slabClass);
    else if (givenUp) slabs.cancelLeaving(slabClass);
    slabs.unlock(slabClass);
    if (givenUp) {
      counters.general[COUNTER.movesGivenUp]!++;
      Atomics.store(control, CONTROL.moveState, MOVE.restoring);
      return true;
    }
    if (!drained) return false;
    this.#give(page, slabClass, target);
    Atomics.store(control, CONTROL.moveState, MOVE.idle);
    return false;
  }

  /** Gives an emptied page to its new class, or its memory back to the system and the page to the pool. */
  #give(page: number, source: number, target: number): void {
    const { slabs, geometry, memory } = this.#parts;
    if (target === POOL) {
      const start = geometry.pageRef(page);
      const at = (start & UNIT_MASK) << 3;
      releaseMemory(memory.bytes[start >>> ARENA_SHIFT]!, at, at + PAGE_BYTES);
      slabs.vacate(page);
    } else {
      slabs.lock(target);
      slabs.grant(page, target);
      slabs.unlock(target);
    }
    this.#count(source, target);
  }

  #count(source: number, target: number): void {
    const { counters, observer } = this.#parts;
    counters.general[COUNTER.slabsMoved]!++;
    observer?.pageMoved(source, target);
  }

  /** After a move was given up: what was drained is free again. */
  #restore(chunksMax: number): boolean {
    const { control, slabs, geometry, items } = this.#parts;
    const slabClass = control[CONTROL.moveSource]!;
    const count = geometry.classes.chunksPerPage[slabClass]!;
    const from = control[CONTROL.moveCursor]!;
    const to = Math.min(count, from + chunksMax);
    slabs.lock(slabClass);
    for (let index = from; index < to; index++) {
      const chunk = this.#chunk(index);
      if (index >= control[CONTROL.moveEnd]! || (items.kind(chunk) & DRAINED) === DRAINED) {
        slabs.restore(chunk, slabClass);
      }
    }
    slabs.unlock(slabClass);
    control[CONTROL.moveCursor] = to;
    if (to < count) return true;
    Atomics.store(control, CONTROL.moveState, MOVE.idle);
    return false;
  }

  #empty(chunk: number, slabClass: number): void {
    const { slabs, items, index, locks, counters } = this.#parts;
    slabs.lock(slabClass);
    const kind = this.#kind(chunk);
    if ((kind & STATE.free) !== 0) {
      if ((kind & DRAINED) !== DRAINED) slabs.drainFree(chunk, slabClass);
      slabs.unlock(slabClass);
      return;
    }
    const isContinuation = (kind & STATE.continuation) !== 0;
    const owner = isContinuation ? this.#owner(chunk) : chunk;
    const isInUse = isContinuation || (kind & STATE.linked) !== 0;
    const hash = isInUse ? items.hash(owner) : 0;
    slabs.unlock(slabClass);
    if (isInUse) {
      const stripe = index.stripe(hash);
      locks.acquire(stripe);
      const moved =
        this.#isStill(chunk, slabClass, owner, hash) && this.#carryOut(chunk, slabClass, owner, hash);
      locks.release(stripe);
      if (moved) return;
    }
    counters.general[COUNTER.moveBusyItems]!++;
  }

  #kind(chunk: number): number {
    return Atomics.load(
      this.#parts.memory.words[chunk >>> ARENA_SHIFT]!,
      ((chunk & UNIT_MASK) << 1) + HEADER.kind,
    );
  }

  #owner(part: number): number {
    return this.#parts.memory.words[part >>> ARENA_SHIFT]![((part & UNIT_MASK) << 1) + HEADER.owner]!;
  }

  /** With the stripe of `hash` locked: whether `owner` is in the cache under it, and `chunk` is its own. Then it stays so. */
  #isStill(chunk: number, slabClass: number, owner: number, hash: number): boolean {
    if (!this.#isLinkedUnder(owner, hash)) return false;
    if (chunk === owner) return true;
    const { slabs } = this.#parts;
    slabs.lock(slabClass);
    const isOwners =
      (this.#kind(chunk) & (STATE.continuation | STATE.free)) === STATE.continuation &&
      this.#owner(chunk) === owner;
    slabs.unlock(slabClass);
    return isOwners;
  }

  /**
   * With the stripe of `hash` locked: whether a chunk holds an item that is in the cache under it.
   *
   * Both are read under the lock of the item's class, without which no linked item's chunk becomes another's: else the chunk could be freed and be
   * written for a store of this hash between the two looks, and an item that nobody can find yet would pass for one in the cache.
   */
  #isLinkedUnder(item: number, hash: number): boolean {
    const { slabs, items } = this.#parts;
    const slabClass = items.slabClass(item);
    slabs.lock(slabClass);
    const kind = this.#kind(item);
    const isLinked =
      (kind & (STATE.linked | STATE.continuation | STATE.free)) === STATE.linked && items.hash(item) === hash;
    slabs.unlock(slabClass);
    return isLinked;
  }

  /** Takes what is in the chunk somewhere else, or out of the cache. @returns false when neither can be */
  #carryOut(chunk: number, slabClass: number, owner: number, hash: number): boolean {
    const { items, inventory, lifetime, evictor, counters, options } = this.#parts;
    const kind = items.kind(owner);
    const ownerClass = (kind >>> 8) & 0xff;
    const isTombstone = (kind & STATE.tombstone) !== 0;
    if (lifetime.of(owner) !== LIFE.alive) {
      if (!isTombstone) evictor.countDead(owner, ownerClass);
      inventory.remove(owner, hash);
      return true;
    }
    const target = this.#room(slabClass, owner, kind);
    if (target !== 0) {
      if (chunk === owner) this.#moveItem(chunk, target, kind, hash);
      else this.#movePart(chunk, target, owner, slabClass);
      return true;
    }
    if (isTombstone) {
      counters.general[COUNTER.tombstonesEvicted]!++;
    } else if (!options.evict || (kind & STATE.temporary) !== 0) {
      counters.general[COUNTER.moveBusyNoMemory]!++;
      return false;
    } else {
      evictor.countEviction(owner, ownerClass);
      counters.general[COUNTER.moveEvictions]!++;
    }
    inventory.remove(owner, hash);
    return true;
  }

  /** A chunk for what must leave: free, or in a new page while the limit allows one, or, for an item that is wanted, that of the next victim. 0 when there is none. */
  #room(slabClass: number, owner: number, kind: number): number {
    const { slabs, evictor, inventory, items, counters, control } = this.#parts;
    // To take a page for the sake of one that goes to the pool would be for nothing.
    const growing = control[CONTROL.moveTarget] !== POOL;
    const isWanted = (kind & STATE.main) !== 0 || items.frequency(owner) > 0;
    for (let tries = 0; tries < RECLAIMS_MAX; tries++) {
      slabs.lock(slabClass);
      const free = growing ? slabs.take(slabClass) : slabs.takeFree(slabClass);
      const victim = free === 0 && isWanted ? evictor.reclaim(slabClass, false) : 0;
      slabs.unlock(slabClass);
      if (free !== 0) return free;
      if (victim === 0) return 0;
      counters.general[COUNTER.moveInlineReclaims]!++;
      if (!slabs.isLeaving(victim, slabClass)) {
        if ((items.kind(victim) & STATE.chained) !== 0) inventory.freeChain(victim);
        return victim;
      }
      inventory.free(victim);
    }
    return 0;
  }

  #moveItem(item: number, target: number, kind: number, hash: number): void {
    const { memory, items, slabs, queues, index, inventory, geometry, counters } = this.#parts;
    const slabClass = (kind >>> 8) & 0xff;
    const isChained = (kind & STATE.chained) !== 0;
    const bytes = isChained
      ? geometry.classes.chunkBytesMax
      : items.valueStart(item) + items.valueBytes(item) - ((item & UNIT_MASK) << 3);
    // The queue's links in it may change meanwhile; they are written again below.
    this.#copy(item, target, bytes);
    if (isChained) {
      for (let part = items.chain(item); part !== 0; part = items.next(part)) {
        memory.words[part >>> ARENA_SHIFT]![((part & UNIT_MASK) << 1) + HEADER.owner] = target;
      }
    }
    index.replace(item, target, hash);
    slabs.lock(slabClass);
    queues.replace(inventory.queueOf(kind), item, target);
    slabs.give(item, slabClass);
    slabs.unlock(slabClass);
    counters.general[COUNTER.moveRescues]!++;
  }

  #movePart(part: number, target: number, owner: number, slabClass: number): void {
    const { memory, items, slabs, counters } = this.#parts;
    this.#copy(part, target, HEADER_BYTES + items.heldBytes(part));
    if (items.chain(owner) === part) {
      items.setChain(owner, target);
    } else {
      let previous = items.chain(owner);
      while (items.next(previous) !== part) previous = items.next(previous);
      memory.words[previous >>> ARENA_SHIFT]![((previous & UNIT_MASK) << 1) + HEADER.next] = target;
    }
    slabs.lock(slabClass);
    slabs.give(part, slabClass);
    slabs.unlock(slabClass);
    counters.general[COUNTER.moveChunkRescues]!++;
  }

  #copy(from: number, to: number, bytes: number): void {
    const { memory } = this.#parts;
    const start = (from & UNIT_MASK) << 3;
    copyBytes(
      memory.bytes[to >>> ARENA_SHIFT]!,
      (to & UNIT_MASK) << 3,
      memory.bytes[from >>> ARENA_SHIFT]!,
      start,
      start + bytes,
    );
  }
}

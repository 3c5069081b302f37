import { KEY_BYTES_MAX } from '../base/limits.ts';
import { UINT64_DIGITS_MAX, writeUint64 } from '../base/uint64.ts';
import { CHANGE } from './change-feed.ts';
import { KEEP_EXPTIME } from './client-writes.ts';
import { COUNTER } from './counters.ts';
import { ARENA_SHIFT, MARKS, STATE } from './layout.ts';
import type { Parts } from './parts.ts';
import { type ItemRef, RESULT, type Result, STORE_MODE } from './results.ts';

/** How `invalidate` changes an item. */
export const INVALIDATE = {
  /** It is marked stale, and the next who asks is told to renew it. */
  stale: 1,
  /** It loses value, client flags and expiry time, and keeps its cas id. */
  clear: 2,
} as const;

/**
 * What only the meta commands know of items: marks, cas ids that clients chose, items made on reading, invalidation. Like the other
 * writes of clients each write takes the stripe of its key and tells the change feed.
 */
export class MetaAccess {
  /** Whether the last `findOrCreate` or `createNumber` has made the item, or has met one that was there. */
  created = false;
  readonly #parts: Parts;
  /** A key and a number behind it. */
  readonly #scratch: Uint8Array = new Uint8Array(KEY_BYTES_MAX + UINT64_DIGITS_MAX);

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  // Reading a found item, its stripe locked.

  /** Notes a get in the statistics alone: the item is as if nobody had read it. */
  countHit(item: ItemRef): void {
    const { lookup, items, observer } = this.#parts;
    lookup.countHit(items.kind(item));
    observer?.found(item);
  }

  /** The cas id that clients see, upper half, unsigned; `casLow` the lower. */
  casHigh(item: ItemRef): number {
    return this.#parts.items.casHigh(item);
  }

  casLow(item: ItemRef): number {
    return this.#parts.items.casLow(item);
  }

  /** Whether an item's cas id is this, or, for CAS_WIDE, that of `setWideCas`. */
  casEquals(item: ItemRef, cas: number): boolean {
    return this.#parts.items.casEquals(item, cas);
  }

  /** Bits of MARK. */
  marks(item: ItemRef): number {
    return this.#parts.items.kind(item) & MARKS;
  }

  // Operands and results of other writes.

  /** The cas id, as two unsigned halves, that the next store with MARK.explicitCas (or `invalidate`, or a peer's) gives to its item. */
  setNewCas(high: number, low: number): void {
    const { newCas } = this.#parts.items;
    newCas[0] = high;
    newCas[1] = low;
  }

  /** The cas id that CAS_WIDE stands for in the next call. */
  setWideCas(high: number, low: number): void {
    const { wideCas } = this.#parts.items;
    wideCas[0] = high;
    wideCas[1] = low;
  }

  /** The expiry time that the item of the last `arithmetic` had before it. */
  get exptimeBefore(): number {
    return this.#parts.outcome.exptimeBefore;
  }

  /** Bytes of the value that the last append or prepend made of an item that was there, else 0. */
  get joinedBytes(): number {
    return this.#parts.outcome.joinedBytes;
  }

  // Writes.

  /**
   * Finds the item of a key, and makes one with an empty value if there is none (see `created`). It counts as no set.
   *
   * @param marks of a new item: bits of MARK
   * @returns the item, its stripe locked until `releaseCreated(hash)`; 0, and nothing is locked, when there is no memory
   */
  findOrCreate(
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    exptime: number,
    marks: number,
  ): ItemRef {
    const { index, locks, lookup } = this.#parts;
    const stripe = index.stripe(hash);
    locks.acquire(stripe);
    const item = this.#liveOrNew(input, keyStart, keyEnd, hash, exptime, marks, keyEnd, keyEnd);
    if (item === 0) locks.release(stripe);
    // Whatever is there: an item may be made that has ended already.
    return item === 0 ? 0 : lookup.entry(input, keyStart, keyEnd, hash);
  }

  /** What `Cache.release` is after a `find`. */
  releaseCreated(hash: number): void {
    const { index, locks } = this.#parts;
    locks.release(index.stripe(hash));
    index.growIfCrowded();
  }

  /**
   * Makes an item with a number as its value, if the key has none. It counts as no set.
   *
   * @returns stored, notStored when there is one already (then there was a race, and incr or decr may be tried again), or noMemory
   */
  createNumber(
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    exptime: number,
    marks: number,
    high: number,
    low: number,
  ): Result {
    const { index, locks, lookup, observer, writer } = this.#parts;
    const scratch = this.#scratch;
    const keyBytes = keyEnd - keyStart;
    for (let i = 0; i < keyBytes; i++) scratch[i] = input[keyStart + i]!;
    const end = writeUint64(scratch, keyBytes, high, low);
    const stripe = index.stripe(hash);
    locks.acquire(stripe);
    const item = this.#liveOrNew(scratch, 0, keyBytes, hash, exptime, marks, keyBytes, end);
    if (observer !== null && (item === 0 || this.created)) {
      // As of an add that incr or decr makes.
      const result = item === 0 ? RESULT.noMemory : RESULT.stored;
      const slabClass = writer.slabClass(keyBytes, 0, end - keyBytes);
      observer.missed(scratch, 0, keyBytes, lookup.miss);
      observer.stored(scratch, 0, keyBytes, STORE_MODE.add, result, exptime, slabClass, end - keyBytes);
    }
    locks.release(stripe);
    if (item === 0) return RESULT.noMemory;
    if (!this.created) return RESULT.notStored;
    index.growIfCrowded();
    return RESULT.stored;
  }

  /** @returns 0 when there is no memory, else something else */
  #liveOrNew(
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    exptime: number,
    marks: number,
    valueStart: number,
    valueEnd: number,
  ): number {
    const { lookup, items, clock, writer, feed, counters } = this.#parts;
    const entry = lookup.present(input, keyStart, keyEnd, hash);
    this.created = entry === 0 || (items.kind(entry) & STATE.tombstone) !== 0;
    if (!this.created) return entry;
    clock.next(entry);
    if (!writer.put(entry, input, keyStart, keyEnd, hash, 0, exptime, valueStart, valueEnd, marks & MARKS)) {
      counters.general[COUNTER.storeNoMemory]!++;
      return 0;
    }
    feed.key(CHANGE.set, input, keyStart, keyEnd, hash);
    return 1;
  }

  /** Marks a found item, its stripe locked: a client has been told to renew it. The version stays. */
  markWon(item: number, hash: number): void {
    const { items, feed, memory, clock } = this.#parts;
    items.setKind(item, items.kind(item) | STATE.tokenSent);
    const keyStart = items.keyStart(item);
    clock.hold(item);
    feed.key(
      CHANGE.win,
      memory.bytes[item >>> ARENA_SHIFT]!,
      keyStart,
      keyStart + items.keyBytes(item),
      hash,
    );
  }

  /**
   * Changes an item instead of deleting it. It gets a new version; one that is cleared and not marked stale keeps its cas id.
   *
   * @param casVersion 0: any
   * @param how bits of INVALIDATE
   * @param exptime of the item from now on, or KEEP_EXPTIME (which means never for one that is cleared)
   * @param newCas whether the item gets the cas id of `setNewCas`
   * @returns stored, notFound, exists or noMemory
   */
  invalidate(
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    casVersion: number,
    how: number,
    exptime: number,
    newCas: boolean,
  ): Result {
    const { index, locks, lookup, items, clock, feed, observer } = this.#parts;
    const stripe = index.stripe(hash);
    locks.acquire(stripe);
    const item = lookup.live(input, keyStart, keyEnd, hash);
    let result: Result = RESULT.notFound;
    if (item === 0) observer?.missed(input, keyStart, keyEnd, lookup.miss);
    else {
      observer?.found(item);
      if (casVersion !== 0 && !items.casEquals(item, casVersion)) {
        clock.hold(item);
        result = RESULT.exists;
      } else {
        clock.next(item);
        const done =
          (how & INVALIDATE.clear) !== 0
            ? this.#clear(item, input, keyStart, keyEnd, hash, how, exptime, newCas)
            : this.#markStale(item, input, keyStart, keyEnd, hash, exptime, newCas);
        if (done) feed.key(CHANGE.set, input, keyStart, keyEnd, hash);
        result = done ? RESULT.stored : RESULT.noMemory;
      }
    }
    locks.release(stripe);
    return result;
  }

  #clear(
    item: number,
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    how: number,
    exptime: number,
    newCas: boolean,
  ): boolean {
    const { items, writer } = this.#parts;
    const stale = (how & INVALIDATE.stale) !== 0;
    let marks = (items.kind(item) & STATE.base64Key) | (stale ? STATE.stale : 0);
    if (newCas) {
      marks |= STATE.explicitCas;
    } else if (!stale) {
      // Twins go by the version, which must grow; clients keep the id that they have.
      items.newCas[0] = items.casHigh(item);
      items.newCas[1] = items.casLow(item);
      marks |= STATE.explicitCas;
    }
    const expiresAt = exptime === KEEP_EXPTIME ? 0 : exptime;
    return writer.put(item, input, keyStart, keyEnd, hash, 0, expiresAt, keyEnd, keyEnd, marks);
  }

  #markStale(
    item: number,
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    exptime: number,
    newCas: boolean,
  ): boolean {
    const { items, clock, allocator, inventory, lifetime } = this.#parts;
    const expiresAt = exptime === KEEP_EXPTIME ? items.exptime(item) : exptime;
    const marked = (items.kind(item) & ~(STATE.tokenSent | STATE.touched)) | STATE.stale;
    if (!newCas || (marked & STATE.explicitCas) !== 0) {
      items.setKind(item, marked);
      items.setExptime(item, expiresAt);
      lifetime.noteEnd(expiresAt);
      items.setVersion(item, clock.hand[0]!);
      if (newCas) items.setCas(item, items.newCas[0]!, items.newCas[1]!);
      else items.dropExplicitCas(item);
      return true;
    }
    const flags = items.clientFlags(item);
    const marks = (marked & MARKS) | STATE.explicitCas;
    const valueBytes = items.valueBytes(item);
    const now = lifetime.nowSeconds;
    const copy = allocator.allocate(input, keyStart, keyEnd, hash, flags, expiresAt, valueBytes, now, marks);
    if (copy === 0) return false;
    items.fillFrom(copy, 0, item);
    items.setVersion(copy, clock.hand[0]!);
    items.setLastAccess(copy, items.lastAccess(item));
    items.setKind(copy, items.kind(copy) | (items.kind(item) & STATE.fetched));
    inventory.enter(copy, hash, item);
    return true;
  }
}

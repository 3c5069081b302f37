import { KEY_BYTES_MAX } from '../base/limits.ts';
import { parsed, parseUint64, UINT64_DIGITS_MAX, writeUint64 } from '../base/uint64.ts';
import { CHANGE } from './change-feed.ts';
import { CLASS_COUNTER, CLASS_COUNTERS, COUNTER } from './counters.ts';
import { ARENA_SHIFT, MARKS, memcachedItemBytes, STATE } from './layout.ts';
import { copyBytes } from './memory.ts';
import type { Parts } from './parts.ts';
import { MISS, RESULT, type Result, STORE_MODE, type StoreMode, WRITE } from './results.ts';

const SPACE = 32;
const TAB = 9;
const CR = 13;
const DIGIT_0 = 48;
const DIGIT_9 = 57;

/** What an item's kind says of one value, and not of the next. */
const OF_VALUE: number = STATE.fetched | STATE.stale | STATE.tokenSent | STATE.touched;

/** `exptime` of arithmetic: leave it as it is. */
export const KEEP_EXPTIME = -1;

/** A space, or one of the five control characters from TAB to CR. */
function isBlank(byte: number): boolean {
  return byte === SPACE || (byte >= TAB && byte <= CR);
}

/**
 * Mutations by this node's own clients: each takes the stripe of its key, gives the item a new version, appends to the change feed and
 * counts by class. The rules are memcached's.
 */
export class ClientWrites {
  /** Why the last `reserve` returned 0. */
  failure: Result = RESULT.stored;
  /** The number that the last arithmetic stored. */
  numberHigh = 0;
  numberLow = 0;
  /** The item whose expiry time the new one takes over, because it is stored as stale; see WRITE.staleIfOlder. */
  #staleFrom = 0;
  readonly #parts: Parts;
  /** A key and a number behind it. */
  readonly #scratch: Uint8Array = new Uint8Array(KEY_BYTES_MAX + UINT64_DIGITS_MAX);

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  store(
    mode: StoreMode,
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    flags: number,
    exptime: number,
    casVersion: number,
    valueStart: number,
    valueEnd: number,
    options = 0,
  ): Result {
    const { index, locks, lookup, items, writer, clock, feed, inventory } = this.#parts;
    const keyBytes = keyEnd - keyStart;
    const valueBytes = valueEnd - valueStart;
    let marks = options & MARKS;
    if (this.#isTooLarge(keyBytes, flags, valueBytes)) {
      return this.#refuse(RESULT.tooLarge, mode, options, input, keyStart, keyEnd, hash);
    }
    const stripe = index.stripe(hash);
    locks.acquire(stripe);
    const entry = lookup.present(input, keyStart, keyEnd, hash);
    if (this.#joins(mode, entry, options)) {
      this.#countSet(writer.slabClass(keyBytes, 0, valueBytes));
      const result = this.#join(mode, entry, hash, casVersion, input, valueStart, valueEnd, 0, marks);
      locks.release(stripe);
      return result;
    }
    const slabClass = writer.slabClass(keyBytes, flags, valueBytes, marks);
    const result = this.#permit(mode, entry, casVersion, options);
    if (result !== RESULT.stored) {
      this.#countSet(slabClass);
      locks.release(stripe);
      return result;
    }
    if (this.#staleFrom !== 0) {
      exptime = items.exptime(entry);
      marks |= STATE.stale | (items.kind(entry) & STATE.tokenSent);
    }
    clock.next(entry);
    let done = writer.put(entry, input, keyStart, keyEnd, hash, flags, exptime, valueStart, valueEnd, marks);
    if (!done && entry !== 0 && this.#removesOnFailure(mode, options)) {
      // A set that fails removes the old value in any case, so its memory may as well serve the new one.
      inventory.remove(entry, hash);
      done = writer.put(0, input, keyStart, keyEnd, hash, flags, exptime, valueStart, valueEnd, marks);
      if (!done) this.#bury(0, input, keyStart, keyEnd, hash);
    }
    if (done) {
      this.#countSet(slabClass);
      if (entry === 0) this.#countReclaimed(slabClass);
      feed.key(CHANGE.set, input, keyStart, keyEnd, hash);
    } else {
      this.#parts.counters.general[COUNTER.storeNoMemory]!++;
    }
    locks.release(stripe);
    if (entry === 0) index.growIfCrowded();
    return done ? RESULT.stored : RESULT.noMemory;
  }

  reserve(
    mode: StoreMode,
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    flags: number,
    exptime: number,
    valueBytes: number,
    options = 0,
  ): number {
    // What is only to be joined to another item needs no more than its value.
    const joins =
      (mode === STORE_MODE.append || mode === STORE_MODE.prepend) && (options & WRITE.create) === 0;
    if (this.#isTooLarge(keyEnd - keyStart, flags, valueBytes)) {
      this.failure = this.#refuse(RESULT.tooLarge, mode, options, input, keyStart, keyEnd, hash);
      return 0;
    }
    const item = this.#parts.allocator.allocate(
      input,
      keyStart,
      keyEnd,
      hash,
      joins ? 0 : flags,
      joins ? 0 : exptime,
      valueBytes,
      this.#parts.lifetime.nowSeconds,
      options & MARKS,
    );
    if (item === 0)
      this.failure = this.#refuse(RESULT.noMemory, mode, options, input, keyStart, keyEnd, hash);
    return item;
  }

  commit(mode: StoreMode, item: number, hash: number, casVersion: number, options = 0): Result {
    const { index, locks, lookup, clock, feed, items, inventory, memory, lifetime } = this.#parts;
    const bytes = memory.bytes[item >>> ARENA_SHIFT]!;
    const keyStart = items.keyStart(item);
    const keyEnd = keyStart + items.keyBytes(item);
    const stripe = index.stripe(hash);
    this.#countSet(items.slabClass(item));
    locks.acquire(stripe);
    const entry = lookup.present(bytes, keyStart, keyEnd, hash);
    let result: Result;
    let entered = false;
    if (this.#joins(mode, entry, options)) {
      result = this.#join(mode, entry, hash, casVersion, bytes, 0, 0, item, options & MARKS);
    } else {
      result = this.#permit(mode, entry, casVersion, options);
      if (result === RESULT.stored) {
        if (this.#staleFrom !== 0) {
          items.setExptime(item, items.exptime(entry));
          items.setKind(item, items.kind(item) | STATE.stale | (items.kind(entry) & STATE.tokenSent));
        }
        clock.next(entry);
        items.setVersion(item, clock.hand[0]!);
        items.setLastAccess(item, lifetime.nowSeconds);
        inventory.enter(item, hash, entry);
        if (entry === 0) this.#countReclaimed(items.slabClass(item));
        entered = true;
        feed.key(CHANGE.set, bytes, keyStart, keyEnd, hash);
      }
    }
    locks.release(stripe);
    if (entered) index.growIfCrowded();
    else inventory.free(item);
    return result;
  }

  delete(input: Uint8Array, keyStart: number, keyEnd: number, hash: number, casVersion: number): Result {
    const { index, locks, lookup, clock, items } = this.#parts;
    const stripe = index.stripe(hash);
    locks.acquire(stripe);
    const item = lookup.live(input, keyStart, keyEnd, hash);
    let result: Result = RESULT.notFound;
    if (item !== 0) {
      if (casVersion !== 0 && !items.casEquals(item, casVersion)) {
        clock.hold(item);
        result = RESULT.exists;
      } else {
        this.#countItem(item, CLASS_COUNTER.deleteHits);
        clock.next(item);
        this.#bury(item, input, keyStart, keyEnd, hash);
        result = RESULT.stored;
      }
    }
    locks.release(stripe);
    return result;
  }

  arithmetic(
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    increment: boolean,
    deltaHigh: number,
    deltaLow: number,
    casVersion: number,
    options = 0,
    exptime: number = KEEP_EXPTIME,
  ): Result {
    const { index, locks, lookup, items, clock } = this.#parts;
    const stripe = index.stripe(hash);
    locks.acquire(stripe);
    const item = lookup.live(input, keyStart, keyEnd, hash);
    let result: Result;
    if (item === 0) {
      result = RESULT.notFound;
    } else if (casVersion !== 0 && !items.casEquals(item, casVersion) && this.#mayHoldNumber(item)) {
      clock.hold(item);
      result = RESULT.exists;
    } else if (!this.#readNumber(item)) {
      result = RESULT.nonNumeric;
    } else {
      const { outcome } = this.#parts;
      outcome.exptimeBefore = items.exptime(item);
      if (increment) this.#add(deltaHigh, deltaLow);
      else this.#subtract(deltaHigh, deltaLow);
      const slabClass = items.slabClass(item);
      const expiresAt = exptime === KEEP_EXPTIME ? outcome.exptimeBefore : exptime;
      result = this.#writeNumber(item, input, keyStart, keyEnd, hash, options & MARKS, expiresAt);
      if (result === RESULT.stored) {
        this.#countClass(slabClass, increment ? CLASS_COUNTER.incrHits : CLASS_COUNTER.decrHits);
      }
    }
    locks.release(stripe);
    return result;
  }

  touch(input: Uint8Array, keyStart: number, keyEnd: number, hash: number, exptime: number): boolean {
    const { index, locks, lookup } = this.#parts;
    const stripe = index.stripe(hash);
    locks.acquire(stripe);
    const item = lookup.live(input, keyStart, keyEnd, hash);
    if (item !== 0) {
      lookup.visit(item);
      this.touchItem(item, hash, exptime);
    }
    locks.release(stripe);
    return item !== 0;
  }

  touchItem(item: number, hash: number, exptime: number): void {
    const { items, feed, memory, stamps, lifetime } = this.#parts;
    const before = items.exptime(item);
    items.setExptime(item, exptime);
    lifetime.noteEnd(exptime);
    this.#countItem(item, CLASS_COUNTER.touchHits);
    stamps.renew(item, hash);
    if (!feed.enabled) return;
    const bytes = memory.bytes[item >>> ARENA_SHIFT]!;
    const keyStart = items.keyStart(item);
    feed.touch(bytes, keyStart, keyStart + items.keyBytes(item), hash, exptime, before);
  }

  /** Whether the store is joined to what is under the key; with WRITE.create an append of nothing is a set. */
  #joins(mode: StoreMode, entry: number, options: number): boolean {
    if (mode !== STORE_MODE.append && mode !== STORE_MODE.prepend) return false;
    this.#parts.outcome.joinedBytes = 0;
    if ((options & WRITE.create) === 0) return true;
    return entry !== 0 && (this.#parts.items.kind(entry) & STATE.tombstone) === 0;
  }

  /** Whether the entry of a key permits a store of this mode. */
  #permit(mode: StoreMode, entry: number, casVersion: number, options: number): Result {
    this.#staleFrom = 0;
    if (mode === STORE_MODE.set || mode === STORE_MODE.append || mode === STORE_MODE.prepend) {
      return RESULT.stored;
    }
    const { items, lookup, clock } = this.#parts;
    const isLive = entry !== 0 && (items.kind(entry) & STATE.tombstone) === 0;
    if (mode === STORE_MODE.add) {
      if (!isLive) return RESULT.stored;
      lookup.bump(entry);
      clock.hold(entry);
      return RESULT.notStored;
    }
    if (mode === STORE_MODE.replace) return isLive ? RESULT.stored : RESULT.notStored;
    if (!isLive) return RESULT.notFound;
    if (items.casEquals(entry, casVersion)) {
      this.#countItem(entry, CLASS_COUNTER.casHits);
      return RESULT.stored;
    }
    if ((options & WRITE.staleIfOlder) !== 0 && items.casIsOlder(entry, casVersion)) {
      this.#countItem(entry, CLASS_COUNTER.casHits);
      this.#staleFrom = entry;
      return RESULT.stored;
    }
    this.#countItem(entry, CLASS_COUNTER.casBadval);
    clock.hold(entry);
    return RESULT.exists;
  }

  /**
   * Appends or prepends, with the stripe locked, the value [valueStart, valueEnd) of `input` or, where `source` is not 0, that of
   * the item `source`. Flags, exptime and the form of the key stay.
   */
  #join(
    mode: StoreMode,
    entry: number,
    hash: number,
    casVersion: number,
    input: Uint8Array,
    valueStart: number,
    valueEnd: number,
    source: number,
    marks: number,
  ): Result {
    const { items, memory, writer, allocator, inventory, clock, feed, lifetime, counters } = this.#parts;
    if (entry === 0 || (items.kind(entry) & STATE.tombstone) !== 0) return RESULT.notStored;
    if (casVersion !== 0 && !items.casEquals(entry, casVersion)) {
      clock.hold(entry);
      return RESULT.exists;
    }
    const bytes = memory.bytes[entry >>> ARENA_SHIFT]!;
    const keyBytes = items.keyBytes(entry);
    const flags = items.clientFlags(entry);
    const oldBytes = items.valueBytes(entry);
    const addedBytes = source === 0 ? valueEnd - valueStart : items.valueBytes(source);
    const valueBytes = oldBytes + addedBytes;
    if (this.#isTooLarge(keyBytes, flags, valueBytes)) return RESULT.notStored;
    let item = entry;
    const keyStart = items.keyStart(entry);
    if ((marks & STATE.explicitCas) === 0 && writer.fits(entry, keyBytes, flags, valueBytes)) {
      if (mode === STORE_MODE.prepend && addedBytes > 0) {
        const start = items.valueStart(entry);
        bytes.copyWithin(start + addedBytes, start, start + oldBytes);
      }
      items.setValueBytes(entry, valueBytes);
      items.setLastAccess(entry, lifetime.nowSeconds);
      items.setKind(entry, (items.kind(entry) & ~OF_VALUE) | marks);
      inventory.resized(items.slabClass(entry), addedBytes);
      counters.general[COUNTER.totalItems]!++;
    } else {
      item = allocator.allocate(
        bytes,
        keyStart,
        keyStart + keyBytes,
        hash,
        flags,
        items.exptime(entry),
        valueBytes,
        lifetime.nowSeconds,
        marks | (items.kind(entry) & STATE.base64Key),
      );
      if (item === 0) return RESULT.notStored;
      items.fillFrom(item, mode === STORE_MODE.append ? 0 : addedBytes, entry);
    }
    const at = mode === STORE_MODE.append ? oldBytes : 0;
    if (source === 0) items.fill(item, at, input, valueStart, valueEnd);
    else items.fillFrom(item, at, source);
    clock.next(entry);
    items.setVersion(item, clock.hand[0]!);
    this.#parts.outcome.joinedBytes = valueBytes;
    feed.key(CHANGE.set, bytes, keyStart, keyStart + keyBytes, hash);
    if (item !== entry) inventory.enter(item, hash, entry);
    return RESULT.stored;
  }

  /** A store was refused for size or memory: a plain set removes what it should have replaced. @returns `result` */
  #refuse(
    result: Result,
    mode: StoreMode,
    options: number,
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
  ): Result {
    const { counters, index, locks, lookup, clock } = this.#parts;
    counters.general[result === RESULT.tooLarge ? COUNTER.storeTooLarge : COUNTER.storeNoMemory]!++;
    if (!this.#removesOnFailure(mode, options)) return result;
    const stripe = index.stripe(hash);
    locks.acquire(stripe);
    const item = lookup.live(input, keyStart, keyEnd, hash);
    if (item !== 0) {
      clock.next(item);
      this.#bury(item, input, keyStart, keyEnd, hash);
    }
    locks.release(stripe);
    return result;
  }

  #removesOnFailure(mode: StoreMode, options: number): boolean {
    return mode === STORE_MODE.set || (options & WRITE.removeOnFailure) !== 0;
  }

  /** Removes an item (0: it is removed already), leaves a tombstone where there are peers, and tells the feed. */
  #bury(item: number, input: Uint8Array, keyStart: number, keyEnd: number, hash: number): void {
    this.#parts.tombstones.leave(item, input, keyStart, keyEnd, hash);
    this.#parts.feed.key(CHANGE.delete, input, keyStart, keyEnd, hash);
  }

  /** Empty and chained values are told to be no numbers even before a cas id is compared, as memcached does. */
  #mayHoldNumber(item: number): boolean {
    const { items } = this.#parts;
    return items.valueBytes(item) > 0 && (items.kind(item) & STATE.chained) === 0;
  }

  /**
   * Reads the value as a number, into numberHigh and numberLow, as C's strtoull does: blanks in front are skipped, and what follows a blank or a NUL
   * behind is ignored. incr and decr leave such padding; files end in a line end, C's strings in a NUL. A chained value is no number.
   */
  #readNumber(item: number): boolean {
    const { items, memory } = this.#parts;
    if ((items.kind(item) & STATE.chained) !== 0) return false;
    const bytes = memory.bytes[item >>> ARENA_SHIFT]!;
    let start = items.valueStart(item);
    const limit = start + items.valueBytes(item);
    while (start < limit && isBlank(bytes[start]!)) start++;
    let end = start;
    while (end < limit && bytes[end]! >= DIGIT_0 && bytes[end]! <= DIGIT_9) end++;
    if (end < limit && bytes[end] !== 0 && !isBlank(bytes[end]!)) return false;
    parseUint64(bytes, start, end);
    if (!parsed.valid) return false;
    this.numberHigh = parsed.high;
    this.numberLow = parsed.low;
    return true;
  }

  /** Adds modulo 2^64. */
  #add(high: number, low: number): void {
    const sum = this.numberLow + low;
    this.numberLow = sum >>> 0;
    this.numberHigh = (this.numberHigh + high + (sum > 0xffffffff ? 1 : 0)) >>> 0;
  }

  /** Subtracts, stopping at 0. */
  #subtract(high: number, low: number): void {
    const isLess = this.numberHigh < high || (this.numberHigh === high && this.numberLow < low);
    if (isLess) {
      this.numberHigh = 0;
      this.numberLow = 0;
      return;
    }
    const borrow = this.numberLow < low ? 1 : 0;
    this.numberLow = (this.numberLow - low) >>> 0;
    this.numberHigh = this.numberHigh - high - borrow;
  }

  /**
   * Writes the number as the item's value: over it, padded with spaces, where it is not longer; else as a new value. Marks stay. A node that has twins
   * never pads, as the memcached that repcached is made of.
   *
   * @param marks further ones; `explicitCas` needs room, and so a new item
   */
  #writeNumber(
    item: number,
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    marks: number,
    exptime: number,
  ): Result {
    const { items, memory, lookup, writer, clock, feed, lifetime, options } = this.#parts;
    const scratch = this.#scratch;
    const isPadded = options.feedBytes === 0;
    const keyBytes = keyEnd - keyStart;
    let end = writeUint64(scratch, keyBytes, this.numberHigh, this.numberLow);
    const count = end - keyBytes;
    clock.next(item);
    const valueBytes = items.valueBytes(item);
    if ((isPadded ? count <= valueBytes : count === valueBytes) && (marks & STATE.explicitCas) === 0) {
      const bytes = memory.bytes[item >>> ARENA_SHIFT]!;
      const at = items.valueStart(item);
      for (let i = 0; i < count; i++) bytes[at + i] = scratch[keyBytes + i]!;
      for (let i = count; i < valueBytes; i++) bytes[at + i] = SPACE;
      items.setVersion(item, clock.hand[0]!);
      items.dropExplicitCas(item);
      items.setKind(item, items.kind(item) & ~STATE.touched);
      items.setExptime(item, exptime);
      lifetime.noteEnd(exptime);
      lookup.bump(item);
    } else {
      // A value that is longer than any number is padding for the most part, which need not be kept.
      while (isPadded && end < keyBytes + Math.min(valueBytes, UINT64_DIGITS_MAX)) scratch[end++] = SPACE;
      copyBytes(scratch, 0, input, keyStart, keyEnd);
      const flags = items.clientFlags(item);
      const kept = marks | (items.kind(item) & MARKS & ~STATE.explicitCas);
      if (!writer.put(item, scratch, 0, keyBytes, hash, flags, exptime, keyBytes, end, kept)) {
        return RESULT.noMemory;
      }
    }
    feed.key(CHANGE.set, input, keyStart, keyEnd, hash);
    return RESULT.stored;
  }

  #isTooLarge(keyBytes: number, flags: number, valueBytes: number): boolean {
    const { options, geometry } = this.#parts;
    return memcachedItemBytes(keyBytes, flags !== 0, valueBytes, geometry.casBytes) > options.itemBytesMax;
  }

  /** Takes back that a store without flags was counted as a set. */
  discountSet(keyBytes: number, valueBytes: number): void {
    const slabClass = this.#parts.writer.slabClass(keyBytes, 0, valueBytes);
    this.#parts.counters.byClass[slabClass * CLASS_COUNTERS + CLASS_COUNTER.cmdSet]!--;
  }

  /** After a store that found nothing alive under its key: whether it came in the place of what had expired or was flushed. */
  #countReclaimed(slabClass: number): void {
    if (this.#parts.lookup.miss !== MISS.absent) this.#countClass(slabClass, CLASS_COUNTER.reclaimed);
  }

  #countSet(slabClass: number): void {
    this.#countClass(slabClass, CLASS_COUNTER.cmdSet);
  }

  #countItem(item: number, counter: number): void {
    this.#countClass(this.#parts.items.slabClass(item), counter);
  }

  #countClass(slabClass: number, counter: number): void {
    this.#parts.counters.byClass[slabClass * CLASS_COUNTERS + counter]!++;
  }
}

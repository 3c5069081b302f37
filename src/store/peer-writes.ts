import { CHANGE } from './change-feed.ts';
import { COUNTER } from './counters.ts';
import { isOfSecond } from './flush-epochs.ts';
import { ARENA_SHIFT, MARKS, memcachedItemBytes, STATE } from './layout.ts';
import type { Parts } from './parts.ts';
import { APPLIED, type Applied, RESULT, type Result } from './results.ts';
import { NO_STAMP } from './touch-stamps.ts';
import { isVersion } from './version-clock.ts';

/**
 * Changes that come from a peer: applied when their version is higher than that of what is here (item, tombstone or flush),
 * dropped when not. So the order in which changes of several nodes arrive doesn't matter, nor that one arrives twice. None of them is
 * appended to the change feed: each node sends its own changes to everybody. Only where the peer turns out not to know of a win (which has
 * no version of its own), or of a touch that has ended an item or has no known order with its own, it is told.
 */
export class PeerWrites {
  /** Why the last `reserve` returned 0: tooLarge, noMemory or stale. */
  failure: Result = RESULT.stored;
  /** What `#recall` found: the expiry time and the stamp of the latest touch that is known of an item that is not here. */
  #exptime = 0;
  #stamp = 0;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  set(
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    flags: number,
    exptime: number,
    version: number,
    valueStart: number,
    valueEnd: number,
    marks = 0,
    stamp: number = NO_STAMP,
  ): Applied {
    const { index, locks, lookup, items, writer, stamps } = this.#parts;
    if (!this.#admit(version)) return this.#count(APPLIED.stale);
    const tooLarge = this.#isTooLarge(keyEnd - keyStart, flags, valueEnd - valueStart);
    const stripe = index.stripe(hash);
    locks.acquire(stripe);
    const entry = lookup.entry(input, keyStart, keyEnd, hash);
    let applied: Applied = APPLIED.stale;
    if (entry === 0 || items.version(entry) < version) {
      const ended = this.#recall(input, keyStart, keyEnd, hash, exptime, version, stamp);
      const end = this.#exptime;
      const done =
        !ended &&
        !tooLarge &&
        writer.put(entry, input, keyStart, keyEnd, hash, flags, end, valueStart, valueEnd, marks & MARKS);
      if (done) {
        applied = APPLIED.applied;
        if (this.#stamp > 0) stamps.note(lookup.entry(input, keyStart, keyEnd, hash), hash, this.#stamp);
      } else {
        this.#outdate(entry, input, keyStart, keyEnd, hash);
        if (!ended) applied = tooLarge ? APPLIED.tooLarge : APPLIED.noMemory;
      }
    } else if (items.version(entry) === version) {
      this.#merge(entry, input, keyStart, keyEnd, hash, exptime, marks, stamp);
    }
    locks.release(stripe);
    if (entry === 0) index.growIfCrowded();
    return this.#count(applied);
  }

  reserve(
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    flags: number,
    exptime: number,
    version: number,
    valueBytes: number,
    marks = 0,
    stamp: number = NO_STAMP,
  ): number {
    const { index, locks, lookup, items, allocator, lifetime } = this.#parts;
    const stripe = index.stripe(hash);
    let item = 0;
    this.failure = RESULT.stored;
    if (!this.#admit(version)) {
      this.failure = RESULT.stale;
    } else {
      locks.acquire(stripe);
      const entry = lookup.entry(input, keyStart, keyEnd, hash);
      if (entry !== 0 && items.version(entry) >= version) this.failure = RESULT.stale;
      if (entry !== 0 && items.version(entry) === version)
        this.#merge(entry, input, keyStart, keyEnd, hash, exptime, marks, stamp);
      locks.release(stripe);
    }
    if (this.failure === RESULT.stale) {
      this.#count(APPLIED.stale);
      return 0;
    }
    if (this.#isTooLarge(keyEnd - keyStart, flags, valueBytes)) {
      this.failure = RESULT.tooLarge;
    } else {
      const now = lifetime.nowSeconds;
      item = allocator.allocate(
        input,
        keyStart,
        keyEnd,
        hash,
        flags,
        exptime,
        valueBytes,
        now,
        marks & MARKS,
      );
      if (item !== 0) return item;
      this.failure = RESULT.noMemory;
    }
    locks.acquire(stripe);
    const entry = lookup.entry(input, keyStart, keyEnd, hash);
    if (entry !== 0 && items.version(entry) < version) {
      this.#outdate(entry, input, keyStart, keyEnd, hash);
    }
    locks.release(stripe);
    this.#count(this.failure === RESULT.tooLarge ? APPLIED.tooLarge : APPLIED.noMemory);
    return 0;
  }

  commit(item: number, hash: number, version: number, stamp: number = NO_STAMP): Applied {
    const { index, locks, lookup, items, inventory, memory, stamps } = this.#parts;
    const bytes = memory.bytes[item >>> ARENA_SHIFT]!;
    const keyStart = items.keyStart(item);
    const keyEnd = keyStart + items.keyBytes(item);
    const stripe = index.stripe(hash);
    const admitted = this.#admit(version);
    locks.acquire(stripe);
    const entry = lookup.entry(bytes, keyStart, keyEnd, hash);
    const exptime = items.exptime(item);
    const isWanted = admitted && (entry === 0 || items.version(entry) < version);
    const ended = isWanted && this.#recall(bytes, keyStart, keyEnd, hash, exptime, version, stamp);
    const newer = isWanted && !ended;
    if (ended) {
      this.#outdate(entry, bytes, keyStart, keyEnd, hash);
    } else if (newer) {
      items.setVersion(item, version);
      items.setExptime(item, this.#exptime);
      inventory.enter(item, hash, entry);
      if (this.#stamp > 0) stamps.note(item, hash, this.#stamp);
    } else if (admitted && entry !== 0 && items.version(entry) === version) {
      this.#merge(entry, bytes, keyStart, keyEnd, hash, exptime, items.kind(item), stamp);
    }
    locks.release(stripe);
    if (newer) index.growIfCrowded();
    else inventory.free(item);
    return this.#count(newer ? APPLIED.applied : APPLIED.stale);
  }

  delete(input: Uint8Array, keyStart: number, keyEnd: number, hash: number, version: number): Applied {
    const { index, locks, lookup, items, tombstones } = this.#parts;
    if (!this.#admit(version)) return this.#count(APPLIED.stale);
    const stripe = index.stripe(hash);
    locks.acquire(stripe);
    const entry = lookup.entry(input, keyStart, keyEnd, hash);
    const newer = entry === 0 || items.version(entry) < version;
    if (newer) tombstones.leave(entry, input, keyStart, keyEnd, hash);
    locks.release(stripe);
    if (newer && entry === 0) index.growIfCrowded();
    return this.#count(newer ? APPLIED.applied : APPLIED.stale);
  }

  /** A touch keeps the version (it doesn't change the cas id), so it is for the very item that the peer has. */
  touch(
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    exptime: number,
    version: number,
    stamp: number = NO_STAMP,
  ): Applied {
    const { index, locks, lookup, items, stamps, feed, clock } = this.#parts;
    if (isVersion(stamp)) clock.observe(stamp, false);
    const stripe = index.stripe(hash);
    locks.acquire(stripe);
    const item = lookup.present(input, keyStart, keyEnd, hash);
    let applied: Applied = APPLIED.stale;
    if (item === 0 || items.version(item) < version) {
      // Whoever touched it may have had it sooner than this node has it.
      const hasEnded = this.#recall(input, keyStart, keyEnd, hash, exptime, version, stamp);
      if (!hasEnded && stamp > 0 && this.#stamp === stamp) stamps.noteAhead(hash, version, exptime, stamp);
    } else if (items.version(item) === version && (items.kind(item) & STATE.tombstone) === 0) {
      if (stamp > 0) {
        applied = this.#settle(item, input, keyStart, keyEnd, hash, exptime, stamp);
        if (applied === APPLIED.stale && this.#isOver(exptime)) {
          // There it has ended before this node's later touch was known: the peer needs the item again.
          clock.hold(item);
          clock.hand[1] = stamps.of(item, hash);
          feed.touch(input, keyStart, keyEnd, hash, items.exptime(item), exptime);
        }
      } else {
        // It was made just now, as far as anybody can tell.
        this.#setExptime(item, exptime);
        stamps.renew(item, hash);
        applied = APPLIED.applied;
      }
    }
    locks.release(stripe);
    return this.#count(applied);
  }

  /** A client of the peer was told to renew the item: nobody shall be told so here. The version stays, as with a touch. */
  win(input: Uint8Array, keyStart: number, keyEnd: number, hash: number, version: number): Applied {
    const { index, locks, lookup, items } = this.#parts;
    const stripe = index.stripe(hash);
    locks.acquire(stripe);
    const item = lookup.live(input, keyStart, keyEnd, hash);
    const same = item !== 0 && items.version(item) === version;
    if (same) items.setKind(item, items.kind(item) | STATE.tokenSent);
    locks.release(stripe);
    return this.#count(same ? APPLIED.applied : APPLIED.stale);
  }

  /** @param version of the order; 0: this is the flush in force, whoever ordered it, and the order to come stays */
  flush(threshold: number, activeAtSeconds: number, version: number): Applied {
    const { clock, feed, flush, lifetime } = this.#parts;
    if (!isVersion(threshold) || (version !== 0 && !isVersion(version))) return this.#count(APPLIED.stale);
    const { nowSeconds } = lifetime;
    // An order for later takes what comes after it; another is in force wherever it comes, though this clock has not begun the second that it was given in.
    const isInForce = threshold <= version || activeAtSeconds <= nowSeconds;
    // What is stored after a flush must live, so the clock has to be beyond it however far ahead the peer is.
    clock.observe(version, true);
    // One that was to come for this second takes what is stored until it is over, here as on the node that has ordered it.
    if (isInForce && !isOfSecond(threshold, nowSeconds)) clock.observe(threshold, true);
    const activeAt = isInForce ? nowSeconds : activeAtSeconds;
    lifetime.noteEnd(Math.max(1, activeAt));
    const applied = flush.order(threshold, activeAt, version, nowSeconds);
    // It came late; where it was ordered another may have taken its place before it struck.
    if (applied && isInForce && threshold > version && version !== 0) feed.strike(threshold);
    return this.#count(applied ? APPLIED.applied : APPLIED.stale);
  }

  /** The peer has the very item that is here. The later of two touches counts; a token that either has sent is sent. */
  #merge(
    entry: number,
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    exptime: number,
    marks: number,
    stamp: number,
  ): void {
    const { items, feed } = this.#parts;
    const kind = items.kind(entry);
    if ((kind & STATE.tombstone) !== 0) return;
    if ((marks & ~kind & STATE.tokenSent) !== 0) items.setKind(entry, kind | STATE.tokenSent);
    if ((kind & ~marks & STATE.tokenSent) !== 0) feed.key(CHANGE.win, input, keyStart, keyEnd, hash);
    this.#settle(entry, input, keyStart, keyEnd, hash, exptime, stamp);
  }

  /**
   * Settles what the expiry time of an item is that a peer has in the same version.
   *
   * @param stamp of the peer's last touch, 0: it was never touched there
   */
  #settle(
    item: number,
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    exptime: number,
    stamp: number,
  ): Applied {
    const { items, feed, stamps, counters } = this.#parts;
    const own = stamps.of(item, hash);
    if (stamp > own) {
      this.#setExptime(item, exptime);
      stamps.note(item, hash, stamp);
      return APPLIED.applied;
    }
    // Of the same touch the expiry times may differ, by what the hosts think of each other's clocks.
    if (stamp !== NO_STAMP && (stamps.isExact || stamp === 0))
      return stamp === own ? APPLIED.applied : APPLIED.stale;
    const here = items.exptime(item);
    if (here === exptime) return APPLIED.applied;
    // Nobody knows which touch was the later one. The item lives as long as either says, and everybody is told so: also who said it, for a
    // touch of ours may be on its way, and has come to the peer when this has come there.
    counters.general[COUNTER.touchesUnordered]!++;
    if (here !== 0 && (exptime === 0 || exptime > here)) this.#setExptime(item, exptime);
    stamps.renew(item, hash);
    feed.touch(input, keyStart, keyEnd, hash, items.exptime(item), exptime);
    return APPLIED.applied;
  }

  #setExptime(item: number, exptime: number): void {
    this.#parts.items.setExptime(item, exptime);
    this.#parts.lifetime.noteEnd(exptime);
  }

  #isOver(exptime: number): boolean {
    return exptime !== 0 && exptime <= this.#parts.lifetime.nowSeconds;
  }

  /**
   * What comes from a peer is not here, or no more. It may have been touched here later than there, and have ended since or been evicted: the later touch counts. Sets
   * `#exptime` and `#stamp`.
   *
   * @returns whether it has ended; then the peer is told of the touch
   */
  #recall(
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    exptime: number,
    version: number,
    stamp: number,
  ): boolean {
    const { stamps, clock, feed } = this.#parts;
    this.#exptime = exptime;
    this.#stamp = stamp;
    const known = stamps.find(hash, version);
    if (known < 0 || stamps.stampAt(known) <= stamp) return false;
    this.#exptime = stamps.exptimeAt(known);
    this.#stamp = stamps.stampAt(known);
    if (!this.#isOver(this.#exptime)) return false;
    clock.hand[0] = version;
    clock.hand[1] = this.#stamp;
    feed.touch(input, keyStart, keyEnd, hash, this.#exptime, 0);
    return true;
  }

  /** Follows a peer's version and takes it in hand. @returns whether it can be applied at all */
  #admit(version: number): boolean {
    if (!isVersion(version)) return false;
    this.#parts.clock.observe(version, false);
    this.#parts.clock.hand[0] = version;
    return version >= this.#parts.flush.deadBelow();
  }

  /** A newer value could not be taken: what is here is outdated, and nobody shall read it. */
  #outdate(entry: number, input: Uint8Array, keyStart: number, keyEnd: number, hash: number): void {
    if (entry === 0) return;
    this.#parts.tombstones.leave(entry, input, keyStart, keyEnd, hash);
  }

  #isTooLarge(keyBytes: number, flags: number, valueBytes: number): boolean {
    // Without room for a cas id, whatever this node reckons: the twin may have been started with -C.
    return memcachedItemBytes(keyBytes, flags !== 0, valueBytes, 0) > this.#parts.options.itemBytesMax;
  }

  #count(applied: Applied): Applied {
    const row = this.#parts.counters.general;
    if (applied === APPLIED.applied) row[COUNTER.peerApplied]!++;
    else if (applied === APPLIED.stale) row[COUNTER.peerStale]!++;
    else if (applied === APPLIED.tooLarge) row[COUNTER.peerTooLarge]!++;
    else row[COUNTER.peerNoMemory]!++;
    return applied;
  }
}

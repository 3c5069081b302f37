import type { CacheObserver } from './cache-observer.ts';
import { walkClass } from './class-walk.ts';
import { ClientWrites, KEEP_EXPTIME } from './client-writes.ts';
import type { FlushState } from './flush-epochs.ts';
import { CONTROL } from './geometry.ts';
import { ItemView } from './item-view.ts';
import { keyHash } from './key-hash.ts';
import { STATE } from './layout.ts';
import { MetaAccess } from './meta-access.ts';
import { ObservedWrites } from './observed-writes.ts';
import { Parts } from './parts.ts';
import { PeerWrites } from './peer-writes.ts';
import { type Applied, type ItemRef, type Miss, RESULT, type Result, type StoreMode } from './results.ts';
import type { SharedCache } from './shared-cache.ts';
import {
  allClassStatistics,
  type CacheStatistics,
  type ClassStatistics,
  cacheStatistics,
} from './statistics.ts';
import { NO_STAMP } from './touch-stamps.ts';
import { Upkeep } from './upkeep.ts';
import { Walks } from './walks.ts';

export type { CacheOptions } from './cache-options.ts';
export { KEEP_EXPTIME } from './client-writes.ts';
export { createSharedCache } from './create-shared-cache.ts';
export type { FlushState } from './flush-epochs.ts';
export { INVALIDATE, type MetaAccess } from './meta-access.ts';
export * from './results.ts';
export type { SharedCache } from './shared-cache.ts';
export type { CacheStatistics, ClassStatistics } from './statistics.ts';
export { NO_STAMP } from './touch-stamps.ts';

/**
 * One thread's view of a cache in shared memory. Each thread makes its own, over the same `SharedCache`.
 *
 * Keys and values are passed as ranges of a byte array. The hash of a key is computed once by the caller (`hash`) and handed to every call.
 * Nothing on the way of a get or of a set that overwrites allocates.
 *
 * Between `find` (or `peek`) and `release` the key's stripe is locked: only the reading functions and `noteHit` and
 * `touchItem` of the found item may be called, and no other key may be looked up.
 */
export class Cache {
  /** The thread's buffer region for a transport, inside arena 0's array; empty for the main thread. */
  readonly ioRegion: { readonly bytes: Uint8Array; readonly start: number; readonly end: number };
  /** This thread's row of counters, indexed by COUNTER (counters.ts). */
  readonly counters: Float64Array;
  /** What the meta commands need beyond the rest: marks, cas ids that clients chose, invalidation. */
  readonly meta: MetaAccess;
  /** Work in the background, and what an operator orders of it. */
  readonly upkeep: Upkeep;
  readonly #parts: Parts;
  readonly #plainWrites: ClientWrites;
  /** The above, or while there is an observer, writes that tell it. */
  #client: ClientWrites;
  #observer: CacheObserver | null = null;
  readonly #peer: PeerWrites;
  readonly #walks: Walks;
  readonly #seedLow: number;
  readonly #seedHigh: number;

  /**
   * @param shared made by `createSharedCache`, in this or another thread
   * @param thread 0 to `options.threads` - 1 for data threads, `options.threads` for the main thread
   */
  constructor(shared: SharedCache, thread: number) {
    const parts = new Parts(shared, thread);
    this.#parts = parts;
    this.#plainWrites = new ClientWrites(parts);
    this.#client = this.#plainWrites;
    this.meta = new MetaAccess(parts);
    this.#peer = new PeerWrites(parts);
    this.#walks = new Walks(parts);
    this.upkeep = new Upkeep(parts);
    this.#seedLow = shared.options.hashSeed[0];
    this.#seedHigh = shared.options.hashSeed[1];
    this.counters = parts.counters.general;
    const { ioStart, ioBytes } = parts.geometry;
    const start = ioStart + thread * ioBytes;
    const end = thread < shared.options.threads ? start + ioBytes : start;
    this.ioRegion = { bytes: parts.memory.bytes[0]!, start, end };
  }

  /** The arrays of this cache's item memory, for whoever must know their addresses. */
  get arenas(): readonly Uint8Array[] {
    return this.#parts.memory.bytes;
  }

  /** Has somebody told of look-ups, writes and evictions on this thread from now on; null: nobody, which costs next to nothing. */
  observe(observer: CacheObserver | null): void {
    this.#observer = observer;
    this.#client = observer === null ? this.#plainWrites : new ObservedWrites(this.#parts, observer);
    this.#parts.observer = observer;
    this.#parts.evictor.observer = observer;
  }

  // --- Time.

  /** Seconds since 1970 as this thread's cache sees them; set by `tick`. */
  get nowSeconds(): number {
    return this.#parts.lifetime.nowSeconds;
  }

  /**
   * Sets the time; call it once a turn.
   *
   * @param wallMs milliseconds since 1970
   */
  tick(wallMs: number): void {
    const { lifetime, clock, flush, feed } = this.#parts;
    const seconds = Math.floor(wallMs / 1000);
    lifetime.nowSeconds = seconds;
    clock.tick(wallMs);
    flush.tick(seconds, feed, clock);
  }

  // --- Reading.

  /** Seeded hash of the key [start, end) of `bytes`: a signed 32-bit number. */
  hash(bytes: Uint8Array, start: number, end: number): number {
    return keyHash(bytes, start, end, this.#seedLow, this.#seedHigh);
  }

  /**
   * Looks a key up. An item that is found is valid, and its stripe locked, until `release(hash)`, which the caller owes then. On a
   * miss nothing is locked, and `lastMiss` says why. An expired or flushed item is removed and is a miss.
   */
  find(bytes: Uint8Array, keyStart: number, keyEnd: number, hash: number): ItemRef {
    const { index, locks, lookup } = this.#parts;
    const stripe = index.stripe(hash);
    locks.acquire(stripe);
    const item = lookup.live(bytes, keyStart, keyEnd, hash);
    if (item === 0) {
      this.#observer?.missed(bytes, keyStart, keyEnd, lookup.miss);
      locks.release(stripe);
    }
    return item;
  }

  /**
   * Says that the keys of the first `count` hashes are about to be looked up: what lies first under each is brought into the processor's
   * cache, all at once instead of one after the other.
   */
  touchAll(hashes: Int32Array, count: number): void {
    this.#parts.index.touchAll(hashes, count);
  }

  /** Ends what `find` or `peek` began. */
  release(hash: number): void {
    const { index, locks } = this.#parts;
    locks.release(index.stripe(hash));
  }

  /** Why the last `find` of this thread was a miss. (The store has counted get_expired and get_flushed.) */
  get lastMiss(): Miss {
    return this.#parts.lookup.miss;
  }

  /** Notes a get of a found item: eviction spares it, it is fetched, its last access is now, and its class counts a hit. */
  noteHit(item: ItemRef): void {
    this.#parts.lookup.hit(item);
    this.#observer?.found(item);
  }

  /** Like `noteHit`, but counts no hit (gat counts a touch instead). */
  noteAccess(item: ItemRef): void {
    this.#parts.lookup.visit(item);
    this.#observer?.found(item);
  }

  /** What `look` has read last; valid as long as the item's lock is held. */
  readonly view: ItemView = new ItemView();

  /** Reads into `view` what a reply needs of a found item. */
  look(item: ItemRef): void {
    this.#parts.items.look(item, this.view);
  }

  valueBytes(item: ItemRef): number {
    return this.#parts.items.valueBytes(item);
  }

  clientFlags(item: ItemRef): number {
    return this.#parts.items.clientFlags(item);
  }

  /** What orders writes among twins. It is the cas id, too, unless a client chose one: see `meta.casHigh`. */
  version(item: ItemRef): number {
    return this.#parts.items.version(item);
  }

  /** Unix seconds, 0 for never. */
  exptime(item: ItemRef): number {
    return this.#parts.items.exptime(item);
  }

  /**
   * When an item's present version was last touched, as a version: of two touches of one item the one with the higher stamp counts. 0: it
   * was not touched. If the stamp is not known any more, the highest that it can have been.
   */
  touchStamp(item: ItemRef): number {
    return this.#parts.stamps.of(item, this.#parts.items.hash(item));
  }

  /** Unix seconds. */
  lastAccess(item: ItemRef): number {
    return this.#parts.items.lastAccess(item);
  }

  /** Whether it was read since it was stored. */
  wasFetched(item: ItemRef): boolean {
    return (this.#parts.items.kind(item) & STATE.fetched) !== 0;
  }

  /** The item's size as memcached reckons it: 48 + (8 without -C) + key + 1 + (4 if it has flags) + value + 2. */
  itemBytes(item: ItemRef): number {
    return this.#parts.items.memcachedBytes(item);
  }

  slabClass(item: ItemRef): number {
    return this.#parts.items.slabClass(item);
  }

  keyBytes(item: ItemRef): number {
    return this.#parts.items.keyBytes(item);
  }

  copyKey(item: ItemRef, target: Uint8Array, at: number): void {
    this.#parts.items.copyKey(item, target, at);
  }

  /** Copies the key and, behind it, the whole value, as they lie in most items: in one go. */
  copyKeyAndValue(item: ItemRef, target: Uint8Array, at: number): void {
    this.#parts.items.copyKeyAndValue(item, target, at);
  }

  /** Copies the whole value. Fastest, and free of allocation, when `target` is `ioRegion.bytes`. */
  copyValue(item: ItemRef, target: Uint8Array, at: number): void {
    this.#parts.items.copyValue(item, target, at);
  }

  // --- Mutations by this node's clients. Each locks for itself, gives a new version, feeds the change feed, counts by class.

  /** The version that the last mutation gave, or, when it was refused, that of the item it met. */
  get lastVersion(): number {
    return this.#parts.clock.hand[0]!;
  }

  /**
   * Stores the value [valueStart, valueEnd) of `input`.
   *
   * @param flags client flags, unsigned 32 bits; ignored by append and prepend, as is exptime
   * @param exptime unix seconds, 0 never; one that has passed makes an item that is dead at once
   * @param casVersion for mode cas; for append and prepend, the cas id that the item must have, 0 any. CAS_WIDE: that of `meta.setWideCas`
   * @param options bits of WRITE, and of MARK for the new item
   */
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
    return this.#client.store(
      mode,
      input,
      keyStart,
      keyEnd,
      hash,
      flags,
      exptime,
      casVersion,
      valueStart,
      valueEnd,
      options,
    );
  }

  /**
   * Begins a store whose value is not all there yet: then `fill` it and `commit` (or `abandon`) it. Nobody sees the item before.
   *
   * @returns 0 when it is refused; see `failure`. A refused plain set has removed the old value
   */
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
  ): ItemRef {
    const item = this.#client.reserve(
      mode,
      input,
      keyStart,
      keyEnd,
      hash,
      flags,
      exptime,
      valueBytes,
      options,
    );
    this.failure = item === 0 ? this.#client.failure : RESULT.stored;
    return item;
  }

  /** Why the last `reserve` (tooLarge, noMemory) or `reserveForPeer` (also stale) returned 0. */
  failure: Result = RESULT.stored;

  /** Writes bytes [start, end) of `input` at `offset` of a reserved item's value. */
  fill(item: ItemRef, offset: number, input: Uint8Array, start: number, end: number): void {
    this.#parts.items.fill(item, offset, input, start, end);
  }

  /** Ends a reserved store as `store` would have. The ref is not valid any more. */
  commit(mode: StoreMode, item: ItemRef, hash: number, casVersion: number, options = 0): Result {
    return this.#client.commit(mode, item, hash, casVersion, options);
  }

  /** Gives a reserved item up. */
  abandon(item: ItemRef): void {
    this.#parts.inventory.free(item);
  }

  /** @param casVersion 0: any. @returns stored when deleted, notFound, or exists when the version is another */
  delete(input: Uint8Array, keyStart: number, keyEnd: number, hash: number, casVersion: number): Result {
    return this.#client.delete(input, keyStart, keyEnd, hash, casVersion);
  }

  /**
   * incr and decr: the value as a decimal 64-bit number, wrapping upwards, stopping at 0 downwards.
   *
   * @param deltaHigh upper 32 bits of the delta, unsigned; `deltaLow` the lower
   * @param casVersion 0: any
   * @param options MARK.explicitCas: the item gets the cas id of `meta.setNewCas`
   * @param exptime of the item from now on; what it had before is in `meta.exptimeBefore`
   * @returns stored (then `numberHigh` and `numberLow` are the new number), notFound, exists, nonNumeric or noMemory
   */
  arithmetic(
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    increment: boolean,
    deltaHigh: number,
    deltaLow: number,
    casVersion = 0,
    options = 0,
    exptime: number = KEEP_EXPTIME,
  ): Result {
    return this.#client.arithmetic(
      input,
      keyStart,
      keyEnd,
      hash,
      increment,
      deltaHigh,
      deltaLow,
      casVersion,
      options,
      exptime,
    );
  }

  /** Takes back that a `store` without flags was counted in cmd_set: it was no client's set, but an incr that made its item. */
  discountSet(keyBytes: number, valueBytes: number): void {
    this.#client.discountSet(keyBytes, valueBytes);
  }

  get numberHigh(): number {
    return this.#client.numberHigh;
  }

  get numberLow(): number {
    return this.#client.numberLow;
  }

  /** Sets the expiry of a key's item. @returns false when there is none */
  touch(input: Uint8Array, keyStart: number, keyEnd: number, hash: number, exptime: number): boolean {
    return this.#client.touch(input, keyStart, keyEnd, hash, exptime);
  }

  /** Sets the expiry of a found item, between `find` and `release`; counts touch_hits. */
  touchItem(item: ItemRef, hash: number, exptime: number): void {
    this.#client.touchItem(item, hash, exptime);
  }

  /**
   * flush_all. With 0 everything stored before now is dead, and what is stored from now on is not, even within this second. With a delay of n
   * seconds it strikes when second now + n - 1 begins and takes what is stored until second now + n, as memcached's; it replaces one to come.
   */
  flushAll(delaySeconds: number): void {
    const { clock, flush, feed, lifetime } = this.#parts;
    const now = lifetime.nowSeconds;
    clock.next(0);
    const version = clock.hand[0]!;
    const delayed = delaySeconds > 0;
    const activeAt = delayed ? now + delaySeconds - 1 : now;
    const threshold = delayed ? clock.thresholdAt(activeAt) : version;
    flush.order(threshold, activeAt, version, now);
    lifetime.noteEnd(activeAt);
    feed.flush(threshold, activeAt);
    if (delayed && activeAt === now) feed.strike(threshold);
  }

  /** The last unix second whose items the latest flush_all takes, by memcached's reckoning; 0 when there was none. */
  get flushSecond(): number {
    return this.#parts.flush.latestSecond;
  }

  // --- Changes of a peer: applied when newer than what is here; never appended to the feed. `stamp`: see `touchStamp`; NO_STAMP: not known.

  applySet(
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
    return this.#peer.set(
      input,
      keyStart,
      keyEnd,
      hash,
      flags,
      exptime,
      version,
      valueStart,
      valueEnd,
      marks,
      stamp,
    );
  }

  /**
   * Begins a peer's set whose value is not all there yet: then `fill` it and `applyReserved` (or `abandon`) it.
   *
   * @returns 0 when it is refused: `failure` is tooLarge, noMemory (an older value is removed then) or stale (newer is here: skip it)
   */
  reserveForPeer(
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
  ): ItemRef {
    const item = this.#peer.reserve(
      input,
      keyStart,
      keyEnd,
      hash,
      flags,
      exptime,
      version,
      valueBytes,
      marks,
      stamp,
    );
    this.failure = this.#peer.failure;
    return item;
  }

  applyReserved(item: ItemRef, hash: number, version: number, stamp: number = NO_STAMP): Applied {
    return this.#peer.commit(item, hash, version, stamp);
  }

  applyDelete(input: Uint8Array, keyStart: number, keyEnd: number, hash: number, version: number): Applied {
    return this.#peer.delete(input, keyStart, keyEnd, hash, version);
  }

  /**
   * @param version of the item that the peer touched; only that very item is touched here
   * @param stamp of the touch
   */
  applyTouch(
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    exptime: number,
    version: number,
    stamp: number = NO_STAMP,
  ): Applied {
    return this.#peer.touch(input, keyStart, keyEnd, hash, exptime, version, stamp);
  }

  /** A client of the peer was told to renew the item. @param version of that very item */
  applyWin(input: Uint8Array, keyStart: number, keyEnd: number, hash: number, version: number): Applied {
    return this.#peer.win(input, keyStart, keyEnd, hash, version);
  }

  /**
   * @param thresholdVersion items with lower versions die, from `activeAtSeconds` on
   * @param version of the order itself (the feed's record has it): of several that are to come, the highest counts. 0: it is
   * in force, and takes the place of none. Without it, the one that arrives last
   */
  applyFlush(thresholdVersion: number, activeAtSeconds: number, version?: number): Applied {
    const following = (): number => Math.max(thresholdVersion, this.#parts.flush.state().version + 1);
    return this.#peer.flush(thresholdVersion, activeAtSeconds, version ?? following());
  }

  /** What a peer that joins must know of flushes: hand both parts to its `applyFlush`. */
  flushState(): FlushState {
    return this.#parts.flush.state();
  }

  /**
   * The item or tombstone of a key, for sending its present state: like `find`, owing a `release(hash)` when not 0, but
   * tombstones are returned too, and nothing counts as an access.
   */
  peek(bytes: Uint8Array, keyStart: number, keyEnd: number, hash: number): ItemRef {
    const { index, locks, lookup } = this.#parts;
    const stripe = index.stripe(hash);
    locks.acquire(stripe);
    const item = lookup.present(bytes, keyStart, keyEnd, hash);
    if (item === 0) locks.release(stripe);
    return item;
  }

  isTombstone(item: ItemRef): boolean {
    return (this.#parts.items.kind(item) & STATE.tombstone) !== 0;
  }

  /**
   * Walks over all live items and tombstones, a slice at a time. What is there for the whole walk is visited at least once, though the
   * index grows meanwhile. `visit` runs with the item's stripe locked: it reads, and calls nothing that locks.
   *
   * @param cursor 0 at first, then what the last call returned
   * @returns the next cursor, -1 at the end
   */
  scan(cursor: number, bucketsMax: number, visit: (item: ItemRef, hash: number) => void): number {
    return this.#walks.scan(cursor, bucketsMax, visit);
  }

  /**
   * Visits the live items of a slab class, those longest in use first. The class is locked meanwhile: for a look at some of them.
   *
   * @param visit reads the item, calls nothing that locks, and returns false when it has seen enough
   */
  walkClass(slabClass: number, visit: (item: ItemRef) => boolean): void {
    walkClass(this.#parts, slabClass, visit);
  }

  /** Advances the clock past a version of a peer. */
  observeVersion(version: number): void {
    this.#parts.clock.observe(version, false);
  }

  /** No version given or seen so far is higher. */
  highestVersion(): number {
    return this.#parts.clock.highest();
  }

  /** The number from 0 to 7 that tells this node's versions from its twins'; a change counts for all threads, from the next version on. */
  get nodeSlot(): number {
    return this.#parts.clock.slot;
  }

  set nodeSlot(slot: number) {
    this.#parts.clock.slot = slot;
  }

  /** Position behind this thread's last record in the change feed; it has moved when this thread has changed something. */
  get feedHead(): number {
    return this.#parts.feed.head;
  }

  // --- Figures.

  /** Items and tombstones in the index now. */
  get entryCount(): number {
    return Atomics.load(this.#parts.control, CONTROL.linked);
  }

  /** Buckets of the index now, for pacing `crawl` and `scan`. */
  get bucketCount(): number {
    return Atomics.load(this.#parts.control, CONTROL.buckets);
  }

  /** One of COUNTER (counters.ts) over all threads. */
  counterTotal(counter: number): number {
    return this.#parts.counters.total(counter);
  }

  statistics(): CacheStatistics {
    return cacheStatistics(this.#parts);
  }

  /** Every slab class from 1 on, with memory or without: bytes of a chunk, chunks of a page. */
  slabClassSizes(): readonly (readonly [chunkBytes: number, chunksPerPage: number])[] {
    const { chunkBytes, chunksPerPage, largest } = this.#parts.geometry.classes;
    return Array.from({ length: largest }, (_, index) => [chunkBytes[index + 1]!, chunksPerPage[index + 1]!]);
  }

  /** The slab classes that have memory, in order. */
  classStatistics(): readonly ClassStatistics[] {
    return allClassStatistics(this.#parts);
  }

  /** `stats reset`: all counts begin anew, for all threads; levels (items, bytes) stay. */
  resetStatistics(): void {
    this.#parts.counters.reset();
  }
}

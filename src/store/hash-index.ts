import type { Counters } from './counters.ts';
import { COUNTER } from './counters.ts';
import { CONTROL, type Geometry, LOAD_MAX } from './geometry.ts';
import { ARENA_SHIFT, HEADER, UNIT_MASK } from './layout.ts';
import type { Locks } from './locks.ts';
import type { Memory } from './memory.ts';

const { next: NEXT, hash: HASH } = HEADER;

/** Buckets that one insertion splits at most: more than one, so that the index catches up. */
const SPLITS_MAX = 2;

/** Items that are touched at once. */
export const TOUCHED_MAX = 64;

/** Words of one line of the processor's cache. */
const LINE_WORDS = 16;

/**
 * The index: chained hash buckets that grow one bucket at a time, by linear hashing (Litwin, 1980).
 *
 * n buckets are active. With m the power of two at or above n, a hash belongs to bucket b = hash mod m, or, where that one is
 * not active yet, to b = hash mod m/2. To grow, bucket n - m/2 is split into itself and n. There is never a pause, and the
 * memory of all buckets is reserved from the start but touched only as they become active.
 *
 * A stripe locks the hashes with equal low bits. There are no more stripes than first buckets, so all of a bucket's hashes are of one stripe, and
 * the bucket that is split and its new half are, too. Hence a thread that holds a hash's stripe may read n without further
 * care: a concurrent split changes n, but not the bucket of this hash.
 */
export class HashIndex {
  readonly #buckets: Int32Array;
  readonly #control: Int32Array;
  readonly #memory: Memory;
  readonly #locks: Locks;
  readonly #geometry: Geometry;
  readonly #counters: Counters;
  readonly #stripeMask: number;
  readonly #touchedItems: Int32Array = new Int32Array(TOUCHED_MAX);
  readonly #touched: Int32Array = new Int32Array(1);

  constructor(
    buckets: SharedArrayBuffer,
    control: Int32Array,
    memory: Memory,
    locks: Locks,
    counters: Counters,
  ) {
    this.#buckets = new Int32Array(buckets);
    this.#control = control;
    this.#memory = memory;
    this.#locks = locks;
    this.#geometry = memory.geometry;
    this.#counters = counters;
    this.#stripeMask = this.#geometry.stripes - 1;
  }

  /** Number of the lock that guards a hash; also of the lock that guards a bucket. */
  stripe(hash: number): number {
    return hash & this.#stripeMask;
  }

  /** First item of a hash's chain, with its stripe locked. */
  first(hash: number): number {
    return this.#buckets[this.#bucket(hash)]!;
  }

  /**
   * Reads what a look-up of each hash will read first: the buckets, then the items in them. None of the reads of one loop needs the result of another,
   * so the processor has many under way at once. No lock is held: what is read may be stale by then and is not used.
   */
  touchAll(hashes: Int32Array, count: number): void {
    const items = this.#touchedItems;
    const buckets = this.#buckets;
    const n = this.#control[CONTROL.buckets]!;
    const mask = -1 >>> Math.clz32(n - 1);
    const here = Math.min(TOUCHED_MAX, count);
    for (let i = 0; i < here; i++) {
      const bucket = hashes[i]! & mask;
      items[i] = buckets[bucket < n ? bucket : bucket & (mask >>> 1)]!;
    }
    this.#touch(here);
  }

  /** The same for the first items of buckets [from, from + count), TOUCHED_MAX of them at most. */
  touchBuckets(from: number, count: number): void {
    const here = Math.min(TOUCHED_MAX, count);
    for (let i = 0; i < here; i++) this.#touchedItems[i] = this.#buckets[from + i]!;
    this.#touch(here);
  }

  /** Reads the first lines of the items in hand. */
  #touch(count: number): void {
    const items = this.#touchedItems;
    const { words } = this.#memory;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const item = items[i]!;
      const arena = words[item >>> ARENA_SHIFT]!;
      const word = (item & UNIT_MASK) << 1;
      sum ^= arena[word + HASH]! ^ arena[word + LINE_WORDS]! ^ arena[word + 2 * LINE_WORDS]!;
    }
    // Kept, lest the compiler find that nobody needs the reads.
    this.#touched[0] = sum;
  }

  /** First item of a bucket, with its stripe locked. */
  firstOf(bucket: number): number {
    return this.#buckets[bucket]!;
  }

  /** Active buckets; only grows. */
  bucketCount(): number {
    return Atomics.load(this.#control, CONTROL.buckets);
  }

  /** Puts an item at the head of its chain, with its stripe locked. */
  insert(item: number, hash: number): void {
    const bucket = this.#bucket(hash);
    this.#memory.words[item >>> ARENA_SHIFT]![((item & UNIT_MASK) << 1) + NEXT] = this.#buckets[bucket]!;
    this.#buckets[bucket] = item;
    Atomics.add(this.#control, CONTROL.linked, 1);
  }

  /** Takes an item that is in the index out of its chain, with its stripe locked. */
  remove(item: number, hash: number): void {
    const following = this.#next(item);
    this.#redirect(item, hash, following);
    Atomics.sub(this.#control, CONTROL.linked, 1);
  }

  /** Puts `replacement` in the place of `item`, with their stripe locked. */
  replace(item: number, replacement: number, hash: number): void {
    this.#memory.words[replacement >>> ARENA_SHIFT]![((replacement & UNIT_MASK) << 1) + NEXT] =
      this.#next(item);
    this.#redirect(item, hash, replacement);
  }

  /** Splits a bucket or two when chains have become long. Call it after an insertion, with no stripe locked. */
  growIfCrowded(): void {
    const n = this.#control[CONTROL.buckets]!;
    if (this.#control[CONTROL.linked]! <= n * LOAD_MAX) return;
    if (n >= this.#geometry.bucketsMax || !this.#locks.tryAcquire(this.#geometry.growthLock)) return;
    for (let i = 0; i < SPLITS_MAX; i++) this.#split();
    this.#locks.release(this.#geometry.growthLock);
  }

  #bucket(hash: number): number {
    const n = this.#control[CONTROL.buckets]!;
    const mask = -1 >>> Math.clz32(n - 1);
    const bucket = hash & mask;
    return bucket < n ? bucket : hash & (mask >>> 1);
  }

  #next(item: number): number {
    return this.#memory.words[item >>> ARENA_SHIFT]![((item & UNIT_MASK) << 1) + NEXT]!;
  }

  /** Makes whatever points at `item` in its chain point at `target`. */
  #redirect(item: number, hash: number, target: number): void {
    const bucket = this.#bucket(hash);
    let at = this.#buckets[bucket]!;
    if (at === item) {
      this.#buckets[bucket] = target;
      return;
    }
    for (;;) {
      const words = this.#memory.words[at >>> ARENA_SHIFT]!;
      const word = ((at & UNIT_MASK) << 1) + NEXT;
      at = words[word]!;
      if (at === item) {
        words[word] = target;
        return;
      }
    }
  }

  #split(): void {
    const n = this.#control[CONTROL.buckets]!;
    if (n >= this.#geometry.bucketsMax) return;
    const mask = -1 >>> Math.clz32(n);
    const old = n - (mask + 1) / 2;
    const stripe = this.stripe(old);
    this.#locks.acquire(stripe);
    let item = this.#buckets[old]!;
    let stays = 0;
    let moves = 0;
    while (item !== 0) {
      const words = this.#memory.words[item >>> ARENA_SHIFT]!;
      const word = (item & UNIT_MASK) << 1;
      const next = words[word + NEXT]!;
      if ((words[word + HASH]! & mask) === old) {
        words[word + NEXT] = stays;
        stays = item;
      } else {
        words[word + NEXT] = moves;
        moves = item;
      }
      item = next;
    }
    this.#buckets[old] = stays;
    this.#buckets[n] = moves;
    Atomics.store(this.#control, CONTROL.buckets, n + 1);
    this.#locks.release(stripe);
    this.#counters.general[COUNTER.indexSplits]!++;
  }
}

import { assert } from '../base/assert.ts';
import { copyBytes } from './memory.ts';
import type { SharedCache } from './shared-cache.ts';

/**
 * The change feed: what was changed here, for links to peers.
 *
 * It carries KEYS, not values: a link reads the present value when it sends, so a burst of changes of one key costs one
 * transfer. Each thread writes a ring of its own (under the key's stripe lock, so changes of one key by one thread stand in order;
 * between threads the versions give the order) and any thread may read any ring, without slowing the writer: a reader that falls behind by more than the ring
 * is overrun and must compare everything.
 *
 * A ring is 16 bytes of positions and `feedBytes` of records. Positions count units of 8 bytes for ever; the unit in the ring is
 * the position modulo its size. One word holds a position modulo 2^32, and another its upper bits from the 16th on, so that both have 16 bits in
 * common: a reader of the two sees whether they belong together. The writer first publishes how far it is about to write (`reserved`), then writes, then publishes
 * `head`. A reader copies a record out and looks at `reserved` after that: if the record was within one ring of it, the copy is whole (a
 * seqlock, as in Boehm, "Can seqlocks get along with programming language memory models?", with the write-ahead mark in place of the odd count).
 *
 * A record: word 0 = units | kind << 16 | key length << 24; word 1 = hash; double 1 = version; then for a touch exptime and
 * the expiry time before it as words and its stamp as a double, for a flush threshold and activation as doubles; then the key, padded to 8. A record never wraps: the end of the ring is skipped.
 */
export const CHANGE = { none: 0, set: 1, delete: 2, touch: 3, flush: 4, skip: 5, win: 6 } as const;

const POSITIONS_BYTES = 16;
const HEAD = 0;
const RESERVED = 1;
/** The head divided by 2^16; stored before the head is, so it may be one ahead of it. */
const HEAD_UPPER = 2;
const UPPER_SHIFT = 16;
const UPPER_UNITS = 65536;
/** Between the two loads the writer would have to pass half a megabyte, time and again. */
const HEAD_ATTEMPTS_MAX = 1000;
/** 16 bytes, the fields of a flush or touch, and the longest key. */
const RECORD_UNITS_MAX = 36;
export const FEED_BYTES_MIN = 4096;

/** Bytes of shared memory for the rings of `rows` threads. */
export function changeFeedBytes(feedBytes: number, rows: number): number {
  if (feedBytes === 0) return 0;
  assert(
    feedBytes >= FEED_BYTES_MIN && Number.isInteger(Math.log2(feedBytes)),
    'the change feed is a power of two of at least 4096 bytes',
  );
  return rows * (POSITIONS_BYTES + feedBytes);
}

class Ring {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly positions: Int32Array;
  readonly units: number;

  constructor(shared: SharedCache, thread: number) {
    const { feedBytes } = shared.options;
    const start = thread * (POSITIONS_BYTES + feedBytes);
    const data = start + POSITIONS_BYTES;
    this.units = feedBytes / 8;
    this.positions = new Int32Array(shared.feed, start, 4);
    this.bytes = new Uint8Array(shared.feed, data, feedBytes);
    this.words = new Int32Array(shared.feed, data, feedBytes / 4);
    this.doubles = new Float64Array(shared.feed, data, feedBytes / 8);
  }

  /** The position behind the last record, exact below 2^48. */
  head(): number {
    for (let attempt = 0; attempt < HEAD_ATTEMPTS_MAX; attempt++) {
      const head = Atomics.load(this.positions, HEAD);
      let upper = Atomics.load(this.positions, HEAD_UPPER) >>> 0;
      if ((upper & 0xffff) !== head >>> UPPER_SHIFT) upper--;
      if ((upper & 0xffff) === head >>> UPPER_SHIFT) return upper * UPPER_UNITS + (head & 0xffff);
    }
    throw new Error("the two words of a ring's head do not belong together");
  }
}

/** The writing end of a thread's own ring. */
export class FeedWriter {
  /** Position behind the last record. Compare it with an earlier reading to know whether this thread has changed something. */
  head: number;
  readonly enabled: boolean;
  readonly #ring: Ring | null;
  /** [0]: the version of the change that is told; see VersionClock.hand. */
  readonly #hand: Float64Array;
  readonly #noKey: Uint8Array = new Uint8Array(0);

  constructor(shared: SharedCache, thread: number, hand: Float64Array) {
    this.#hand = hand;
    this.enabled = shared.options.feedBytes > 0;
    this.#ring = this.enabled ? new Ring(shared, thread) : null;
    this.head = this.#ring === null ? 0 : Atomics.load(this.#ring.positions, HEAD);
  }

  /** Appends a set, delete or win of the key [start, end) of `key`, with the version in hand; a win's is that of the item. */
  key(kind: number, key: Uint8Array, start: number, end: number, hash: number): void {
    if (this.#ring !== null) this.#append(this.#ring, kind, 2, key, start, end, hash, 0, 0);
  }

  /**
   * Appends a touch; the version in hand is that of the item, and the stamp in hand the touch's.
   *
   * @param before the expiry time that peers know of, or have known
   */
  touch(key: Uint8Array, start: number, end: number, hash: number, exptime: number, before: number): void {
    if (this.#ring !== null)
      this.#append(this.#ring, CHANGE.touch, 4, key, start, end, hash, exptime, before);
  }

  /** Appends a flush; the version in hand is that of the order. */
  flush(threshold: number, activeAtSeconds: number): void {
    if (this.#ring !== null)
      this.#append(this.#ring, CHANGE.flush, 4, this.#noKey, 0, 0, 0, threshold, activeAtSeconds);
  }

  /** Appends that a flush which was to come is in force. Nobody's order: it has no version, and takes the place of no other. */
  strike(threshold: number): void {
    const hand = this.#hand;
    const version = hand[0]!;
    hand[0] = 0;
    this.flush(threshold, 0);
    hand[0] = version;
  }

  #append(
    ring: Ring,
    kind: number,
    headerUnits: number,
    key: Uint8Array,
    start: number,
    end: number,
    hash: number,
    first: number,
    second: number,
  ): void {
    const keyBytes = end - start;
    const units = headerUnits + ((keyBytes + 7) >>> 3);
    let unit = (this.head & (ring.units - 1)) | 0;
    const rest = ring.units - unit;
    const skipped = rest < units ? rest : 0;
    const head = (this.head + skipped + units) | 0;
    Atomics.store(ring.positions, RESERVED, head);
    if (skipped > 0) {
      ring.words[unit * 2] = skipped | (CHANGE.skip << 16);
      unit = 0;
    }
    ring.words[unit * 2] = units | (kind << 16) | (keyBytes << 24);
    ring.words[unit * 2 + 1] = hash;
    ring.doubles[unit + 1] = this.#hand[0]!;
    if (kind === CHANGE.touch) {
      ring.words[unit * 2 + 4] = first;
      ring.words[unit * 2 + 5] = second;
      ring.doubles[unit + 3] = this.#hand[1]!;
    } else if (headerUnits > 2) {
      ring.doubles[unit + 2] = first;
      ring.doubles[unit + 3] = second;
    }
    copyBytes(ring.bytes, (unit + headerUnits) * 8, key, start, end);
    if (head >>> UPPER_SHIFT !== this.head >>> UPPER_SHIFT) Atomics.add(ring.positions, HEAD_UPPER, 1);
    Atomics.store(ring.positions, HEAD, head);
    this.head = head;
  }
}

/** What `FeedReader.next` found. */
export const FEED = {
  empty: 0,
  record: 1,
  /** Records were overwritten before they were read: whatever depends on the feed must compare everything, after `skipToHead`. */
  overrun: 2,
} as const;
export type FeedState = (typeof FEED)[keyof typeof FEED];

/** Reads one thread's ring, from any thread. The fields hold the record that `next` found, until the next call. */
export class FeedReader {
  /** One of CHANGE: set, delete, touch, win or flush. */
  kind = 0;
  /** The key's bytes; `keyBytes` of them count. */
  readonly key: Uint8Array = new Uint8Array(256);
  keyBytes = 0;
  hash = 0;
  /** Version of the change; for a touch that of the touched item. */
  version = 0;
  /** Touch: the new expiry in unix seconds, 0 never. */
  exptime = 0;
  /** Touch: what the expiry time was before; and when it was made, 0 if that is not known. */
  exptimeBefore = 0;
  stamp = 0;
  /** Flush: items with lower versions are dead from `activeAtSeconds` on. */
  threshold = 0;
  activeAtSeconds = 0;
  /** Position of the next record to read, in units of 8 bytes. */
  position: number;
  readonly #ring: Ring;

  /**
   * A reader that stands at the end.
   *
   * @param thread whose ring
   */
  constructor(shared: SharedCache, thread: number) {
    assert(shared.options.feedBytes > 0, 'there is a change feed to read');
    this.#ring = new Ring(shared, thread);
    this.position = this.#ring.head();
  }

  /** Bytes written and not yet read; more than the ring holds when overrun. */
  backlogBytes(): number {
    return ((Atomics.load(this.#ring.positions, HEAD) - this.position) >>> 0) * 8;
  }

  /** The position behind the last record that has been written. */
  get head(): number {
    return this.#ring.head();
  }

  /** Forgets what was not read. */
  skipToHead(): void {
    this.position = this.#ring.head();
  }

  /**
   * Goes back to a position that a reader of this ring had.
   *
   * @returns false when the ring does not hold what followed it any more; then this reader stands where it stood
   */
  seek(position: number): boolean {
    const missed = this.#ring.head() - position;
    if (missed < 0 || missed > this.#ring.units) return false;
    this.position = position;
    return true;
  }

  /** Reads the next record into the fields. */
  next(): FeedState {
    const ring = this.#ring;
    for (;;) {
      const head = Atomics.load(ring.positions, HEAD);
      if (head === (this.position | 0)) return FEED.empty;
      const unit = this.position & (ring.units - 1);
      const word = ring.words[unit * 2]!;
      // A torn word could name any length; the copy stays within bounds and is thrown away below.
      const units = word & 0xffff;
      const kind = (word >>> 16) & 0xff;
      const headerUnits = kind === CHANGE.touch || kind === CHANGE.flush ? 4 : 2;
      if (kind !== CHANGE.skip && units <= RECORD_UNITS_MAX && unit + units <= ring.units) {
        this.kind = kind;
        this.keyBytes = word >>> 24;
        this.hash = ring.words[unit * 2 + 1]!;
        this.version = ring.doubles[unit + 1]!;
        const isTouch = kind === CHANGE.touch;
        this.exptime = isTouch ? ring.words[unit * 2 + 4]! >>> 0 : 0;
        this.exptimeBefore = isTouch ? ring.words[unit * 2 + 5]! >>> 0 : 0;
        this.stamp = isTouch ? ring.doubles[unit + 3]! : 0;
        this.threshold = kind === CHANGE.flush ? ring.doubles[unit + 2]! : 0;
        this.activeAtSeconds = kind === CHANGE.flush ? ring.doubles[unit + 3]! : 0;
        const from = (unit + headerUnits) * 8;
        for (let i = 0; i < this.keyBytes; i++) this.key[i] = ring.bytes[from + i]!;
      }
      if ((Atomics.load(ring.positions, RESERVED) - this.position) >>> 0 > ring.units) return FEED.overrun;
      assert(units > 0, 'a record of the change feed has a length');
      this.position += units;
      if (kind !== CHANGE.skip) return FEED.record;
    }
  }
}

/**
 * A small double of the cache for simulations of the link: a Map with the merge rules of the real store and a change feed. It
 * shows what the rules are in as few lines as possible; the real store is tested against a model of its own.
 */

import type { Clock } from '../../src/base/clock.ts';
import {
  CHANGE,
  type ChangeReader,
  FEED,
  type FlushState,
  type LinkCache,
  type LinkMarks,
} from '../../src/replication/store-port.ts';
import {
  APPLIED,
  type Applied,
  type ItemRef,
  MARK,
  NO_STAMP,
  RESULT,
  type Result,
} from '../../src/store/cache.ts';
import type { FeedState } from '../../src/store/change-feed.ts';
import { MapStamps } from './map-stamps.ts';

interface Entry {
  readonly ref: ItemRef;
  readonly key: string;
  value: Uint8Array;
  flags: number;
  exptime: number;
  version: number;
  tombstone: boolean;
  touched: boolean;
  marks: number;
  casHigh: number;
  casLow: number;
}

interface Change {
  readonly kind: number;
  readonly exptime?: number;
  readonly exptimeBefore?: number;
  readonly stamp?: number;
  readonly key: string;
  readonly version: number;
}

const BUCKETS = 64;
const STAMPS_MAX = 1000;
/** Versions count microseconds since 2026. */
const VERSION_EPOCH_MS = Date.UTC(2026, 0, 1);

/** The ring of one thread: the newest `capacity` records; a reader that is further behind has lost some. */
export class MapFeed {
  readonly capacity: number;
  readonly records: Change[] = [];
  /** Records written so far; the newest is records[written - dropped - 1]. */
  written = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  append(change: Change): void {
    this.records.push(change);
    this.written++;
    if (this.records.length > this.capacity) this.records.shift();
  }
}

export class MapFeedReader implements ChangeReader {
  kind = 0;
  readonly key: Uint8Array = new Uint8Array(250);
  keyBytes = 0;
  hash = 0;
  version = 0;
  exptime = 0;
  exptimeBefore = 0;
  stamp = 0;
  threshold = 0;
  activeAtSeconds = 0;
  position: number;
  readonly #feed: MapFeed;

  constructor(feed: MapFeed) {
    this.#feed = feed;
    this.position = feed.written;
  }

  skipToHead(): void {
    this.position = this.#feed.written;
  }

  seek(position: number): boolean {
    const missed = this.#feed.written - position;
    if (missed < 0 || missed > this.#feed.capacity) return false;
    this.position = position;
    return true;
  }

  next(): FeedState {
    const { records, written } = this.#feed;
    if (this.position === written) return FEED.empty;
    const index = records.length - (written - this.position);
    const record = records[index];
    if (record === undefined) return FEED.overrun;
    this.position++;
    this.kind = record.kind;
    this.version = record.version;
    this.exptime = record.exptime ?? 0;
    this.exptimeBefore = record.exptimeBefore ?? 0;
    this.stamp = record.stamp ?? 0;
    this.threshold = record.version;
    this.keyBytes = record.key.length;
    for (let i = 0; i < record.key.length; i++) this.key[i] = record.key.charCodeAt(i);
    this.hash = hashOf(record.key);
    return FEED.record;
  }

  get head(): number {
    return this.#feed.written;
  }

  backlogBytes(): number {
    return (this.#feed.written - this.position) * 32;
  }
}

function hashOf(key: string): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return hash;
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.subarray(start, end)).toString('latin1');
}

export class MapCache implements LinkCache {
  nodeSlot = 0;
  failure: Result = RESULT.tooLarge;
  /** Items larger than this are refused. */
  valueBytesMax: number = 1 << 20;
  readonly entries: Map<string, Entry> = new Map();
  /** One of each data thread. */
  readonly feeds: readonly MapFeed[];
  /** The data thread whose clients change something now. */
  thread = 0;
  /** Stripes locked now; the link must leave none locked. */
  locked = 0;
  /** Items reserved and neither committed nor abandoned. */
  reserved = 0;
  readonly #byRef: Map<ItemRef, Entry> = new Map();
  readonly #clock: Clock;
  #lastRef = 0;
  #ticks = 0;
  #flushThreshold = 0;
  readonly #stamps: MapStamps;
  /** Touches whose order was not known. */
  unordered = 0;

  constructor(clock: Clock, feedCapacity: number, threads = 1, stampsMax: number = STAMPS_MAX) {
    this.#clock = clock;
    this.#stamps = new MapStamps(stampsMax);
    this.feeds = Array.from({ length: threads }, () => new MapFeed(feedCapacity));
  }

  /** The feed of the present thread. */
  get feed(): MapFeed {
    return this.feeds[this.thread]!;
  }

  readonly meta: LinkMarks = {
    marks: (item) => this.#entry(item).marks,
    casHigh: (item) => this.#entry(item).casHigh,
    casLow: (item) => this.#entry(item).casLow,
    setNewCas: (high, low) => {
      this.#newCas = [high, low];
    },
  };
  #newCas: readonly [number, number] = [0, 0];

  // What clients of this node do.

  set(key: string, value: Uint8Array, flags: number, exptime: number): number {
    const version = this.#nextVersion();
    this.#put(key, value, flags, exptime, version, false);
    this.feed.append({ kind: CHANGE.set, key, version });
    return version;
  }

  /** Stores if what is there has this very version, as a client does that read it there or on a twin. @returns the new version; 0: it was another, or nothing */
  cas(key: string, token: number, value: Uint8Array): number {
    const entry = this.#present(key);
    if (entry === undefined || entry.tombstone || entry.version !== token) return 0;
    return this.set(key, value, 0, 0);
  }

  delete(key: string): number {
    const entry = this.#present(key);
    if (entry === undefined || entry.tombstone) return 0;
    const version = this.#nextVersion();
    this.#put(key, new Uint8Array(0), 0, 0, version, true);
    this.feed.append({ kind: CHANGE.delete, key, version });
    return version;
  }

  touch(key: string, exptime: number): number {
    const entry = this.#present(key);
    if (entry === undefined || entry.tombstone) return 0;
    const exptimeBefore = entry.exptime;
    entry.exptime = exptime;
    this.#tellTouch(entry, exptimeBefore, this.#renew(entry));
    return entry.version;
  }

  /** Stores a stale item with a cas id of its own, as md with I and E does. */
  invalidate(key: string, value: Uint8Array, casHigh: number, casLow: number): number {
    this.#newCas = [casHigh, casLow];
    const version = this.#nextVersion();
    this.#put(key, value, 0, 0, version, false, MARK.stale | MARK.explicitCas);
    this.feed.append({ kind: CHANGE.set, key, version });
    return version;
  }

  win(key: string): void {
    const entry = this.#present(key);
    if (entry === undefined || entry.tombstone) return;
    entry.marks |= MARK.tokenSent;
    this.feed.append({ kind: CHANGE.win, key, version: entry.version });
  }

  flush(): number {
    const version = this.#nextVersion();
    this.#dropBelow(version);
    this.feed.append({ kind: CHANGE.flush, key: '', version });
    return version;
  }

  /** Forgets an item without a word to anybody, as an eviction does. */
  evict(key: string): void {
    const entry = this.entries.get(key);
    if (entry !== undefined) this.#byRef.delete(entry.ref);
    this.entries.delete(key);
  }

  /** Everything, in a form that compares. @param exptimeOf what is shown for an expiry time: hosts have clocks of their own */
  snapshot(exptimeOf: (exptime: number) => number = (exptime) => exptime): Map<string, string> {
    const lines = new Map<string, string>();
    for (const entry of this.entries.values()) {
      const { key, value, flags, version, tombstone, marks, casHigh, casLow } = entry;
      const exptime = exptimeOf(entry.exptime);
      if (this.#isOver(entry.exptime)) continue;
      lines.set(
        key,
        `${version} ${tombstone ? 'deleted' : `${flags} ${exptime}${marks === 0 ? '' : ` ${marks}/${casHigh}/${casLow}`} ${latin1(value, 0, value.length)}`}`,
      );
    }
    return new Map([...lines].sort());
  }

  versionOf(key: string): number {
    return this.entries.get(key)?.version ?? 0;
  }

  // What a link sees.

  touchAll(_hashes: Int32Array, _count: number): void {}

  hash(bytes: Uint8Array, start: number, end: number): number {
    return hashOf(latin1(bytes, start, end));
  }

  peek(bytes: Uint8Array, keyStart: number, keyEnd: number, _hash: number): ItemRef {
    const entry = this.#present(latin1(bytes, keyStart, keyEnd));
    if (entry === undefined) return 0;
    this.locked++;
    return entry.ref;
  }

  release(_hash: number): void {
    this.locked--;
  }

  isTombstone(item: ItemRef): boolean {
    return this.#entry(item).tombstone;
  }

  version(item: ItemRef): number {
    return this.#entry(item).version;
  }

  exptime(item: ItemRef): number {
    return this.#entry(item).exptime;
  }

  touchStamp(item: ItemRef): number {
    return this.#stampOf(this.#entry(item)).stamp;
  }

  get nowSeconds(): number {
    return Math.floor(this.#clock.wallMs() / 1000);
  }

  clientFlags(item: ItemRef): number {
    return this.#entry(item).flags;
  }

  keyBytes(item: ItemRef): number {
    return this.#entry(item).key.length;
  }

  valueBytes(item: ItemRef): number {
    return this.#entry(item).value.length;
  }

  copyKey(item: ItemRef, target: Uint8Array, at: number): void {
    const { key } = this.#entry(item);
    for (let i = 0; i < key.length; i++) target[at + i] = key.charCodeAt(i);
  }

  copyValue(item: ItemRef, target: Uint8Array, at: number): void {
    target.set(this.#entry(item).value, at);
  }

  copyKeyAndValue(item: ItemRef, target: Uint8Array, at: number): void {
    this.copyKey(item, target, at);
    this.copyValue(item, target, at + this.keyBytes(item));
  }

  applySet(
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    _hash: number,
    flags: number,
    exptime: number,
    version: number,
    valueStart: number,
    valueEnd: number,
    marks = 0,
    stamp: number = NO_STAMP,
  ): Applied {
    if (valueEnd - valueStart > this.valueBytesMax) {
      this.#outdate(latin1(input, keyStart, keyEnd), version);
      return APPLIED.tooLarge;
    }
    const value = input.slice(valueStart, valueEnd);
    return this.#merge(latin1(input, keyStart, keyEnd), value, flags, exptime, version, false, marks, stamp);
  }

  reserveForPeer(
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    _hash: number,
    flags: number,
    exptime: number,
    version: number,
    valueBytes: number,
    marks = 0,
  ): ItemRef {
    const key = latin1(input, keyStart, keyEnd);
    if (valueBytes > this.valueBytesMax) {
      this.#outdate(key, version);
      this.failure = RESULT.tooLarge;
      return 0;
    }
    this.reserved++;
    const ref = ++this.#lastRef;
    const value = new Uint8Array(valueBytes);
    const [casHigh, casLow] = (marks & MARK.explicitCas) === 0 ? [0, 0] : this.#newCas;
    this.#byRef.set(ref, {
      ...{ ref, key, value, flags, exptime, version: 0 },
      ...{ tombstone: false, touched: false, marks, casHigh, casLow },
    });
    return ref;
  }

  fill(item: ItemRef, offset: number, input: Uint8Array, start: number, end: number): void {
    this.#entry(item).value.set(input.subarray(start, end), offset);
  }

  applyReserved(item: ItemRef, _hash: number, version: number, stamp: number = NO_STAMP): Applied {
    const { key, value, flags, exptime, marks, casHigh, casLow } = this.#entry(item);
    this.abandon(item);
    this.#newCas = [casHigh, casLow];
    return this.#merge(key, value, flags, exptime, version, false, marks, stamp);
  }

  abandon(item: ItemRef): void {
    this.reserved--;
    this.#byRef.delete(item);
  }

  applyDelete(input: Uint8Array, keyStart: number, keyEnd: number, _hash: number, version: number): Applied {
    return this.#merge(latin1(input, keyStart, keyEnd), new Uint8Array(0), 0, 0, version, true);
  }

  applyTouch(
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    _hash: number,
    exptime: number,
    version: number,
    stamp: number = NO_STAMP,
  ): Applied {
    const key = latin1(input, keyStart, keyEnd);
    const entry = this.#present(key);
    this.observeVersion(stamp);
    if (entry === undefined || entry.version < version) {
      // Whoever touched it may have had it sooner than this node has it.
      const known = this.#recall(key, version, exptime, stamp);
      if (stamp > 0 && known?.stamp === stamp) this.#stamps.note(version, stamp, exptime);
    }
    if (entry === undefined || entry.tombstone || entry.version !== version) return APPLIED.stale;
    if (stamp <= 0) {
      entry.exptime = exptime;
      this.#renew(entry);
      return APPLIED.applied;
    }
    const applied = this.#settle(entry, exptime, stamp);
    if (applied === APPLIED.stale && this.#isOver(exptime))
      this.#tellTouch(entry, exptime, this.#stampOf(entry).stamp);
    return applied;
  }

  applyWin(input: Uint8Array, keyStart: number, keyEnd: number, _hash: number, version: number): Applied {
    const entry = this.#present(latin1(input, keyStart, keyEnd));
    if (entry === undefined || entry.tombstone || entry.version !== version) return APPLIED.stale;
    entry.marks |= MARK.tokenSent;
    return APPLIED.applied;
  }

  applyFlush(threshold: number, _activeAtSeconds: number, _version: number): Applied {
    this.observeVersion(threshold);
    if (threshold <= this.#flushThreshold) return APPLIED.stale;
    this.#dropBelow(threshold);
    return APPLIED.applied;
  }

  scan(cursor: number, bucketsMax: number, visit: (item: ItemRef, hash: number) => void): number {
    const end = Math.min(BUCKETS, cursor + bucketsMax);
    for (const entry of this.entries.values()) {
      const hash = hashOf(entry.key);
      const bucket = (hash >>> 0) % BUCKETS;
      if (bucket < cursor || bucket >= end || this.#isOver(entry.exptime)) continue;
      this.locked++;
      visit(entry.ref, hash);
      this.locked--;
    }
    return end === BUCKETS ? -1 : end;
  }

  flushState(): FlushState {
    const threshold = this.#flushThreshold;
    return { threshold, pendingThreshold: 0, pendingActiveAtSeconds: 0, version: threshold };
  }

  get entryCount(): number {
    return this.entries.size;
  }

  observeVersion(version: number): void {
    this.#ticks = Math.max(this.#ticks, Math.floor(version / 8));
  }

  highestVersion(): number {
    return this.#ticks * 8 + 7;
  }

  #nextVersion(): number {
    this.#ticks = Math.max(this.#ticks + 1, Math.floor((this.#clock.wallMs() - VERSION_EPOCH_MS) * 1000));
    return this.#ticks * 8 + this.nodeSlot;
  }

  #entry(item: ItemRef): Entry {
    const entry = this.#byRef.get(item);
    if (entry === undefined) throw new Error(`item ${item} is gone`);
    return entry;
  }

  #merge(
    key: string,
    value: Uint8Array,
    flags: number,
    exptime: number,
    version: number,
    tombstone: boolean,
    marks = 0,
    stamp: number = NO_STAMP,
  ): Applied {
    this.observeVersion(version);
    if (version < this.#flushThreshold) return APPLIED.stale;
    const here = this.#present(key);
    if (here !== undefined) {
      if (here.version > version) return APPLIED.stale;
      if (here.version === version) {
        // The same item, touched or won on one side while the two were apart: the later touch counts, and who does not know of a win is told.
        if (!tombstone && !here.tombstone) {
          const isWon = here.marks & ~marks & MARK.tokenSent;
          if (isWon !== 0) this.feed.append({ kind: CHANGE.win, key, version });
          here.marks |= marks & MARK.tokenSent;
          this.#settle(here, exptime, stamp);
        }
        // Two nodes that had the same slot for a while can have given the same version: a delete wins, then the greater value.
        if (here.tombstone || (!tombstone && Buffer.compare(here.value, value) >= 0)) return APPLIED.stale;
      }
    }
    if (tombstone) {
      this.#put(key, value, flags, exptime, version, true, marks);
      return APPLIED.applied;
    }
    const known = this.#recall(key, version, exptime, stamp);
    if (known === null) {
      this.#outdate(key, version);
      return APPLIED.stale;
    }
    this.#put(key, value, flags, known.exptime, version, false, marks);
    const entry = this.entries.get(key);
    if (entry !== undefined && known.stamp > 0) this.#noteTouch(entry, known.stamp);
    return APPLIED.applied;
  }

  // Expiry, and touches.

  #isOver(exptime: number): boolean {
    return exptime !== 0 && exptime <= this.nowSeconds;
  }

  #present(key: string): Entry | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined || entry.tombstone || !this.#isOver(entry.exptime)) return entry;
    this.evict(key);
    return undefined;
  }

  #stampOf({ touched, version }: Entry): { readonly stamp: number; readonly isExact: boolean } {
    if (!touched) return { stamp: 0, isExact: true };
    const known = this.#stamps.find(version);
    return known === undefined
      ? { stamp: this.#stamps.lowest, isExact: false }
      : { stamp: known.stamp, isExact: true };
  }

  #noteTouch(entry: Entry, stamp: number): void {
    this.observeVersion(stamp);
    entry.touched = true;
    this.#stamps.note(entry.version, stamp, entry.exptime);
  }

  /** @returns the stamp of a touch that is made now */
  #renew(entry: Entry): number {
    const stamp = this.#nextVersion();
    this.#noteTouch(entry, stamp);
    return stamp;
  }

  #tellTouch({ key, version, exptime }: Entry, exptimeBefore: number, stamp: number): void {
    this.feed.append({ kind: CHANGE.touch, key, version, exptime, exptimeBefore, stamp });
  }

  /** What a peer has of the same version. */
  #settle(entry: Entry, exptime: number, stamp: number): Applied {
    const own = this.#stampOf(entry);
    if (stamp > own.stamp) {
      entry.exptime = exptime;
      this.#noteTouch(entry, stamp);
      return APPLIED.applied;
    }
    if (stamp !== NO_STAMP && (own.isExact || stamp === 0))
      return stamp === own.stamp ? APPLIED.applied : APPLIED.stale;
    if (entry.exptime === exptime) return APPLIED.applied;
    this.unordered++;
    if (entry.exptime !== 0 && (exptime === 0 || exptime > entry.exptime)) entry.exptime = exptime;
    this.#tellTouch(entry, exptime, this.#renew(entry));
    return APPLIED.applied;
  }

  /** What is known of the last touch of an item that comes; null: it has ended, and the peer is told so. */
  #recall(
    key: string,
    version: number,
    exptime: number,
    stamp: number,
  ): { readonly exptime: number; readonly stamp: number } | null {
    const known = this.#stamps.find(version);
    if (known === undefined || known.stamp <= stamp) return { exptime, stamp };
    if (!this.#isOver(known.exptime)) return known;
    this.feed.append({ kind: CHANGE.touch, key, version, ...known });
    return null;
  }

  #outdate(key: string, version: number): void {
    const here = this.entries.get(key);
    if (here !== undefined && here.version < version) this.#put(key, new Uint8Array(0), 0, 0, version, true);
  }

  #put(
    key: string,
    value: Uint8Array,
    flags: number,
    exptime: number,
    version: number,
    tombstone: boolean,
    marks = 0,
  ): void {
    const here = this.entries.get(key);
    if (here !== undefined) this.#byRef.delete(here.ref);
    const [casHigh, casLow] = (marks & MARK.explicitCas) === 0 ? [0, 0] : this.#newCas;
    const ref = ++this.#lastRef;
    const touched = false;
    // biome-ignore format: one literal, which is much quicker than two that are joined
    const entry = { ref, key, value, flags, exptime, version, tombstone, touched, marks, casHigh, casLow };
    this.entries.set(key, entry);
    this.#byRef.set(entry.ref, entry);
  }

  #dropBelow(threshold: number): void {
    this.#flushThreshold = threshold;
    for (const entry of [...this.entries.values()]) if (entry.version < threshold) this.evict(entry.key);
  }
}

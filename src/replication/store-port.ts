/**
 * What a link needs of the store, named here so that the link can run on a small double in a simulation. The store's `Cache` and its
 * feed readers satisfy these interfaces.
 */
import type { Applied, ItemRef, Result } from '../store/cache.ts';

/** The flushes that a peer must know of. */
export interface FlushState {
  /** Items with lower versions are dead. 0: nothing was flushed yet. */
  readonly threshold: number;
  /** A flush to come: its threshold (0: none) and its second since 1970. */
  readonly pendingThreshold: number;
  readonly pendingActiveAtSeconds: number;
  /** The version of the order itself; of two to come the later order counts. */
  readonly version: number;
}

/** The cache as a link sees it. See the store's `Cache` for the meaning of each method. */
export interface LinkCache {
  hash(bytes: Uint8Array, start: number, end: number): number;
  /** Any item of that key, a tombstone too, with its stripe locked; 0 and nothing locked when there is none. */
  peek(bytes: Uint8Array, keyStart: number, keyEnd: number, hash: number): ItemRef;
  release(hash: number): void;
  isTombstone(item: ItemRef): boolean;
  version(item: ItemRef): number;
  exptime(item: ItemRef): number;
  clientFlags(item: ItemRef): number;
  keyBytes(item: ItemRef): number;
  valueBytes(item: ItemRef): number;
  copyKey(item: ItemRef, target: Uint8Array, at: number): void;
  copyValue(item: ItemRef, target: Uint8Array, at: number): void;

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
  ): Applied;
  /** An item to fill in pieces; 0 when it cannot be had or is not wanted, see `failure`. */
  reserveForPeer(
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    flags: number,
    exptime: number,
    version: number,
    valueBytes: number,
  ): ItemRef;
  /** Why the last `reserveForPeer` returned 0. */
  readonly failure: Result;
  fill(item: ItemRef, offset: number, input: Uint8Array, start: number, end: number): void;
  applyReserved(item: ItemRef, hash: number, version: number): Applied;
  abandon(item: ItemRef): void;
  applyDelete(input: Uint8Array, keyStart: number, keyEnd: number, hash: number, version: number): Applied;
  applyTouch(
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    exptime: number,
    version: number,
  ): Applied;
  applyFlush(threshold: number, activeAtSeconds: number, version: number): Applied;

  /** Walks a slice of the index, tombstones included. @returns the next cursor, -1 at the end */
  scan(cursor: number, bucketsMax: number, visit: (item: ItemRef, hash: number) => void): number;
  flushState(): FlushState;
  /** Items and tombstones now. */
  readonly entryCount: number;
  observeVersion(version: number): void;
  highestVersion(): number;
  /** The slot in the versions that this node gives; may change while it runs. */
  nodeSlot: number;
}

/** What a record of the change feed says happened to its key; the present state of the key is read when it is sent. */
export const CHANGE = { set: 1, delete: 2, touch: 3, flush: 4 } as const;

/** What `ChangeReader.next` found. */
export const FEED = { empty: 0, record: 1, overrun: 2 } as const;

/** Reads one data thread's ring of changes from a position of its own; see the store's `FeedReader`. */
export interface ChangeReader {
  /** Forgets what has not been read; the next record is the next one written. */
  skipToHead(): void;
  /** Moves to the next record, whose fields are below. @returns one of FEED; overrun until `skipToHead` when records were overwritten unread */
  next(): number;
  readonly kind: number;
  /** The key stands in [0, keyBytes) of `key`. */
  readonly key: Uint8Array;
  readonly keyBytes: number;
  readonly hash: number;
  /** The version that the change gave; of a touch the one of the touched item, which stays. */
  readonly version: number;
  /** Of a touch: the new expiry time in seconds since 1970, 0 for never. */
  readonly exptime: number;
  /** Of a flush: items with lower versions are dead from `activeAtSeconds` (since 1970) on. */
  readonly threshold: number;
  readonly activeAtSeconds: number;
  /** Bytes of records that are not read yet. */
  backlogBytes(): number;
}

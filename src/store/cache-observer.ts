import type { Miss, Result, StoreMode } from './results.ts';

/** Is told what evictions do. It reads the item, and calls nothing that locks. */
export interface EvictionObserver {
  /** A live item is about to be dropped for want of memory. */
  evicted(item: number): void;
}

/**
 * Is told of every look-up and write of this node's clients on one thread; set only while somebody wants to know. What it is told is about
 * keys as ranges of a byte array, valid during the call.
 */
export interface CacheObserver extends EvictionObserver {
  /** A key was looked up, and why there was no item. */
  missed(bytes: Uint8Array, keyStart: number, keyEnd: number, miss: Miss): void;
  /** An item was looked up for good: one that is found, let go and found again, for want of room, is told of once. */
  found(item: number): void;
  /** @param slabClass of the new item. @param exptime unix seconds, 0 never */
  stored(
    bytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    mode: StoreMode,
    result: Result,
    exptime: number,
    slabClass: number,
    valueBytes: number,
  ): void;
  /** A page has moved from one slab class to another; 0 is the pool. */
  pageMoved(source: number, target: number): void;
  /** The crawler has ended a pass: how many seconds it took, what it has looked at and reclaimed, when it may begin the next. */
  crawled(seconds: number, examined: number, reclaimed: number, restSeconds: number): void;
  /** @param slabClass and `valueBytes` of the item that was there */
  deleted(bytes: Uint8Array, keyStart: number, keyEnd: number, slabClass: number, valueBytes: number): void;
}

import { STATE } from './layout.ts';

/** What `Upkeep.reassignPage` says. */
export type Reassigned = 'moved' | 'busy' | 'badClass' | 'noSpare' | 'same';

/** What `Upkeep.requestCrawl` says. */
export type CrawlRequested = 'ok' | 'busy' | 'badClass' | 'off';

/** How a value is stored; the numbers are used in tables. */
export const STORE_MODE = { set: 0, add: 1, replace: 2, append: 3, prepend: 4, cas: 5 } as const;
export type StoreMode = (typeof STORE_MODE)[keyof typeof STORE_MODE];

/** A cas id of 2^53 or more, which a number cannot hold: no version, but maybe one that a client chose (`Cache.setWideCas`). */
export const CAS_WIDE = -1;

/** Further bits of what a store does, beside MARK. */
export const WRITE = {
  /** Mode cas: an id lower than the item's stores after all, under the item's expiry time, and marks the item stale. */
  staleIfOlder: 1,
  /** append and prepend make an item that is not there. */
  create: 2,
  /** A store that fails for want of room removes the old value in any mode, not only in set. */
  removeOnFailure: 4,
} as const;

/** What the meta commands remember of an item: bits of `Cache.marks`, and of what a store is given. */
export const MARK: {
  readonly stale: number;
  readonly tokenSent: number;
  readonly base64Key: number;
  readonly explicitCas: number;
} = {
  stale: STATE.stale,
  tokenSent: STATE.tokenSent,
  base64Key: STATE.base64Key,
  /** Of a store: the item gets the cas id of `Cache.setNewCas`. */
  explicitCas: STATE.explicitCas,
};

/** What became of a mutation. */
export const RESULT = {
  stored: 0,
  notStored: 1,
  /** Another version than the one that cas named. */
  exists: 2,
  notFound: 3,
  tooLarge: 4,
  noMemory: 5,
  /** incr or decr of a value that is no number. */
  nonNumeric: 6,
  /** A peer's item that is not newer than what is here. */
  stale: 7,
} as const;
export type Result = (typeof RESULT)[keyof typeof RESULT];

/** What became of a change that came from a peer. */
export const APPLIED = { applied: 0, stale: 1, tooLarge: 2, noMemory: 3 } as const;
export type Applied = (typeof APPLIED)[keyof typeof APPLIED];

/** Why a lookup found nothing. */
export const MISS = { absent: 0, expired: 1, flushed: 2 } as const;
export type Miss = (typeof MISS)[keyof typeof MISS];

/**
 * An item's place in the arenas: a signed number in units of 8 bytes, 0 for no item (compare by `===` and `!==`, refs in large
 * memories are negative). Valid while its stripe is locked, or, for a reserved item, until it is committed or abandoned.
 */
export type ItemRef = number;

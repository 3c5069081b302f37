/**
 * How an item lies in memory. Everything that touches item bytes takes its numbers from here.
 *
 * Memory is a row of arenas of at most 1 GiB. A place in it is a REF: a signed 32-bit number in units of 8 bytes, whose upper 5
 * bits are the arena and lower 27 the unit within it; 0 is no place. Signed, because refs live in Int32Arrays and a
 * signed word is a small integer to the engine, never a heap number: refs beyond 16 GiB are negative, so compare with 0 by `!==`.
 *
 * Memory is divided in pages of 1 MiB, a page in chunks of its slab class. A chunk holds an item, a continuation of a long item, or
 * nothing. All three have their `kind` word in the same place, so a walk over a page knows what it meets:
 *
 *     byte  word  item                           continuation            free chunk
 *        0     0  next in the hash chain         next continuation       next free chunk
 *        4     1  hash of the key                bytes of value here
 *        8     2  version (a double)
 *       16     4  towards the newest in queue    the item it belongs to  previous free chunk
 *       20     5  towards the oldest in queue
 *       24     6  exptime, unix seconds, 0 never
 *       28     7  last access, unix seconds
 *       32     8  30 bits value length, 2 bits hit frequency
 *       36     9  kind: key length | slab class << 8 | state << 16
 *       40    10  [client flags, if not 0] [first continuation, if chained] [explicit cas, 8 bytes] key value
 *
 * No line ends and no terminators are stored. memcached's header is 48 bytes and 8 for the cas id; the hit frequency in place of
 * queue surgery, and 32-bit refs in place of pointers, make the difference.
 */
export const HEADER = {
  next: 0,
  hash: 1,
  newer: 4,
  older: 5,
  exptime: 6,
  lastAccess: 7,
  length: 8,
  kind: 9,
  extra: 10,
  /** In a continuation: bytes of value that it holds, and the item it belongs to. */
  heldBytes: 1,
  owner: 4,
} as const;

/** Words of 8 bytes from the start of an item to its version. */
export const VERSION_DOUBLE = 1;

export const HEADER_BYTES = 40;
/** What client flags or the ref of a first continuation add. */
export const EXTRA_BYTES = 4;
/** What a cas id that a client chose adds. */
export const EXPLICIT_CAS_BYTES = 8;

/** Bits of the kind word above key length and slab class. */
export const STATE = {
  /** In the index and in a queue. Not set while reserved. */
  linked: 0x10000,
  /** Read at least once since it was stored. */
  fetched: 0x20000,
  /** A deleted key: version and no value. */
  tombstone: 0x40000,
  hasFlags: 0x80000,
  chained: 0x100000,
  /** In the main queue, else in the small one (or, a tombstone, in its own). */
  main: 0x200000,
  continuation: 0x400000,
  free: 0x800000,
  // What the meta commands remember of an item; see MARKS.
  /** Invalidated, but still given out. */
  stale: 0x1000000,
  /** Some client was told that it is the one to renew the item. */
  tokenSent: 0x2000000,
  /** The key came in base64, and is told so. */
  base64Key: 0x4000000,
  /** The item has room for a cas id of its own, which clients see instead of the version. */
  explicitCas: 0x8000000,
  /** Touched since it was stored: see touch-stamps.ts. */
  touched: 0x10000000,
  /** In the queue of items that end soon: see `-o temporary_ttl`. */
  temporary: 0x40000000,
} as const;

/** A free chunk that is not in the list of free chunks: the page that it lies in is being emptied. */
export const DRAINED: number = STATE.free | STATE.main;

/** The marks of the meta commands. They travel to twins with the item, shifted by MARKS_SHIFT. */
export const MARKS: number = STATE.stale | STATE.tokenSent | STATE.base64Key | STATE.explicitCas;
export const MARKS_SHIFT = 24;

/** The states that put something between header and key. */
export const EXTRAS: number = STATE.hasFlags | STATE.chained | STATE.explicitCas;

export const LENGTH_MASK = 0x3fffffff;
/** The hit frequency stands above the length: 0 to 3. */
export const FREQUENCY_SHIFT = 30;

/** The arena is `ref >>> ARENA_SHIFT`, the unit in it `ref & UNIT_MASK`; the byte is the unit << 3, the word << 1. */
export const ARENA_SHIFT = 27;
export const UNIT_MASK = 0x7ffffff;
export const UNIT_BYTES = 8;
export const ARENA_BYTES_MAX: number = 1024 * 1024 * 1024;
export const PAGE_BYTES: number = 1024 * 1024;
export const PAGE_UNITS: number = PAGE_BYTES / UNIT_BYTES;

/** What memcached adds to key and value for an item's size: header 48, a NUL after the key, CR LF after the value. */
const MEMCACHED_OVERHEAD_BYTES = 51;
/** Besides, for the cas id; not with `-C`. */
export const MEMCACHED_CAS_BYTES = 8;

/**
 * An item's size as memcached reckons it. Users know this number: `-I`, `bytes`, `stats items` and `me` mean it.
 *
 * @param casBytes MEMCACHED_CAS_BYTES, or 0
 */
export function memcachedItemBytes(
  keyBytes: number,
  hasFlags: boolean,
  valueBytes: number,
  casBytes: number,
): number {
  return MEMCACHED_OVERHEAD_BYTES + casBytes + keyBytes + valueBytes + (hasFlags ? 4 : 0);
}

/** How a value is stored; the numbers are used in tables. */
export const STORE_MODE = { set: 0, add: 1, replace: 2, append: 3, prepend: 4, cas: 5 } as const;
export type StoreMode = (typeof STORE_MODE)[keyof typeof STORE_MODE];

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
} as const;
export type Result = (typeof RESULT)[keyof typeof RESULT];

/** What became of a change that came from a peer. */
export const APPLIED = { applied: 0, stale: 1, tooLarge: 2, noMemory: 3 } as const;
export type Applied = (typeof APPLIED)[keyof typeof APPLIED];

/** An item's place in the arenas, in units of 8 bytes; 0 is no item. Valid while its stripe is locked (or, for a reserved item, until it is committed or abandoned). */
export type ItemRef = number;

export interface CacheOptions {
  /** `-m`: bytes of item memory. */
  readonly memoryBytesMax: number;
  /** `-I`: largest item (memcached's item size: header, key and value). */
  readonly itemBytesMax: number;
  /** `-f` */
  readonly growthFactor: number;
  /** `-n`: smallest room for key and value. */
  readonly chunkBytesMin: number;
  /** Larger items are chains of chunks. Default 512 KiB. */
  readonly slabChunkBytesMax: number;
  /** False with `-M`: errors instead of evictions. */
  readonly evict: boolean;
  /** Data threads that will attach. */
  readonly threads: number;
  /** Bytes of buffer memory for each thread's transport, in the same array as the first arena (copies within one array are the fastest). */
  readonly ioBytesPerThread: number;
  /** Two random words: the key of the hash, so that nobody can choose colliding keys. */
  readonly hashSeed: readonly [number, number];
  /** 0..7: this node's number among its twins; the low 3 bits of its versions. */
  readonly nodeSlot: number;
  /** Keep tombstones of deleted items; 0 when there is no peer. */
  readonly tombstonesMax: number;
  readonly tombstoneSeconds: number;
  /** Bytes of each thread's change feed ring (a power of two); 0 when there is no peer. */
  readonly feedBytes: number;
}

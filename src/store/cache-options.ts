/** What background work does, as memcached's options name it. */
export interface MaintenanceDefaults {
  /** `-o slab_reassign`: pages may move between slab classes. */
  readonly reassign: boolean;
  /** `-o slab_automove`: 0 only when told to; 1 when demand has moved for a while; 2 at once. */
  readonly automove: number;
  /** A class gives a page when the age of its tail times this is still above that of the class which evicts. */
  readonly automoveRatio: number;
  /** Share of a class's chunks that may be free before its pages go to the pool; memcached's name, not used by the policy. */
  readonly automoveFreeRatio: number;
  /** Seconds that demand is looked at for. */
  readonly automoveWindowSeconds: number;
  /** `-o lru_maintainer`: items are sorted into hot, warm and cold in the background. */
  readonly maintainer: boolean;
  /** `-o lru_crawler`: items that have ended are reclaimed in the background. */
  readonly crawler: boolean;
  /** `-o lru_crawler_sleep`; shown only, since a pass is cut in slices by itself. */
  readonly crawlerSleepMicros: number;
  /** `-o lru_crawler_tocrawl`: items of a class that one pass looks at, 0 all. */
  readonly crawlerItemsMax: number;
  /** `-o temporary_ttl`: items that live this many seconds at most have a queue of their own and are never evicted; below 0: none. */
  readonly temporaryTtlSeconds: number;
  /** `lru mode` and `lru tune`: shown only, since eviction here has no such segments to tune. */
  readonly segmented: boolean;
  readonly hotPercent: number;
  readonly warmPercent: number;
  readonly hotMaxFactor: number;
  readonly warmMaxFactor: number;
}

/** memcached's defaults. */
export const MAINTENANCE_DEFAULTS: MaintenanceDefaults = {
  reassign: true,
  automove: 1,
  automoveRatio: 0.8,
  automoveFreeRatio: 0.01,
  automoveWindowSeconds: 10,
  maintainer: true,
  crawler: true,
  crawlerSleepMicros: 100,
  crawlerItemsMax: 0,
  temporaryTtlSeconds: -1,
  segmented: true,
  hotPercent: 20,
  warmPercent: 40,
  hotMaxFactor: 0.2,
  warmMaxFactor: 2,
};

export interface CacheOptions {
  /** `-m`: bytes of item memory; whole MiB count, at least one, at most 30 GiB. */
  readonly memoryBytesMax: number;
  /** `-I`: largest item (memcached's item size: header, key and value). */
  readonly itemBytesMax: number;
  /** False with `-C`: the sizes of items are reckoned as memcached's without cas ids, 8 bytes less. */
  readonly countsCas?: boolean;
  /** `-f` */
  readonly growthFactor: number;
  /** `-n`: smallest room for key and value. */
  readonly chunkBytesMin: number;
  /** Larger items are chains of chunks. Default 512 KiB; a multiple of 8, at most 1 MiB. */
  readonly slabChunkBytesMax: number;
  /** False with `-M`: errors instead of evictions. */
  readonly evict: boolean;
  /** Data threads that will attach. With one, no other thread may attach beside it: locks are then plain words. */
  readonly threads: number;
  /** Bytes of buffer memory for each thread's transport, in the same array as the first arena (copies within one array are the fastest). */
  readonly ioBytesPerThread: number;
  /** Two random words: the key of the hash, so that nobody can choose colliding keys. */
  readonly hashSeed: readonly [number, number];
  /** 0..7: this node's number among its twins; the low 3 bits of its versions; `Cache.nodeSlot` changes it. */
  readonly nodeSlot: number;
  /** Keep tombstones of deleted items; 0 when there is no peer. */
  readonly tombstonesMax: number;
  readonly tombstoneSeconds: number;
  /** Touches whose order among those of twins is known, rounded up; 327 680 when not given. There are none without a change feed. */
  readonly touchStampsMax?: number;
  /** Bytes of each thread's change feed ring (a power of two, at least 4096); 0 when there is no peer. */
  readonly feedBytes: number;
  /** `-o hashpower`: the index begins with 2 to this many buckets; 16 when not given. */
  readonly hashPower?: number;
  /** False with `-o no_hashexpand`: the index stays as large as it begins. */
  readonly hashExpand?: boolean;
  /** `-o slab_sizes`: chunk sizes in the place of those by `-f`; rising. */
  readonly slabSizes?: readonly number[];
  /** What `-m` may be raised to while the cache is in use, in bytes: address space, no memory. */
  readonly memoryRoomBytes?: number;
  /** Background work at the start; see maintenance-settings.ts. */
  readonly maintenance?: Partial<MaintenanceDefaults>;
}

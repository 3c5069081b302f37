import type { MaintenanceDefaults } from './maintenance-settings.ts';

export interface CacheOptions {
  /** `-m`: bytes of item memory; whole MiB count, at least one, at most 30 GiB. */
  readonly memoryBytesMax: number;
  /** `-I`: largest item (memcached's item size: header, key and value). */
  readonly itemBytesMax: number;
  /** `-f` */
  readonly growthFactor: number;
  /** `-n`: smallest room for key and value. */
  readonly chunkBytesMin: number;
  /** Larger items are chains of chunks. Default 512 KiB; a multiple of 8, at most 1 MiB. */
  readonly slabChunkBytesMax: number;
  /** False with `-M`: errors instead of evictions. */
  readonly evict: boolean;
  /** Data threads that will attach. */
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

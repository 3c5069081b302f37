import { Allocator } from './allocator.ts';
import type { CacheObserver } from './cache-observer.ts';
import type { CacheOptions } from './cache-options.ts';
import { FeedWriter } from './change-feed.ts';
import { Counters } from './counters.ts';
import { Evictor } from './evictor.ts';
import { FlushEpochs } from './flush-epochs.ts';
import { CONTROL, CONTROL_DOUBLE, Geometry } from './geometry.ts';
import { GhostTable } from './ghost-table.ts';
import { HashIndex } from './hash-index.ts';
import { Inventory } from './inventory.ts';
import { Items } from './items.ts';
import { Lifetime } from './lifetime.ts';
import { Locks } from './locks.ts';
import { Lookup } from './lookup.ts';
import { MaintenanceSettings } from './maintenance-settings.ts';
import { Memory } from './memory.ts';
import { Queues } from './queues.ts';
import type { SharedCache } from './shared-cache.ts';
import { Slabs } from './slabs.ts';
import { Tombstones } from './tombstones.ts';
import { TouchStamps } from './touch-stamps.ts';
import { VersionClock } from './version-clock.ts';
import { Writer } from './writer.ts';

/** One thread's parts of the cache, joined here and nowhere else. */
export class Parts {
  readonly options: CacheOptions;
  readonly geometry: Geometry;
  /** The control block as words; and its area of doubles. */
  readonly control: Int32Array;
  readonly doubles: Float64Array;
  readonly settings: MaintenanceSettings;
  readonly counters: Counters;
  readonly memory: Memory;
  readonly items: Items;
  readonly locks: Locks;
  readonly index: HashIndex;
  readonly slabs: Slabs;
  readonly queues: Queues;
  readonly inventory: Inventory;
  readonly flush: FlushEpochs;
  readonly lifetime: Lifetime;
  readonly evictor: Evictor;
  readonly allocator: Allocator;
  readonly clock: VersionClock;
  readonly tombstones: Tombstones;
  readonly stamps: TouchStamps;
  readonly feed: FeedWriter;
  readonly lookup: Lookup;
  readonly writer: Writer;
  /** What the meta commands want to know of the last write besides its result. */
  readonly outcome: {
    /** Bytes of the value that the last append or prepend made of an item that was there. */
    joinedBytes: number;
    /** The expiry time that the item of the last incr or decr had before it. */
    exptimeBefore: number;
  } = { joinedBytes: 0, exptimeBefore: 0 };
  /** Is told of what happens on this thread; null while nobody wants to know. */
  observer: CacheObserver | null = null;

  constructor(shared: SharedCache, thread: number) {
    const { options } = shared;
    const geometry = new Geometry(options);
    const control = new Int32Array(shared.control, 0, geometry.controlDoubles * 2);
    const doubles = new Float64Array(shared.control, geometry.controlDoubles * 8, CONTROL_DOUBLE.count);
    const counters = new Counters(shared.counters, geometry.rows, thread);
    const memory = new Memory(shared, geometry);
    const items = new Items(memory);
    const locks = new Locks(
      control.subarray(CONTROL.locks, CONTROL.locks + geometry.locks),
      options.threads > 1,
    );
    const index = new HashIndex(shared.buckets, control, memory, locks, counters);
    const slabs = new Slabs(memory, control, shared.pageClasses, locks);
    const queues = new Queues(memory, control);
    const ghosts = new GhostTable(shared.ghosts, control, geometry);
    const flush = new FlushEpochs(control, doubles, locks, geometry);
    const lifetime = new Lifetime(memory, flush, control);
    const settings = new MaintenanceSettings(control, doubles);
    const inventory = new Inventory(
      index,
      queues,
      slabs,
      ghosts,
      items,
      lifetime,
      settings,
      control,
      counters,
    );
    const evictor = new Evictor(
      index,
      inventory,
      queues,
      ghosts,
      items,
      lifetime,
      locks,
      control,
      counters,
      options.evict,
    );
    const allocator = new Allocator(items, slabs, evictor, inventory, counters);
    this.settings = settings;
    this.options = options;
    this.geometry = geometry;
    this.control = control;
    this.doubles = doubles;
    this.counters = counters;
    this.memory = memory;
    this.items = items;
    this.locks = locks;
    this.index = index;
    this.slabs = slabs;
    this.queues = queues;
    this.inventory = inventory;
    this.flush = flush;
    this.lifetime = lifetime;
    this.evictor = evictor;
    this.allocator = allocator;
    this.clock = new VersionClock(memory, control, doubles, locks, counters);
    this.tombstones = new Tombstones(
      options,
      items,
      slabs,
      evictor,
      allocator,
      inventory,
      lifetime,
      control,
      counters,
      this.clock.hand,
    );
    this.stamps = new TouchStamps(shared.stamps, geometry, items, this.clock, control, counters);
    this.feed = new FeedWriter(shared, thread, this.clock.hand);
    this.lookup = new Lookup(items, index, inventory, lifetime, counters);
    this.writer = new Writer(items, allocator, inventory, lifetime, settings, counters, this.clock.hand);
  }
}

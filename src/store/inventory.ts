import { CLASS_COUNTER, CLASS_COUNTERS, COUNTER, type Counters } from './counters.ts';
import { CLASS_WORD, CONTROL, type Geometry } from './geometry.ts';
import type { GhostTable } from './ghost-table.ts';
import type { HashIndex } from './hash-index.ts';
import type { Items } from './items.ts';
import { STATE } from './layout.ts';
import type { Lifetime } from './lifetime.ts';
import type { MaintenanceSettings } from './maintenance-settings.ts';
import type { Queues } from './queues.ts';
import type { Slabs } from './slabs.ts';

/**
 * What is in the cache: an item is in the index and in one queue of its class, or in neither. Every way in and out goes
 * through here, so that index, queues, free lists and counts agree. Callers hold the item's stripe.
 */
export class Inventory {
  readonly #index: HashIndex;
  readonly #queues: Queues;
  readonly #slabs: Slabs;
  readonly #ghosts: GhostTable;
  readonly #items: Items;
  readonly #lifetime: Lifetime;
  readonly #settings: MaintenanceSettings;
  readonly #geometry: Geometry;
  readonly #control: Int32Array;
  readonly #counters: Counters;

  constructor(
    index: HashIndex,
    queues: Queues,
    slabs: Slabs,
    ghosts: GhostTable,
    items: Items,
    lifetime: Lifetime,
    settings: MaintenanceSettings,
    control: Int32Array,
    counters: Counters,
  ) {
    this.#index = index;
    this.#queues = queues;
    this.#slabs = slabs;
    this.#ghosts = ghosts;
    this.#items = items;
    this.#lifetime = lifetime;
    this.#settings = settings;
    this.#geometry = items.geometry;
    this.#control = control;
    this.#counters = counters;
  }

  /** The queue that an item of this kind is in, as its place in the control block. */
  queueOf(kind: number): number {
    const record = this.#geometry.classRecord((kind >>> 8) & 0xff);
    if ((kind & STATE.tombstone) !== 0) return record + CLASS_WORD.tombstones;
    if ((kind & STATE.main) !== 0) return record + CLASS_WORD.main;
    return (kind & STATE.temporary) === 0 ? record + CLASS_WORD.small : record + CLASS_WORD.temporary;
  }

  /** Whether an item that ends then belongs in the queue of those that end soon. */
  isTemporary(exptime: number): boolean {
    return (
      this.#settings.hasTemporary &&
      exptime !== 0 &&
      exptime - this.#lifetime.nowSeconds <= this.#settings.temporaryTtlSeconds
    );
  }

  /**
   * Lets an item or tombstone into the cache.
   *
   * @param previous the item of the same key that it replaces, whose memory is freed; 0 if none
   */
  enter(item: number, hash: number, previous: number): void {
    if (previous === 0) this.#index.insert(item, hash);
    else this.#index.replace(previous, item, hash);
    const kind = this.#items.kind(item);
    const slabClass = (kind >>> 8) & 0xff;
    const exptime = this.#items.exptime(item);
    const isTombstone = (kind & STATE.tombstone) !== 0;
    this.#lifetime.noteEnd(exptime);
    const temporary = !isTombstone && this.isTemporary(exptime);
    this.#slabs.lock(slabClass);
    const main = !isTombstone && !temporary && this.#ghosts.recall(slabClass, hash);
    const linkedKind = kind | STATE.linked | (main ? STATE.main : temporary ? STATE.temporary : 0);
    this.#items.setKind(item, linkedKind);
    this.#queues.enter(this.queueOf(linkedKind), item);
    this.#slabs.unlock(slabClass);
    this.#count(item, linkedKind, 1);
    if (previous !== 0) this.#dismiss(previous);
  }

  /** Removes an item or tombstone and frees its memory. */
  remove(item: number, hash: number): void {
    this.#index.remove(item, hash);
    this.#dismiss(item);
  }

  /** Takes an item out of index and queue and leaves its memory to the caller, who holds its class's lock, too. */
  detach(item: number, hash: number): void {
    const kind = this.#items.kind(item);
    this.#index.remove(item, hash);
    this.#queues.leave(this.queueOf(kind), item);
    this.#items.setKind(item, kind & ~STATE.linked);
    this.#count(item, kind, -1);
  }

  /** Makes a live item a tombstone where it lies. */
  bury(item: number, version: number, nowSeconds: number): void {
    const kind = this.#items.kind(item);
    this.#count(item, kind, -1);
    const slabClass = (kind >>> 8) & 0xff;
    const lost = STATE.main | STATE.temporary | STATE.stale | STATE.tokenSent | STATE.touched;
    const buried = (kind | STATE.tombstone) & ~lost;
    this.#slabs.lock(slabClass);
    this.#queues.leave(this.queueOf(kind), item);
    this.#items.setKind(item, buried);
    this.#items.setVersion(item, version);
    this.#items.setExptime(item, 0);
    this.#items.setLastAccess(item, nowSeconds);
    this.#items.setFrequency(item, 0);
    this.#items.setValueBytes(item, 0);
    this.#queues.enter(this.queueOf(buried), item);
    this.#slabs.unlock(slabClass);
    this.#count(item, buried, 1);
  }

  /** Frees the memory of an item that is not in the cache (reserved and abandoned, or detached). */
  free(item: number): void {
    const kind = this.#items.kind(item);
    if ((kind & STATE.chained) !== 0) this.freeChain(item);
    const slabClass = (kind >>> 8) & 0xff;
    this.#slabs.lock(slabClass);
    this.#slabs.give(item, slabClass);
    this.#slabs.unlock(slabClass);
  }

  /** Frees the continuations of a chained item that is not in the cache. */
  freeChain(item: number): void {
    let part = this.#items.chain(item);
    this.#items.setChain(item, 0);
    while (part !== 0) {
      const next = this.#items.next(part);
      const slabClass = this.#items.slabClass(part);
      this.#slabs.lock(slabClass);
      this.#slabs.give(part, slabClass);
      this.#slabs.unlock(slabClass);
      part = next;
    }
  }

  /** The value of an item in the cache has changed its size. */
  resized(slabClass: number, bytes: number): void {
    this.#counters.byClass[slabClass * CLASS_COUNTERS + CLASS_COUNTER.memRequested]! += bytes;
  }

  /** Takes an item that has left the index out of its queue and frees it. */
  #dismiss(item: number): void {
    const kind = this.#items.kind(item);
    this.#count(item, kind, -1);
    if ((kind & STATE.chained) !== 0) this.freeChain(item);
    const slabClass = (kind >>> 8) & 0xff;
    this.#slabs.lock(slabClass);
    this.#queues.leave(this.queueOf(kind), item);
    this.#slabs.give(item, slabClass);
    this.#slabs.unlock(slabClass);
  }

  #count(item: number, kind: number, sign: number): void {
    if ((kind & STATE.tombstone) !== 0) {
      Atomics.add(this.#control, CONTROL.tombstones, sign);
      return;
    }
    const at = ((kind >>> 8) & 0xff) * CLASS_COUNTERS;
    this.#counters.byClass[at + CLASS_COUNTER.items]! += sign;
    this.#counters.byClass[at + CLASS_COUNTER.memRequested]! += sign * this.#items.memcachedBytes(item);
    if (sign > 0) this.#counters.general[COUNTER.totalItems]!++;
  }
}

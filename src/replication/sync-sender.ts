/**
 * Sends everything a node holds, in slices: items and tombstones, by a walk over the index; or what it holds of some node slots
 * above a version, written or touched. The live changes go between the
 * slices; what changes during the walk is in the change feed, whose position is taken before the walk begins.
 *
 * Nothing is sent while the walk holds a stripe's lock: room is reserved before a slice, and when a slice turns out to
 * need more, what was written of it is taken back and it is walked again in smaller steps or with more room. Memory for a slice is
 * thus bounded by the slice's size, or by one bucket of the index where its items are larger.
 */
import type { Clock } from '../base/clock.ts';
import type { Output } from '../base/output.ts';
import type { ItemRef } from '../store/cache.ts';
import type { FrameCompressor } from './frame-compressor.ts';
import { FRAME_WRITER, type ItemWriter } from './item-writer.ts';
import { slotOfVersion } from './node-slots.ts';
import type { LinkCache } from './store-port.ts';

/** Most room reserved for one step of the walk, unless a bucket needs more: a window of the transport's, which lies beside the items in memory. */
const ROOM_BYTES: number = 32 * 1024;
/** A walk begins with few buckets: the first steps of a process take milliseconds, for the engine has not compiled them yet. */
const BUCKETS_PER_STEP_MIN = 8;
const BUCKETS_PER_STEP_MAX = 4096;
/** Steps become larger until they are worth so many bytes, a tenth of a millisecond: by so much a slice may take longer than it should. */
const STEP_BYTES: number = ROOM_BYTES / 4;
/** Steps without an item in a pump: an empty stretch of a large index must not hold up the loop either. */
const STEPS_PER_PUMP_MAX = 32;
/** What looking at an item and passing it over counts of a pump's bytes. */
const PASSED_BYTES = 64;
const SLOTS_ALL = 0xff;

export class SyncSender {
  /** Items and tombstones sent by the present or the last walk. */
  items = 0;
  /** The same over all walks of this link. */
  itemsTotal = 0;
  /** Null: frames are sent as they are. */
  compressor: FrameCompressor | null = null;
  /** How items are put on the wire. */
  writer: ItemWriter = FRAME_WRITER;
  #cursor = -1;
  /** Items and tombstones that were there when the walk began. */
  #entries = 0;
  #bucketsPerStep = BUCKETS_PER_STEP_MIN;
  #room = STEP_BYTES;
  readonly #cache: LinkCache;
  readonly #clock: Clock;

  // Of the step under way, for the visitor, which is made once.
  #output: Output | null = null;
  #neededBytes = 0;
  #roomBytes = 0;
  #visited = 0;
  #passed = 0;
  /** What is sent: one bit for each slot, and versions above this one. */
  #slots = SLOTS_ALL;
  #above = -1;
  #upTo = Number.MAX_SAFE_INTEGER;
  readonly #visit: (item: ItemRef, hash: number) => void;

  /** @param clock whose monotonic time goes on while this runs */
  constructor(cache: LinkCache, clock: Clock) {
    this.#cache = cache;
    this.#clock = clock;
    this.#visit = (item) => this.#visitItem(item);
  }

  /** How far the walk has come, as far as one can tell while the cache changes; 100 when none is under way. */
  get percent(): number {
    return this.active ? Math.min(99, Math.floor((100 * this.items) / Math.max(1, this.#entries))) : 100;
  }

  get active(): boolean {
    return this.#cursor >= 0;
  }

  /**
   * Begins a walk, from the start.
   *
   * @param slots what is sent: one bit for each node slot
   * @param above only versions above this one
   * @param upTo and up to this one
   */
  begin(slots: number = SLOTS_ALL, above = -1, upTo: number = Number.MAX_SAFE_INTEGER): void {
    this.#upTo = upTo;
    this.#slots = slots;
    this.#above = above;
    this.#cursor = 0;
    this.items = 0;
    this.#entries = this.#cache.entryCount;
  }

  /**
   * Sends up to about `bytesMax` bytes, and no more after `untilMs` on the monotonic clock; something in any case.
   *
   * @returns true when the walk has come to its end in this call
   */
  pump(output: Output, bytesMax: number, untilMs: number): boolean {
    if (this.#entries === 0) {
      // What comes in now comes from the peer itself, who need not have it back.
      this.#cursor = -1;
      return true;
    }
    let budget = bytesMax;
    for (let steps = 0; steps < STEPS_PER_PUMP_MAX && budget > 0 && !output.blocked; steps++) {
      const written = this.#step(output);
      budget -= written;
      if (this.#cursor < 0) return true;
      if (written > 0 && this.#clock.monotonicMs() >= untilMs) break;
    }
    return false;
  }

  /** @returns bytes written, before they were compressed */
  #step(output: Output): number {
    output.reserve(this.#room);
    const start = output.at;
    this.#output = output;
    this.#roomBytes = output.limit - start;
    this.#neededBytes = 0;
    this.#visited = 0;
    this.#passed = 0;
    const next = this.#cache.scan(this.#cursor, this.#bucketsPerStep, this.#visit);
    this.#output = null;
    if (this.#neededBytes > this.#roomBytes) {
      output.at = start;
      if (this.#roomBytes < ROOM_BYTES) {
        this.#room = ROOM_BYTES;
      } else if (this.#bucketsPerStep > 1) {
        const fitting = Math.floor((this.#bucketsPerStep * ROOM_BYTES) / (2 * this.#neededBytes));
        this.#bucketsPerStep = Math.max(1, Math.min(fitting, this.#bucketsPerStep >> 1));
      } else {
        this.#room = this.#neededBytes;
      }
      return 0;
    }
    this.compressor?.compress(output, start);
    this.items += this.#visited;
    this.itemsTotal += this.#visited;
    this.#cursor = next;
    // What did not fit would be walked again; and what stands in the window is sent when more room is asked for.
    this.#room = Math.min(ROOM_BYTES, Math.max(STEP_BYTES, 2 * this.#neededBytes));
    const worth = this.#neededBytes + this.#passed * PASSED_BYTES;
    if (worth < STEP_BYTES / 2 && this.#bucketsPerStep < BUCKETS_PER_STEP_MAX) this.#bucketsPerStep *= 2;
    return worth;
  }

  #visitItem(item: ItemRef): void {
    const output = this.#output;
    if (output === null) return;
    const cache = this.#cache;
    if (!this.#isWanted(cache.version(item)) && !this.#isWanted(cache.touchStamp(item))) {
      this.#passed++;
      return;
    }
    const keyBytes = cache.keyBytes(item);
    const tombstone = cache.isTombstone(item);
    const valueBytes = tombstone ? 0 : cache.valueBytes(item);
    this.#neededBytes += tombstone
      ? this.writer.deleteBytes(keyBytes)
      : this.writer.itemBytes(keyBytes, valueBytes);
    if (this.#neededBytes > this.#roomBytes) return;
    this.#visited++;
    if (tombstone) this.writer.tombstone(output, cache, item, keyBytes);
    else this.writer.item(output, cache, item, keyBytes, valueBytes);
  }

  #isWanted(version: number): boolean {
    if (version <= this.#above || version > this.#upTo) return false;
    return ((this.#slots >>> slotOfVersion(version)) & 1) !== 0;
  }
}

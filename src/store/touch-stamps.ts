import { COUNTER, type Counters } from './counters.ts';
import { CONTROL, type Geometry, STAMP_DOUBLES, STAMP_SET_DOUBLES, STAMP_WAYS } from './geometry.ts';
import type { Items } from './items.ts';
import { STATE } from './layout.ts';
import type { VersionClock } from './version-clock.ts';

/** Of one entry: the version of the item that was touched, the stamp, and the expiry time that the touch gave. 0 as a version: none. */
const VERSION = 0;
const STAMP = 1;
const EXPTIME = 2;

/** A touch or an item that comes from a peer which knows no stamps. */
export const NO_STAMP = -1;

/**
 * When items were touched last. A touch must not change an item's version, which is the cas id, so it has a version of its own, its
 * STAMP, from the same clock: of two touches of one item the one with the higher stamp counts, on all twins alike, in whatever order they come.
 *
 * There is no room for it in the item, and most items are never touched. So stamps are in a table beside them, in sets of five that are found by the key's hash and
 * guarded by its stripe; an entry is known by the item's version, so one whose item has been replaced is of no use any more and
 * grows old. A full set gives up its lowest stamp. What is given up is thus never higher than any that the set holds: of an
 * item that was touched (`STATE.touched`) and has no entry, a highest stamp is known, and hardly ever more is needed.
 *
 * An entry may outlive its item, and be there before it. It tells that an item has ended because it was touched, when a twin still has it as it was
 * before; and a touch by a third node may come here sooner than the item.
 */
export class TouchStamps {
  /** Whether the stamp that `of` gave is that of the touch, and not only one that it cannot exceed. */
  isExact = true;
  readonly #doubles: Float64Array;
  readonly #mask: number;
  readonly #items: Items;
  readonly #clock: VersionClock;
  readonly #control: Int32Array;
  readonly #counters: Counters;

  constructor(
    stamps: SharedArrayBuffer,
    geometry: Geometry,
    items: Items,
    clock: VersionClock,
    control: Int32Array,
    counters: Counters,
  ) {
    this.#doubles = new Float64Array(stamps);
    this.#mask = geometry.stampSets - 1;
    this.#items = items;
    this.#clock = clock;
    this.#control = control;
    this.#counters = counters;
  }

  /** Not where there are no twins: nothing is kept, and `renew` does nothing. */
  get enabled(): boolean {
    return this.#mask >= 0;
  }

  /** The stamp of the last touch of an item's present version, 0 when it was not touched. See `isExact`. */
  of(item: number, hash: number): number {
    this.isExact = true;
    if ((this.#items.kind(item) & STATE.touched) === 0) return 0;
    const at = this.find(hash, this.#items.version(item));
    if (at >= 0) return this.#doubles[at + STAMP]!;
    this.isExact = false;
    let lowest = Number.MAX_SAFE_INTEGER;
    const start = this.#set(hash);
    for (let way = 0; way < STAMP_WAYS; way++) {
      const stamp = this.#doubles[start + way * STAMP_DOUBLES + STAMP]!;
      if (stamp < lowest) lowest = stamp;
    }
    return lowest;
  }

  /** The entry of an item's version, whether the item is there or not; -1 when there is none. */
  find(hash: number, version: number): number {
    if (!this.enabled || this.#control[CONTROL.touchStamps] === 0) return -1;
    const start = this.#set(hash);
    for (let at = start; at < start + STAMP_WAYS * STAMP_DOUBLES; at += STAMP_DOUBLES) {
      if (this.#doubles[at + VERSION] === version) return at;
    }
    return -1;
  }

  stampAt(entry: number): number {
    return this.#doubles[entry + STAMP]!;
  }

  exptimeAt(entry: number): number {
    return this.#doubles[entry + EXPTIME]!;
  }

  /** An item has been touched here, now. Takes its version and the touch's stamp in hand, both for the change feed. */
  renew(item: number, hash: number): void {
    const { hand } = this.#clock;
    if (!this.enabled) {
      this.#clock.hold(item);
      return;
    }
    this.#clock.next(item);
    hand[1] = hand[0]!;
    this.#clock.hold(item);
    const at = this.#place(hash);
    // A twin whose clock is far ahead is not followed, but who touches what it has touched must be later.
    if (this.#doubles[at + VERSION] === hand[0] && this.#doubles[at + STAMP]! >= hand[1])
      hand[1] = this.#clock.after(this.#doubles[at + STAMP]!);
    this.#write(at, this.#items.exptime(item));
    this.#items.setKind(item, this.#items.kind(item) | STATE.touched);
  }

  /** An item that is here has been touched by a client of a twin. */
  note(item: number, hash: number, stamp: number): void {
    if (!this.enabled) return;
    this.noteAhead(hash, this.#items.version(item), this.#items.exptime(item), stamp);
    this.#items.setKind(item, this.#items.kind(item) | STATE.touched);
  }

  /** The same of an item that is not here, or not yet. Version and stamp are in hand then. */
  noteAhead(hash: number, version: number, exptime: number, stamp: number): void {
    if (!this.enabled) return;
    this.#clock.observe(stamp, false);
    this.#clock.hand[0] = version;
    this.#clock.hand[1] = stamp;
    const at = this.#place(hash);
    if (this.#doubles[at + VERSION] === version || this.#doubles[at + STAMP]! < stamp)
      this.#write(at, exptime);
    else this.#counters.general[COUNTER.touchStampsDropped]!++;
  }

  /** Writes what is in hand; doubles that are passed become objects on the heap. */
  #write(at: number, exptime: number): void {
    const doubles = this.#doubles;
    const version = this.#clock.hand[0]!;
    if (doubles[at + VERSION] === 0) Atomics.add(this.#control, CONTROL.touchStamps, 1);
    else if (doubles[at + VERSION] !== version) this.#counters.general[COUNTER.touchStampsDropped]!++;
    doubles[at + VERSION] = version;
    doubles[at + STAMP] = this.#clock.hand[1]!;
    doubles[at + EXPTIME] = exptime;
  }

  /** The entry of the version in hand, or the one that a new one takes the place of: the set's lowest, which is free if any is. */
  #place(hash: number): number {
    const doubles = this.#doubles;
    const version = this.#clock.hand[0]!;
    const start = this.#set(hash);
    let lowest = start;
    for (let at = start; at < start + STAMP_WAYS * STAMP_DOUBLES; at += STAMP_DOUBLES) {
      if (doubles[at + VERSION] === version) return at;
      if (doubles[at + STAMP]! < doubles[lowest + STAMP]!) lowest = at;
    }
    return lowest;
  }

  #set(hash: number): number {
    return (hash & this.#mask) * STAMP_SET_DOUBLES;
  }
}

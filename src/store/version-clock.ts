import { assert } from '../base/assert.ts';
import type { Counters } from './counters.ts';
import { COUNTER } from './counters.ts';
import { CONTROL, CONTROL_DOUBLE } from './geometry.ts';
import { ARENA_SHIFT, UNIT_MASK, VERSION_DOUBLE } from './layout.ts';
import type { Locks } from './locks.ts';
import type { Memory } from './memory.ts';

/**
 * Versions: a hybrid logical clock (Kulkarni and others, "Logical physical clocks", 2014) in one double.
 *
 * A version is microseconds since 2026-01-01 times 8, plus the node's slot: 53 bits, exact in a double for 35 years. Each is higher than
 * every one given before on this node (all threads share one clock), than the item's that it replaces, and than those seen from peers.
 * So it serves as the cas id, orders concurrent writes on twins (the higher wins; equal ones are the same write) and stays valid on the twin.
 *
 * The wall clock is as of the thread's last `tick`; several versions within a tick are one microsecond apart.
 */
export const VERSION_EPOCH_MS: number = Date.UTC(2026, 0, 1);
const SLOTS = 8;
export const VERSION_MAX: number = Number.MAX_SAFE_INTEGER;
/** What is taken from elsewhere leaves room for so many writes of the key after it. */
const VERSIONS_AFTER = 2 ** 32;
/** A peer's version further in the future than this doesn't pull our clock along. */
const FOLLOWED_AHEAD_MICROS_MAX = 86_400e6;
const COUNTED_AHEAD_MICROS = 1e6;

/** The lowest version of a moment. */
export function versionAtMs(wallMs: number): number {
  return Math.max(0, Math.floor((wallMs - VERSION_EPOCH_MS) * 1000)) * SLOTS;
}

/** The highest that is taken from elsewhere. */
const TAKEN_MAX = VERSION_MAX - VERSIONS_AFTER * SLOTS;

/** Whether a number that came from elsewhere can be a version at all. */
export function isVersion(version: number): boolean {
  return Number.isInteger(version) && version > 0 && version <= TAKEN_MAX;
}

export class VersionClock {
  /**
   * [0] is the version in hand: the one that `next` gave, or that came with a peer's change, for whoever writes the item or
   * the feed. It is passed in memory, because a double passed between functions becomes an object on the heap wherever the
   * compiler doesn't inline the call. [1] is the stamp of the touch in hand; see TouchStamps.
   */
  readonly hand: Float64Array = new Float64Array(2);
  readonly #memory: Memory;
  readonly #control: Int32Array;
  readonly #doubles: Float64Array;
  readonly #locks: Locks;
  readonly #lock: number;
  readonly #counters: Counters;
  /** [0] the wall at the last tick in microseconds since the epoch. An array, so that writing it allocates no number. */
  readonly #wall: Float64Array = new Float64Array(1);

  constructor(memory: Memory, control: Int32Array, doubles: Float64Array, locks: Locks, counters: Counters) {
    this.#memory = memory;
    this.#control = control;
    this.#doubles = doubles;
    this.#locks = locks;
    this.#lock = memory.geometry.clockLock;
    this.#counters = counters;
  }

  tick(wallMs: number): void {
    this.#wall[0] = Math.max(0, Math.floor((wallMs - VERSION_EPOCH_MS) * 1000));
  }

  /**
   * Takes the next version in hand.
   *
   * @param replaced the item or tombstone that is replaced, 0 if none
   */
  next(replaced: number): void {
    const wall = this.#wall[0]!;
    let micros = 1;
    if (replaced !== 0) {
      const doubles = this.#memory.doubles[replaced >>> ARENA_SHIFT]!;
      micros = Math.floor(doubles[(replaced & UNIT_MASK) + VERSION_DOUBLE]! / SLOTS) + 1;
    }
    if (micros < wall) micros = wall;
    this.#locks.acquire(this.#lock);
    const following = this.#doubles[CONTROL_DOUBLE.clockMicros]! + 1;
    if (micros < following) micros = following;
    // An item from a peer with a clock far ahead is followed for its own key only.
    if (micros - wall < FOLLOWED_AHEAD_MICROS_MAX || micros === following) {
      this.#doubles[CONTROL_DOUBLE.clockMicros] = micros;
    }
    this.#locks.release(this.#lock);
    if (micros - wall > COUNTED_AHEAD_MICROS) this.#counters.general[COUNTER.clockAhead]!++;
    this.hand[0] = micros * SLOTS + Atomics.load(this.#control, CONTROL.nodeSlot);
  }

  /** The slot in the versions that all threads of this node give from now on. */
  get slot(): number {
    return Atomics.load(this.#control, CONTROL.nodeSlot);
  }

  set slot(slot: number) {
    assert(slot >= 0 && slot < SLOTS, 'a node slot is a number of three bits');
    Atomics.store(this.#control, CONTROL.nodeSlot, slot);
  }

  /** A version of this node above another one, which is not remembered. */
  after(version: number): number {
    return Math.min(VERSION_MAX, (Math.floor(version / SLOTS) + 1) * SLOTS + this.slot);
  }

  /** Takes an item's present version in hand. */
  hold(item: number): void {
    this.hand[0] = this.#memory.doubles[item >>> ARENA_SHIFT]![(item & UNIT_MASK) + VERSION_DOUBLE]!;
  }

  /**
   * Advances the clock past a version of a peer.
   *
   * @param always even when it is more than a day ahead (flushes, which would kill what is stored after them otherwise)
   */
  observe(version: number, always: boolean): void {
    const micros = Math.floor(version / SLOTS);
    if (!always && micros - this.#wall[0]! > FOLLOWED_AHEAD_MICROS_MAX) {
      this.#counters.general[COUNTER.clockRefused]!++;
      return;
    }
    this.#locks.acquire(this.#lock);
    if (micros > this.#doubles[CONTROL_DOUBLE.clockMicros]!) {
      this.#doubles[CONTROL_DOUBLE.clockMicros] = micros;
    }
    this.#locks.release(this.#lock);
  }

  /** The highest version given or followed so far. */
  highest(): number {
    this.#locks.acquire(this.#lock);
    const micros = this.#doubles[CONTROL_DOUBLE.clockMicros]!;
    this.#locks.release(this.#lock);
    return micros * SLOTS + SLOTS - 1;
  }

  /**
   * The threshold of a flush that strikes when a second begins: it takes what is stored until that second is over; and where versions run ahead of the wall, for a twin's
   * clock does, what has such a version by then.
   *
   * @param seconds since 1970
   */
  thresholdAt(seconds: number): number {
    const exact = versionAtMs((seconds + 1) * 1000);
    const ahead = versionAtMs(seconds * 1000) + this.aheadMicros() * SLOTS;
    return Math.min(Math.max(exact, ahead), TAKEN_MAX);
  }

  /** Microseconds by which the clock is ahead of the wall; 0 when it is not. */
  aheadMicros(): number {
    return Math.max(0, Math.floor(this.highest() / SLOTS) - this.#wall[0]!);
  }
}

/**
 * The timers of one loop: a binary heap over typed arrays, so that setting and cancelling one costs no allocation and O(log n), and
 * a cancelled timer leaves nothing behind.
 */
import { assert } from '../base/assert.ts';

/** Timers at the same time on one loop; a handle holds the slot in its lower 20 bits. */
export const TIMERS_MAX: number = 1 << 20;

const NO_CALLBACK = (): void => {};

export class Timers {
  /** By slot: when it is due, its place in the order of calls, its place in the heap (-1: free), how often the slot was used. */
  #dueMs: Float64Array = new Float64Array(16);
  #order: Float64Array = new Float64Array(16);
  #place: Int32Array = new Int32Array(16).fill(-1);
  #uses: Float64Array = new Float64Array(16);
  readonly #callbacks: (() => void)[] = [];
  readonly #freeSlots: number[] = [];
  /** Slots, the one due first in front. */
  #heap: Int32Array = new Int32Array(16);
  #count = 0;
  #slots = 0;
  #calls = 0;

  get count(): number {
    return this.#count;
  }

  /** @returns a handle, never 0 */
  add(dueMs: number, callback: () => void): number {
    const slot = this.#freeSlots.pop() ?? this.#newSlot();
    this.#dueMs[slot] = dueMs;
    this.#order[slot] = this.#calls++;
    const uses = this.#uses[slot]! + 1;
    this.#uses[slot] = uses;
    this.#callbacks[slot] = callback;
    const place = this.#count++;
    this.#put(slot, place);
    this.#rise(place);
    return uses * TIMERS_MAX + slot;
  }

  /** Forgets a timer; one that has run or was cancelled before is left alone. */
  cancel(handle: number): void {
    const slot = handle % TIMERS_MAX;
    if (slot >= this.#slots) return;
    const place = this.#place[slot]!;
    if (place < 0 || this.#uses[slot] !== (handle - slot) / TIMERS_MAX) return;
    this.#removeAt(place);
  }

  /** Milliseconds from `nowMs` to the first timer: 0 when it is due, -1 when there is none. Rounded up. */
  waitMs(nowMs: number): number {
    if (this.#count === 0) return -1;
    const waitMs = this.#dueMs[this.#heap[0]!]! - nowMs;
    return waitMs <= 0 ? 0 : Math.min(Math.ceil(waitMs), 0x7fff_ffff);
  }

  /** Runs what is due at `nowMs`, in order of time, then of `add`. Timers added meanwhile wait for the next call. */
  run(nowMs: number): void {
    const callsBefore = this.#calls;
    while (this.#count > 0) {
      const slot = this.#heap[0]!;
      if (this.#dueMs[slot]! > nowMs || this.#order[slot]! >= callsBefore) return;
      const callback = this.#callbacks[slot]!;
      this.#removeAt(0);
      callback();
    }
  }

  #newSlot(): number {
    const slot = this.#slots++;
    assert(slot < TIMERS_MAX, 'a loop has more timers than it can hold');
    if (slot === this.#dueMs.length) {
      const length = slot * 2;
      this.#dueMs = grown(this.#dueMs, new Float64Array(length));
      this.#order = grown(this.#order, new Float64Array(length));
      this.#uses = grown(this.#uses, new Float64Array(length));
      this.#place = grown(this.#place, new Int32Array(length).fill(-1));
      this.#heap = grown(this.#heap, new Int32Array(length));
    }
    return slot;
  }

  #removeAt(place: number): void {
    const slot = this.#heap[place]!;
    this.#place[slot] = -1;
    this.#callbacks[slot] = NO_CALLBACK;
    this.#freeSlots.push(slot);
    const last = this.#heap[--this.#count]!;
    if (place === this.#count) return;
    this.#put(last, place);
    this.#sink(place);
    this.#rise(this.#place[last]!);
  }

  #put(slot: number, place: number): void {
    this.#heap[place] = slot;
    this.#place[slot] = place;
  }

  #isBefore(slot: number, other: number): boolean {
    const difference = this.#dueMs[slot]! - this.#dueMs[other]!;
    return difference < 0 || (difference === 0 && this.#order[slot]! < this.#order[other]!);
  }

  #rise(from: number): void {
    let place = from;
    const slot = this.#heap[place]!;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.#heap[parent]!;
      if (!this.#isBefore(slot, above)) break;
      this.#put(above, place);
      place = parent;
    }
    this.#put(slot, place);
  }

  #sink(from: number): void {
    let place = from;
    const slot = this.#heap[place]!;
    for (;;) {
      let child = place * 2 + 1;
      if (child >= this.#count) break;
      if (child + 1 < this.#count && this.#isBefore(this.#heap[child + 1]!, this.#heap[child]!)) child++;
      const below = this.#heap[child]!;
      if (!this.#isBefore(below, slot)) break;
      this.#put(below, place);
      place = child;
    }
    this.#put(slot, place);
  }
}

function grown<T extends Float64Array | Int32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

import type { FlushEpochs } from './flush-epochs.ts';
import { CONTROL } from './geometry.ts';
import { ARENA_SHIFT, HEADER, UNIT_MASK, VERSION_DOUBLE } from './layout.ts';
import type { Memory } from './memory.ts';

const { exptime: EXPTIME } = HEADER;

/** What `earliestEnd` says when nothing ends; also beyond what it can say (the year 2038), where expiry on reading is enough. */
export const NO_END = 0x7fffffff;

/** Whether an item may still be seen. */
export const LIFE = { alive: 0, expired: 1, flushed: 2 } as const;
export type Life = (typeof LIFE)[keyof typeof LIFE];

/** Exact expiry: an item is gone in the second of its exptime, and at once when a flush has its version below the threshold. */
export class Lifetime {
  /** Seconds since 1970, as of the last tick. */
  nowSeconds = 0;
  readonly #memory: Memory;
  readonly #flush: FlushEpochs;
  readonly #control: Int32Array;

  constructor(memory: Memory, flush: FlushEpochs, control: Int32Array) {
    this.#memory = memory;
    this.#flush = flush;
    this.#control = control;
  }

  /**
   * Notes that something ends at this unix second (0: never), so that the crawler need not walk before. Whoever writes an exptime calls it.
   */
  noteEnd(seconds: number): void {
    if (seconds === 0 || seconds >= this.#control[CONTROL.earliestEnd]!) return;
    let earliest = Atomics.load(this.#control, CONTROL.earliestEnd);
    while (seconds < earliest) {
      const found = Atomics.compareExchange(this.#control, CONTROL.earliestEnd, earliest, seconds);
      if (found === earliest) return;
      earliest = found;
    }
  }

  of(item: number): Life {
    const arena = item >>> ARENA_SHIFT;
    const unit = item & UNIT_MASK;
    const exptime = this.#memory.words[arena]![(unit << 1) + EXPTIME]! >>> 0;
    if (exptime !== 0 && exptime <= this.nowSeconds) return LIFE.expired;
    if (this.#memory.doubles[arena]![unit + VERSION_DOUBLE]! < this.#flush.deadBelow()) return LIFE.flushed;
    return LIFE.alive;
  }
}

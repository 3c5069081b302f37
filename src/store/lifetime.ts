import type { FlushEpochs } from './flush-epochs.ts';
import { ARENA_SHIFT, HEADER, UNIT_MASK, VERSION_DOUBLE } from './layout.ts';
import type { Memory } from './memory.ts';

const { exptime: EXPTIME } = HEADER;

/** Whether an item may still be seen. */
export const LIFE = { alive: 0, expired: 1, flushed: 2 } as const;
export type Life = (typeof LIFE)[keyof typeof LIFE];

/** Exact expiry: an item is gone in the second of its exptime, and at once when a flush has its version below the threshold. */
export class Lifetime {
  /** Seconds since 1970, as of the last tick. */
  nowSeconds = 0;
  readonly #memory: Memory;
  readonly #flush: FlushEpochs;

  constructor(memory: Memory, flush: FlushEpochs) {
    this.#memory = memory;
    this.#flush = flush;
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

import type { Random } from '../base/random.ts';

/** Pauses between attempts to dial a peer or to bind a port double from the first to the second; the real pause is 50 to 100 % of that. */
export const RETRY_MS_MIN = 50;
export const RETRY_MS_MAX = 1000;

/** When something is tried again that is tried for ever. */
export class RetryPause {
  /** On the monotonic clock; Infinity while there is no need. */
  dueMs = 0;
  #pauseMs: number = RETRY_MS_MIN;
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** It is being tried, or need not be. */
  stop(): void {
    this.dueMs = Number.POSITIVE_INFINITY;
  }

  /** It was tried in vain. */
  later(nowMs: number): void {
    const half = this.#pauseMs / 2;
    this.dueMs = nowMs + half + this.#random.below(Math.floor(half) + 1);
    this.#pauseMs = Math.min(RETRY_MS_MAX, this.#pauseMs * 2);
  }

  /** There is reason to hope. */
  atOnce(nowMs: number): void {
    this.dueMs = Math.min(this.dueMs, nowMs);
  }

  /** The next pause is the shortest again. */
  reset(): void {
    this.#pauseMs = RETRY_MS_MIN;
  }
}

import type { WalkClaim } from '../engine/administration.ts';
import type { SharedFigures } from './shared-figures.ts';

/** A claim that has not been renewed for this long may be taken by another. */
const CLAIM_SECONDS = 60;

/** One thread's view of the right to walk over the cache. It is kept as the second of its last renewal, 0 for nobody's. */
export class SharedWalkClaim implements WalkClaim {
  readonly #figures: SharedFigures;
  readonly #nowSeconds: () => number;

  constructor(figures: SharedFigures, nowSeconds: () => number) {
    this.#figures = figures;
    this.#nowSeconds = nowSeconds;
  }

  take(): boolean {
    const now = this.#nowSeconds();
    const since = this.#figures.walkClaimedAt;
    if (since !== 0 && now - since < CLAIM_SECONDS) return false;
    return this.#figures.exchangeWalkClaim(since, now);
  }

  renew(): void {
    this.#figures.exchangeWalkClaim(this.#figures.walkClaimedAt, this.#nowSeconds());
  }

  release(): void {
    this.#figures.exchangeWalkClaim(this.#figures.walkClaimedAt, 0);
  }

  get isTaken(): boolean {
    return this.#figures.walkClaimedAt !== 0;
  }
}

import type { Clock } from '../base/clock.ts';
import type { SharedFigures } from './shared-figures.ts';

/** The clock that the node's items live by: the wall's, but for what an administrator of a test has done to it (`debugtime`). */
export class NodeClock {
  readonly #clock: Clock;
  readonly #figures: SharedFigures;

  constructor(clock: Clock, figures: SharedFigures) {
    this.#clock = clock;
    this.#figures = figures;
  }

  /** Milliseconds since 1970. */
  wallMs(): number {
    const { clockHeldAt } = this.#figures;
    if (clockHeldAt !== 0) return clockHeldAt * 1000;
    return this.#clock.wallMs() + this.#figures.clockOffsetSeconds * 1000;
  }

  /** Moves the time for all threads, for good. */
  move(seconds: number): void {
    if (this.#figures.clockHeldAt !== 0) this.#figures.clockHeldAt += seconds;
    else this.#figures.clockOffsetSeconds += seconds;
  }

  /** Stops the time. */
  hold(): void {
    if (this.#figures.clockHeldAt === 0) this.#figures.clockHeldAt = Math.floor(this.wallMs() / 1000);
  }

  /** Lets the time go on from where it stopped. */
  release(): void {
    const heldAt = this.#figures.clockHeldAt;
    if (heldAt === 0) return;
    this.#figures.clockOffsetSeconds = heldAt - Math.floor(this.#clock.wallMs() / 1000);
    this.#figures.clockHeldAt = 0;
  }
}

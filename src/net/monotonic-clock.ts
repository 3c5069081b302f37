import type { Clock } from '../base/clock.ts';
import { LINUX, type Libc } from './libc.ts';

/**
 * The machine's monotonic clock, the same on all threads. Read through libc into memory of our own: as cheap as
 * performance.now(), which makes an object of each reading.
 */
export class MonotonicClock implements Clock {
  readonly #libc: Libc;
  /** struct timespec: seconds and nanoseconds, 64 bits each; neither fills its lower half. */
  readonly #time: Int32Array = new Int32Array(new ArrayBuffer(16));
  readonly #address: bigint;
  readonly #turnMs: Float64Array = new Float64Array(1);

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#address = libc.addressOf(new Uint8Array(this.#time.buffer));
    this.startTurn();
  }

  /** The last reading, whoever made it: how late it is, as far as one knows without looking. */
  get latestMs(): number {
    return this.#time[0]! * 1000 + this.#time[2]! / 1e6;
  }

  get turnMs(): number {
    return this.#turnMs[0]!;
  }

  /** Reads the clock for `turnMs`. */
  startTurn(): void {
    this.#turnMs[0] = this.monotonicMs();
  }

  monotonicMs(): number {
    this.#libc.clock_gettime(LINUX.CLOCK_MONOTONIC, this.#address);
    return this.latestMs;
  }

  wallMs(): number {
    return Date.now();
  }
}

/**
 * The marks that have been sent over a link and not yet been acknowledged: what each of them stood for, so that an ack need only
 * give its number back. Of bounded number: when all places are taken the next mark waits for an ack, and covers more.
 */
export const MARKS_MAX = 64;

export class SentMarks {
  /** Number of the next mark. */
  serial = 0;
  /** Number of the oldest mark that is not acknowledged; equal to `serial` when there is none. */
  #oldest = 0;
  readonly #threads: number;
  /** Positions of each mark, `threads` of them in its place. */
  readonly positions: Float64Array;
  readonly #timesMs: Float64Array = new Float64Array(MARKS_MAX);
  readonly #complete: Uint8Array = new Uint8Array(MARKS_MAX);

  constructor(threads: number) {
    this.#threads = threads;
    this.positions = new Float64Array(threads * MARKS_MAX);
  }

  get isFull(): boolean {
    return this.serial - this.#oldest === MARKS_MAX;
  }

  /** Where the positions of a mark stand. */
  place(serial: number): number {
    return (serial % MARKS_MAX) * this.#threads;
  }

  /** The next mark, whose positions have been written to its place, is sent. */
  add(nowMs: number, complete: boolean): void {
    this.#timesMs[this.serial % MARKS_MAX] = nowMs;
    this.#complete[this.serial % MARKS_MAX] = complete ? 1 : 0;
    this.serial++;
  }

  /**
   * An ack has come.
   *
   * @param serial as 32 bits
   * @param acknowledged is given the positions of the mark, if it was a complete one
   * @returns `unknown` for the number of no mark that waits; whether the positions count otherwise
   */
  acknowledge(serial: number, acknowledged: Float64Array): 'unknown' | 'partial' | 'complete' {
    const ahead = (serial - this.#oldest) >>> 0;
    if (ahead >= this.serial - this.#oldest) return 'unknown';
    const mark = this.#oldest + ahead;
    this.#oldest = mark + 1;
    if (this.#complete[mark % MARKS_MAX] === 0) return 'partial';
    const place = this.place(mark);
    for (let thread = 0; thread < this.#threads; thread++) {
      acknowledged[thread] = this.positions[place + thread]!;
    }
    return 'complete';
  }

  /** Whether a mark that was sent waits no more. */
  isAcknowledged(serial: number): boolean {
    return serial < this.#oldest;
  }

  /** When the oldest mark that waits was sent; -1 when none does. */
  get oldestMs(): number {
    return this.#oldest === this.serial ? -1 : this.#timesMs[this.#oldest % MARKS_MAX]!;
  }
}

/** A sample that never comes is asked for again after this many cycles, when it is overdue by its own times, too. */
const LOST_CYCLES = 20;

/**
 * The look at an entry that is under way. There is one at a time, because a program that takes long is not to run twice, and what it finds is not thrown
 * away; answers come late, so each has the number of its question, and what is answered to an earlier one, about another process maybe, counts for nothing.
 */
export class SampleRequest {
  #serial = 0;
  #isPending = false;
  #ageCycles = 0;
  #overdueMs = 0;
  readonly #patienceMs: number;

  /** @param patienceMs for how long a sample may take; see `samplePatienceMs` */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** A cycle has passed. @returns whether another sample may be asked for: none is awaited, or it will never come */
  cycle(nowMs: number): boolean {
    if (!this.#isPending) return true;
    this.#ageCycles += 1;
    return this.#ageCycles >= LOST_CYCLES && nowMs >= this.#overdueMs;
  }

  /** One is asked for. @returns its number */
  begin(nowMs: number): number {
    this.#serial += 1;
    this.#isPending = true;
    this.#ageCycles = 0;
    this.#overdueMs = nowMs + this.#patienceMs;
    return this.#serial;
  }

  /** An answer has come. @returns whether it is the one that is awaited, which then is not any more */
  end(serial: number): boolean {
    if (!this.#isPending || serial !== this.#serial) return false;
    this.#isPending = false;
    return true;
  }

  /** What it would tell is of before. */
  forget(): void {
    this.#isPending = false;
  }
}

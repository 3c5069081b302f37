import { performance } from 'node:perf_hooks';

/** A twin gets a write well under a millisecond after its reply; on a crowded machine the thread that sends it may have to wait this long. */
const UNSENT_MS_MAX = 500;

/**
 * Which acknowledged writes of a load a kill -9 of their node may take along: a reply does not wait for the twin, so what was written
 * in the last moment before the kill may be gone; nothing older, and nothing written afterwards.
 */
export class UnsentWrites {
  /** When each round of the load began, in milliseconds of the monotonic clock. */
  readonly #begun: number[] = [];
  readonly #kills: { readonly first: number; readonly last: number }[] = [];

  /** To be called at the beginning of each round, with rounds counted up by one. */
  began(round: number): void {
    this.#begun[round] = performance.now();
  }

  /** Runs `kill`, which is done when the process has ended, and excuses the loss of what was written shortly before. */
  async during(kill: () => Promise<unknown>): Promise<void> {
    const since = performance.now() - UNSENT_MS_MAX;
    const first = this.#begun.findIndex((time) => time >= since);
    await kill();
    this.#kills.push({ first, last: this.#begun.length - 1 });
  }

  /** Whether what was written in this round may be gone. */
  excuses(round: number): boolean {
    return this.#kills.some(({ first, last }) => first >= 0 && round >= first && round <= last);
  }
}

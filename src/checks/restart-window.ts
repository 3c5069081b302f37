/** Most cycles that a limit of restarts looks back; the language allows no more. */
const CYCLES_MAX = 64;

/**
 * In which of the last cycles a service was restarted. Several restarts in one cycle count once, as in monit, where there cannot be more; so the same
 * limit gives a service the same time to come up, though here it is tried again sooner.
 */
export class RestartWindow {
  readonly #cycles: boolean[] = [false];

  /** A cycle has begun. */
  cycle(): void {
    this.#cycles.unshift(false);
    if (this.#cycles.length > CYCLES_MAX) this.#cycles.length = CYCLES_MAX;
  }

  restarted(): void {
    this.#cycles[0] = true;
  }

  clear(): void {
    this.#cycles.length = 0;
    this.#cycles.push(false);
  }

  /** In how many of the last `cycles` cycles there was a restart. */
  count(cycles: number): number {
    return this.#cycles.slice(0, cycles).filter((restarted) => restarted).length;
  }
}

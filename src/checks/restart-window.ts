/**
 * In which of the last cycles a service was restarted. Several restarts in one cycle count once, as in monit, where there cannot be more; so the same
 * limit gives a service the same time to come up, though here it is tried again sooner.
 */
export class RestartWindow {
  /** How many cycles ago each restart was; the newest first, and none twice. */
  readonly #ages: number[] = [];
  readonly #cyclesMax: number;

  /** @param cyclesMax most cycles that a limit looks back */
  constructor(cyclesMax: number) {
    this.#cyclesMax = cyclesMax;
  }

  /** A cycle has begun. */
  cycle(): void {
    for (let index = 0; index < this.#ages.length; index++) this.#ages[index] = (this.#ages[index] ?? 0) + 1;
    if ((this.#ages.at(-1) ?? 0) >= this.#cyclesMax) this.#ages.pop();
  }

  restarted(): void {
    if (this.#ages[0] !== 0) this.#ages.unshift(0);
  }

  clear(): void {
    this.#ages.length = 0;
  }

  /** In how many of the last `cycles` cycles there was a restart. */
  count(cycles: number): number {
    return this.#ages.filter((age) => age < cycles).length;
  }
}

/** A touch as it is remembered: when it was made, and what it made of the expiry time. */
export interface MapTouch {
  readonly stamp: number;
  readonly exptime: number;
}

/** The touches that a `MapCache` remembers, by the version of the item: so many at most, those with the highest stamps. */
export class MapStamps {
  readonly #capacity: number;
  readonly #touches: Map<number, MapTouch> = new Map();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  find(version: number): MapTouch | undefined {
    return this.#touches.get(version);
  }

  note(version: number, stamp: number, exptime: number): void {
    this.#touches.set(version, { stamp, exptime });
    if (this.#touches.size <= this.#capacity) return;
    const lowest = this.lowest;
    for (const [version, { stamp }] of this.#touches) if (stamp === lowest) this.#touches.delete(version);
  }

  /** What is not remembered was not later than this. */
  get lowest(): number {
    return Math.min(...[...this.#touches.values()].map(({ stamp }) => stamp));
  }
}

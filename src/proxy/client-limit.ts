/** Counts the clients of all threads against the limit (`-n`). */
export class ClientLimit {
  readonly #count: Int32Array;
  readonly #max: number;

  /** @param shared one Int32, the same memory in all threads */
  constructor(shared: SharedArrayBuffer, max: number) {
    this.#count = new Int32Array(shared);
    this.#max = max;
  }

  /** One client more. @returns false when there is no place for it */
  enter(): boolean {
    if (Atomics.add(this.#count, 0, 1) < this.#max) return true;
    Atomics.sub(this.#count, 0, 1);
    return false;
  }

  /** A client that had a place has gone. */
  leave(): void {
    Atomics.sub(this.#count, 0, 1);
  }
}

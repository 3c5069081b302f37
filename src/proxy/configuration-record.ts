const LOADS = 0;
const FAILURES = 1;
const LOADED_AT = 2;
const CELLS = 3;

/** What all threads of a proxy tell of its configuration file, in shared memory. */
export class ConfigurationRecord {
  readonly #cells: Int32Array;

  /** @param buffer from `allocate` */
  constructor(buffer: SharedArrayBuffer) {
    this.#cells = new Int32Array(buffer);
  }

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(4 * CELLS);
  }

  /** A configuration is in force. */
  noteLoad(wallSeconds: number): void {
    Atomics.add(this.#cells, LOADS, 1);
    Atomics.store(this.#cells, LOADED_AT, Math.floor(wallSeconds));
  }

  /** A configuration could not be taken over; the one before stays. */
  noteFailure(): void {
    Atomics.add(this.#cells, FAILURES, 1);
  }

  /** Names and values for `stats`; nothing where there is no file. */
  lines(wallSeconds: number): readonly string[] {
    const loads = Atomics.load(this.#cells, LOADS);
    if (loads === 0) return [];
    const age = Math.max(0, Math.floor(wallSeconds) - Atomics.load(this.#cells, LOADED_AT));
    return [
      `config_loads ${loads}`,
      `config_failures ${Atomics.load(this.#cells, FAILURES)}`,
      `config_age ${age}`,
    ];
  }
}

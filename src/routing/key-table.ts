/** What a request knows of each of its keys, by number; see Request. */
export class KeyTable {
  readonly start: Int32Array;
  readonly end: Int32Array;
  readonly next: Int32Array;
  readonly blockStart: Int32Array;
  readonly blockEnd: Int32Array;
  readonly state: Uint8Array;

  /** @param size how many keys there is room for */
  constructor(size: number) {
    this.start = new Int32Array(size);
    this.end = new Int32Array(size);
    this.next = new Int32Array(size);
    this.blockStart = new Int32Array(size);
    this.blockEnd = new Int32Array(size);
    this.state = new Uint8Array(size);
  }

  get size(): number {
    return this.state.length;
  }

  /** Takes over what another table, which is no larger, knows. */
  copy(other: KeyTable): void {
    this.start.set(other.start);
    this.end.set(other.end);
    this.next.set(other.next);
    this.blockStart.set(other.blockStart);
    this.blockEnd.set(other.blockEnd);
    this.state.set(other.state);
  }
}

/** A table up to this size stays with the record of its request. */
export const OWN_KEYS_MAX = 128;

/** The smallest table that is lent. */
const LENT_KEYS_MIN = 512;

/** So many keys may the tables have room for that wait to be used again: 21 bytes each. */
export const SPARE_KEYS_MAX: number = 128 * 1024;

/**
 * Large tables, lent to requests of many keys and taken back at their end: a record of each request keeps a small one only, and a client that asks for
 * thousands of keys each time does not have memory made, and grown step by step, each time.
 */
export class SpareKeyTables {
  readonly #free: KeyTable[] = [];
  /** Keys that the free ones have room for. */
  spareKeys = 0;

  /** A table of more than `size` keys; the one that was given back last, if that is large enough. */
  takeBeyond(size: number): KeyTable {
    const last = this.#free.at(-1);
    if (last === undefined || last.size <= size) return new KeyTable(Math.max(LENT_KEYS_MIN, size * 2));
    this.#free.pop();
    this.spareKeys -= last.size;
    return last;
  }

  give(table: KeyTable): void {
    if (this.spareKeys + table.size > SPARE_KEYS_MAX) return;
    this.#free.push(table);
    this.spareKeys += table.size;
  }
}

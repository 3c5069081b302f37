import { murmur } from '../hashing/murmur.ts';

/** How finely keys are told apart: those that share a place share its generation, too. A power of two. */
const PLACES = 32768;

const ALL = 0;
const HEAD_CELLS = 2;
const PLACE_CELLS = 2;

/** Cells of a place, in this order: how many writes have begun, and how many of them have not ended. */
const GENERATION = 0;
const OPEN = 1;

/**
 * What all threads of a proxy must agree on about writes, so that none hands out what it read before one: by key hash a generation, which each write
 * of such a key moves on when it begins, and a count of those that have not ended. In shared memory, and safe to be used by any thread at any time.
 *
 * A value may be handed out again while the stamp of its key is what it was when the value was asked for, if at that time the place was quiet: then no
 * write has been under way since. Who asks takes the stamp first and looks for quiet after that; a write is counted as open first and moves the
 * generation after that, and then it is sent. So whatever happens between, one of the two sees the other.
 */
export class WriteGenerations {
  readonly #cells: Int32Array;

  /** @param buffer from `allocate` */
  constructor(buffer: SharedArrayBuffer) {
    this.#cells = new Int32Array(buffer);
  }

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(4 * (HEAD_CELLS + PLACES * PLACE_CELLS));
  }

  /** The state of writes at a place; the same number again means that none has begun meanwhile. @param hash from `keyHash` */
  stamp(hash: number): number {
    const cells = this.#cells;
    return (Atomics.load(cells, cellOf(hash)) + Atomics.load(cells, ALL + GENERATION)) | 0;
  }

  /** Whether no write of a key at this place is without an answer. To be asked after `stamp` was taken. */
  isQuiet(hash: number): boolean {
    const cells = this.#cells;
    return Atomics.load(cells, cellOf(hash) + OPEN) === 0 && Atomics.load(cells, ALL + OPEN) === 0;
  }

  /** A write of a key with this hash is about to be sent. `end` must follow. */
  begin(hash: number): void {
    this.#begin(cellOf(hash));
  }

  end(hash: number): void {
    Atomics.sub(this.#cells, cellOf(hash) + OPEN, 1);
  }

  /** Any key may be written from now on, until `endEverywhere`. */
  beginEverywhere(): void {
    this.#begin(ALL);
  }

  endEverywhere(): void {
    Atomics.sub(this.#cells, ALL + OPEN, 1);
  }

  #begin(cell: number): void {
    Atomics.add(this.#cells, cell + OPEN, 1);
    Atomics.add(this.#cells, cell + GENERATION, 1);
  }
}

/** The hash of a key by which writes, flights and copies of it are found: bytes [start, end). */
export function keyHash(bytes: Uint8Array, start: number, end: number): number {
  return murmur(bytes, start, end);
}

function cellOf(hash: number): number {
  return HEAD_CELLS + (hash & (PLACES - 1)) * PLACE_CELLS;
}

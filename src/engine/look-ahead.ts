import { REQUEST_MAGIC } from '../protocol/binary/opcodes.ts';
import type { Cache } from '../store/cache.ts';

/** Requests that are looked ahead to at once. */
const LOOK_AHEAD_MAX = 64;

const SPACE = 32;

/** `mg k` and a line end: less is no request with a key. */
const SHORTEST_BYTES = 6;

/** The most that is looked at of a key. */
const KEY_BYTES_MAX = 250;

const BINARY_HEADER_BYTES = 24;
const BINARY_KEY_BYTES_AT = 2;
const BINARY_EXTRA_BYTES_AT = 4;

/**
 * Requests of several clients that have arrived and will be executed one after the other: what belongs to their keys is fetched for all at
 * once, so that none waits for memory alone. Whether what stands there is a key is only guessed: a wrong guess costs a look at the
 * wrong place.
 */
export class LookAhead {
  readonly #cache: Cache;
  readonly #hashes: Int32Array = new Int32Array(LOOK_AHEAD_MAX);
  #count = 0;

  constructor(cache: Cache) {
    this.#cache = cache;
  }

  /** Takes note of the request that begins at `start`. */
  note(input: Uint8Array, start: number, end: number): void {
    if (this.#count === LOOK_AHEAD_MAX || end - start < SHORTEST_BYTES) return;
    let keyStart = start + 4;
    let keyEnd = keyStart;
    if (input[start] === REQUEST_MAGIC) {
      keyStart = start + BINARY_HEADER_BYTES + input[start + BINARY_EXTRA_BYTES_AT]!;
      keyEnd = keyStart + input[start + BINARY_KEY_BYTES_AT + 1]!;
      if (keyEnd > end) return;
    } else {
      // `get k`, `set k` and `add k`, or `mg k` and `ms k`; others are rare.
      if (input[start + 3] !== SPACE) {
        if (input[start + 2] !== SPACE) return;
        keyStart--;
      }
      const limit = Math.min(end, keyStart + KEY_BYTES_MAX);
      keyEnd = keyStart;
      while (keyEnd < limit && input[keyEnd]! > SPACE) keyEnd++;
    }
    this.#hashes[this.#count++] = this.#cache.hash(input, keyStart, keyEnd);
  }

  /** Has memory fetched for all that was noted. To be called before the first of them is executed. */
  prepare(): void {
    if (this.#count === 0) return;
    this.#cache.touchAll(this.#hashes, this.#count);
    this.#count = 0;
  }
}

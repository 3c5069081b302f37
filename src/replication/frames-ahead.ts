/**
 * Has memory fetched for the frames that have come, before the first of them is applied: each is about a key of its own, which lies anywhere, and
 * the processor can wait for all of them at once (see `Cache.touchAll`). Nothing that is seen here is believed: frames have not been
 * checked yet, and a wrong one costs a look at the wrong place.
 */
import { FRAME, HEADER_BYTES, SET_FIXED_BYTES, setFixedBytes } from './frames.ts';
import type { LinkCache } from './store-port.ts';

/** Frames looked at together: as many as the store takes at once. */
const FRAMES_MAX = 64;
/** A single frame gains nothing. */
const FRAMES_MIN = 4;

export class FramesAhead {
  readonly #cache: LinkCache;
  readonly #hashes: Int32Array = new Int32Array(FRAMES_MAX);
  /** Up to where frames have been looked at. */
  #seenUpTo = 0;

  constructor(cache: LinkCache) {
    this.#cache = cache;
  }

  /** Other bytes have come. */
  begin(): void {
    this.#seenUpTo = 0;
  }

  /** A frame begins at `at`, and [at, end) has come: looks at it and those behind it, if that has not been done. */
  look(input: Uint8Array, at: number, end: number): void {
    if (at < this.#seenUpTo) return;
    let next = at;
    let count = 0;
    let frames = 0;
    for (; frames < FRAMES_MAX && next + HEADER_BYTES + SET_FIXED_BYTES < end; frames++) {
      const body = next + HEADER_BYTES;
      const bodyBytes = input[next]! | (input[next + 1]! << 8);
      if (input[next + 2] === FRAME.set) {
        const keyStart = body + setFixedBytes(input[body + 21]!);
        const keyEnd = keyStart + input[body + 20]!;
        if (keyEnd <= end) this.#hashes[count++] = this.#cache.hash(input, keyStart, keyEnd);
      }
      next = body + bodyBytes;
    }
    this.#seenUpTo = frames === 0 ? end : next;
    if (count >= FRAMES_MIN) this.#cache.touchAll(this.#hashes, count);
  }
}

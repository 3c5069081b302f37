import { beginPlainSet, parsePlainSet, type TextRequest } from '../protocol/text/request-parser.ts';
import type { Cache } from '../store/cache.ts';

/** Sets that are looked up together: enough to hide the memory's latency, few enough to stay in the processor's first cache. */
const SET_BATCH_MAX = 32;

const LF = 10;
const CR = 13;
const SPACE = 32;
/** `set ` stands before the key. */
const KEY_AT = 4;

/**
 * Plain sets that a client has sent one behind the other, with their values, parsed before the first of them is executed.
 *
 * As for the keys of a KeyBatch, the memory of all is fetched at once, so that none waits for its own. What is executed in between (nothing but sets of this batch)
 * cannot change what the bytes mean.
 */
export class SetBatch {
  #count = 0;
  #next = 0;
  readonly #starts: Int32Array = new Int32Array(SET_BATCH_MAX);
  readonly #keyEnds: Int32Array = new Int32Array(SET_BATCH_MAX);
  readonly #flags: Int32Array = new Int32Array(SET_BATCH_MAX);
  readonly #exptimes: Int32Array = new Int32Array(SET_BATCH_MAX);
  readonly #valueBytes: Int32Array = new Int32Array(SET_BATCH_MAX);
  readonly #dataStarts: Int32Array = new Int32Array(SET_BATCH_MAX);
  readonly #hashes: Int32Array = new Int32Array(SET_BATCH_MAX);
  /** Of the key of the set that was taken last. */
  hash = 0;

  /** Forgets what it has, before other bytes come. */
  clear(): void {
    this.#count = 0;
    this.#next = 0;
  }

  /**
   * Takes the set that begins at `at`, if it is a plain one; its value may not have come yet.
   *
   * @param request where it is parsed to
   * @param more so many sets behind it are executed at most before other bytes come
   * @returns where its value begins, or -1
   */
  take(cache: Cache, input: Uint8Array, at: number, end: number, request: TextRequest, more: number): number {
    const i = this.#next;
    if (i < this.#count && this.#starts[i] === at) {
      this.#next = i + 1;
      const dataStart = this.#dataStarts[i]!;
      beginPlainSet(
        request,
        at + KEY_AT,
        this.#keyEnds[i]!,
        this.#flags[i]!,
        this.#exptimes[i]!,
        this.#valueBytes[i]!,
        dataStart - 2,
      );
      this.hash = this.#hashes[i]!;
      return dataStart;
    }
    const dataStart = parsePlainSet(input, at, end, request);
    if (dataStart < 0) return -1;
    const { keyStart, keyEnd, flags, exptime, valueBytes } = request;
    this.hash = cache.hash(input, keyStart, keyEnd);
    this.#collect(cache, input, dataStart + valueBytes + 2, end, request, Math.min(more, SET_BATCH_MAX - 1));
    // Those behind it were parsed to the same record.
    beginPlainSet(request, keyStart, keyEnd, flags, exptime, valueBytes, dataStart - 2);
    return dataStart;
  }

  /** Takes note of the sets that follow, and has memory fetched for them and the one in hand. */
  #collect(
    cache: Cache,
    input: Uint8Array,
    from: number,
    end: number,
    request: TextRequest,
    most: number,
  ): void {
    let count = 0;
    let at = from;
    while (count < most && at + KEY_AT < end && isSet(input, at)) {
      const dataStart = parseWhole(input, at, end, request);
      if (dataStart < 0) break;
      this.#starts[count] = at;
      this.#keyEnds[count] = request.keyEnd;
      this.#flags[count] = request.flags;
      this.#exptimes[count] = request.exptime;
      this.#valueBytes[count] = request.valueBytes;
      this.#dataStarts[count] = dataStart;
      this.#hashes[count] = cache.hash(input, request.keyStart, request.keyEnd);
      count++;
      at = dataStart + request.valueBytes + 2;
    }
    this.#count = count;
    this.#next = 0;
    if (count === 0) return;
    this.#hashes[count] = this.hash;
    cache.touchAll(this.#hashes, count + 1);
  }
}

/** Parses a plain set whose value is all there. @returns where the value begins, or -1 */
function parseWhole(input: Uint8Array, at: number, end: number, request: TextRequest): number {
  const dataStart = parsePlainSet(input, at, end, request);
  if (dataStart < 0) return -1;
  const dataEnd = dataStart + request.valueBytes;
  return dataEnd + 2 <= end && input[dataEnd] === CR && input[dataEnd + 1] === LF ? dataStart : -1;
}

/** `set ` */
export function isSet(input: Uint8Array, at: number): boolean {
  return input[at] === 115 && input[at + 3] === SPACE && input[at + 1] === 101 && input[at + 2] === 116;
}

import { KEY_BYTES_MAX } from '../base/limits.ts';
import { UINT64_DIGITS_MAX, writeUint64 } from '../base/uint64.ts';
import { type Cache, RESULT, type Result, STORE_MODE } from '../store/cache.ts';

/** What the last `arithmeticOrCreate` that stored something left; overwritten by the next call. */
export const arithmeticOutcome: {
  /** The number that the item has now, as two unsigned 32-bit halves. */
  numberHigh: number;
  numberLow: number;
  /** The item was not there and has been made with the initial number. */
  created: boolean;
} = { numberHigh: 0, numberLow: 0, created: false };

/**
 * Rounds of "change it; not there, so add it; there meanwhile, so change it". A second one is needed only when another client makes the item
 * between our two steps, a third when it also vanishes again; a client that loses so many races is told that nothing was stored.
 */
const ROUNDS_MAX = 8;

/** The key and the initial number behind it: the store takes both from one array. */
const scratch = new Uint8Array(KEY_BYTES_MAX + UINT64_DIGITS_MAX);

/**
 * incr or decr that makes a missing item with an initial number: of the binary protocol's 0x05 and 0x06, and of `ma` with N.
 * Each of the two steps is atomic, and the second stores only if there is still nothing, so no increment is ever lost.
 *
 * @param deltaHigh upper 32 bits of the delta, unsigned; `deltaLow` the lower; likewise the initial number
 * @param casVersion 0: any; what is made new is not compared
 * @param exptime of a new item, unix seconds, 0 never
 * @returns stored (then see `arithmeticOutcome` and `cache.lastVersion`), exists, nonNumeric, noMemory, or notStored
 * after too many races
 */
export function arithmeticOrCreate(
  cache: Cache,
  input: Uint8Array,
  keyStart: number,
  keyEnd: number,
  hash: number,
  increment: boolean,
  deltaHigh: number,
  deltaLow: number,
  casVersion: number,
  initialHigh: number,
  initialLow: number,
  exptime: number,
): Result {
  const keyBytes = keyEnd - keyStart;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const changed = cache.arithmetic(
      input,
      keyStart,
      keyEnd,
      hash,
      increment,
      deltaHigh,
      deltaLow,
      casVersion,
    );
    if (changed !== RESULT.notFound) {
      arithmeticOutcome.numberHigh = cache.numberHigh;
      arithmeticOutcome.numberLow = cache.numberLow;
      arithmeticOutcome.created = false;
      return changed;
    }
    for (let i = 0; i < keyBytes; i++) scratch[i] = input[keyStart + i]!;
    const end = writeUint64(scratch, keyBytes, initialHigh, initialLow);
    const added = cache.store(STORE_MODE.add, scratch, 0, keyBytes, hash, 0, exptime, 0, keyBytes, end);
    if (added !== RESULT.noMemory) cache.discountSet(keyBytes, end - keyBytes);
    if (added !== RESULT.notStored) {
      arithmeticOutcome.numberHigh = initialHigh;
      arithmeticOutcome.numberLow = initialLow;
      arithmeticOutcome.created = true;
      return added;
    }
  }
  return RESULT.notStored;
}

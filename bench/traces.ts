import type { Random } from '../src/base/random.ts';

/** A made-up row of accesses to keys, the same from the same randomness. */
export interface Trace {
  readonly name: string;
  readonly accesses: number;
  /** Makes the row anew: a function that returns one key's number after the other. */
  readonly start: (random: Random) => () => number;
}

const ACCESSES = 1_500_000;

/** Keys of the popular part. With values of a few hundred bytes a sixth of them fits into 64 MB. */
const POPULAR_KEYS = 1_000_000;
const SKEW = 0.9;

/** A scan reads so many keys that nobody wants again, once every SCAN_DISTANCE accesses. */
const SCAN_KEYS = 50_000;
const SCAN_DISTANCE = 150_000;

/** Somewhat more than fits. */
const LOOP_KEYS = 220_000;

/** What caches are judged by: skewed popularity, the same disturbed by scans, and going round in a circle that is too large. */
export const TRACES: readonly Trace[] = [
  { name: 'hit-ratio-zipf', accesses: ACCESSES, start: (random) => zipf(POPULAR_KEYS, SKEW, random) },
  { name: 'hit-ratio-zipf-scan', accesses: ACCESSES, start: zipfWithScans },
  { name: 'hit-ratio-loop', accesses: ACCESSES, start: loop },
];

/**
 * Keys by Zipf's law: the k-th most popular is asked for in proportion to 1 / k^skew. By a search in the cumulated shares.
 *
 * The popular keys are spread over all numbers, so that nothing depends on their order.
 */
function zipf(keys: number, skew: number, random: Random): () => number {
  const cumulated = new Float64Array(keys);
  let sum = 0;
  for (let i = 0; i < keys; i++) {
    sum += 1 / (i + 1) ** skew;
    cumulated[i] = sum;
  }
  return () => {
    const wanted = (random.below(2 ** 32) / 2 ** 32) * sum;
    let low = 0;
    let high = keys - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (cumulated[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return Number((BigInt(low) * 7_368_787n) % BigInt(keys));
  };
}

function zipfWithScans(random: Random): () => number {
  const popular = zipf(POPULAR_KEYS, SKEW, random);
  let nextScanned = POPULAR_KEYS;
  let accesses = 0;
  return () => {
    const place = accesses++ % (SCAN_DISTANCE + SCAN_KEYS);
    return place < SCAN_DISTANCE ? popular() : nextScanned++;
  };
}

function loop(): () => number {
  let accesses = 0;
  return () => accesses++ % LOOP_KEYS;
}

const VALUE_BYTES_MIN = 100;
const VALUE_BYTES_SPREAD = 400;

/** Length of a key's value: always the same for one key, so that every cache sees the same items. */
export function valueBytesOf(key: number): number {
  return VALUE_BYTES_MIN + ((Math.imul(key, 0x9e3779b1) >>> 8) % VALUE_BYTES_SPREAD);
}

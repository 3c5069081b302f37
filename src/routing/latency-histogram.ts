/** Each power of two has so many buckets of one width, so that a bucket is an eighth of its value wide at most. */
const SUB_BUCKETS = 8;
const SUB_BITS = 3;
/** Up to 2^31 us, more than any timeout. */
const POWERS = 29;
const MICROS_MAX: number = 2 ** 31 - 1;

/**
 * How long answers took, in microseconds, in buckets that grow with the value: log-linear, as HdrHistogram (Gil Tene) has them. Counting allocates
 * nothing.
 */
export class LatencyHistogram {
  /** By bucket; see `bucketOf`. */
  readonly counts: Uint32Array = new Uint32Array(SUB_BUCKETS * (POWERS + 1));
  total = 0;

  /** @param micros a whole number from 0 to 2^31 - 1 */
  count(micros: number): void {
    this.counts[bucketOf(micros)]!++;
    this.total++;
  }

  /** @param ms of a clock that may count fractions; what is longer than can be counted counts as the longest */
  countMs(ms: number): void {
    this.count(ms > 0 ? Math.min(MICROS_MAX, Math.round(ms * 1000)) : 0);
  }

  /** What is not empty, as `BOUND:COUNT` with the largest value of each bucket, in rising order; what two readings differ by can be computed. */
  get text(): string {
    const parts: string[] = [];
    for (let bucket = 0; bucket < this.counts.length; bucket++) {
      const count = this.counts[bucket]!;
      if (count > 0) parts.push(`${boundOf(bucket)}:${count}`);
    }
    return parts.join(',');
  }

  /** The upper bound of the bucket below which this share of all answers stayed; 0 when there were none. */
  percentileMicros(share: number): number {
    const buckets: (readonly [bound: number, count: number])[] = [];
    for (let bucket = 0; bucket < this.counts.length; bucket++) {
      const count = this.counts[bucket]!;
      if (count > 0) buckets.push([boundOf(bucket), count]);
    }
    return latencyPercentile(buckets, share);
  }
}

/**
 * The upper bound of the bucket below which a share of all answers stayed; 0 when there were none.
 *
 * @param buckets largest value and count of each, in rising order
 * @param share from 0 to 1
 */
export function latencyPercentile(
  buckets: readonly (readonly [bound: number, count: number])[],
  share: number,
): number {
  const total = buckets.reduce((sum, [, count]) => sum + count, 0);
  let left = Math.max(1, Math.ceil(total * share));
  for (const [bound, count] of buckets) {
    left -= count;
    if (left <= 0) return bound;
  }
  return buckets.at(-1)?.[0] ?? 0;
}

/** Below SUB_BUCKETS each value has a bucket of its own; beyond, the highest bit and the three behind it choose. */
function bucketOf(micros: number): number {
  if (micros < SUB_BUCKETS) return micros;
  const power = 31 - Math.clz32(micros);
  return (power - SUB_BITS + 1) * SUB_BUCKETS + ((micros >>> (power - SUB_BITS)) & (SUB_BUCKETS - 1));
}

/** The largest value of a bucket. */
function boundOf(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket;
  const power = Math.floor(bucket / SUB_BUCKETS) + SUB_BITS - 1;
  const step = 2 ** (power - SUB_BITS);
  return 2 ** power + ((bucket % SUB_BUCKETS) + 1) * step - 1;
}

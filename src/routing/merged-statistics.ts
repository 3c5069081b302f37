import { latencyPercentile } from './latency-histogram.ts';

/** States of a server's connection, the worst first: of several threads' that is told. */
const STATES = ['refused', 'down', 'filling', 'probing', 'connecting', 'idle', 'up'] as const;

const STAT_LINE = /^STAT (\S+) (.*)$/;
/** magent's own line of a server. */
const MATRIX_LINE = /^(matrix .*, pool size )(\d+)$/;
const LATENCY_NAME = /^(.*_?latency)_(p50|p99|max)_us$/;
const BUCKETS_NAME = /latency_buckets_us$/;
const SERVER_BUCKETS_NAME = /^server_\d+_latency_buckets_us$/;

const MISSING_NAME = 'threads_missing';

/** Told alike by each thread, or by all together. */
const COMMON_NAME = /^(?:config_|near_cache_|coalesce_)|_name$/;
/** What the worst thread has is told: each ejects for itself. */
const LARGEST_NAME = /_(?:flaps|dial_in_ms|twins|ejected)$|^pools_failing_open$/;

/** What the other threads have said to `stats`, and how many have said nothing in time. */
export interface OtherStatistics {
  readonly texts: readonly string[];
  readonly missing: number;
}

/**
 * Puts the statistics of several threads together: what is counted is added up, latencies are those of all requests, and of a server's states the worst is
 * told.
 *
 * @param texts the answers to one `stats`, of the thread that answers first, with the latency buckets of servers
 * @param missing threads that are not among them: nobody shall take what some say for what all do
 * @returns the same of all threads, without the buckets of servers
 */
export function mergedStatistics(texts: readonly string[], missing: number = 0): string {
  const values: Map<string, string[]> = new Map();
  const order: string[] = [];
  for (const text of texts) {
    let at = 0;
    for (const line of text.split('\r\n')) {
      if (line === '') continue;
      const [key, value] = keyAndValue(line);
      const known = values.get(key);
      if (known === undefined) {
        values.set(key, [value]);
        // Where that thread tells it: behind the line that stood before it.
        order.splice(at, 0, key);
        at++;
      } else {
        known.push(value);
        // Threads tell nearly the same; to search each line would take seconds with thousands of servers.
        at = order[at] === key ? at + 1 : order.indexOf(key) + 1;
      }
    }
  }
  if (missing > 0) {
    values.set(MISSING_NAME, [String(missing)]);
    order.splice(order.at(-1) === 'END' ? -1 : order.length, 0, MISSING_NAME);
  }
  return order
    .filter((key) => !SERVER_BUCKETS_NAME.test(key))
    .map((key) => `${lineOf(key, merged(key, values))}\r\n`)
    .join('');
}

/** `STAT name` counts by its name, a matrix line by all but its number, and any other line for itself. */
function keyAndValue(line: string): readonly [key: string, value: string] {
  const stat = STAT_LINE.exec(line);
  if (stat !== null) return [stat[1] ?? '', stat[2] ?? ''];
  const matrix = MATRIX_LINE.exec(line);
  return matrix === null ? [line, ''] : [matrix[1] ?? '', matrix[2] ?? ''];
}

function lineOf(key: string, value: string): string {
  if (value === '') return key;
  return key.startsWith('matrix ') ? key + value : `STAT ${key} ${value}`;
}

function merged(key: string, values: ReadonlyMap<string, readonly string[]>): string {
  const own = values.get(key) ?? [];
  const [first = ''] = own;
  if (COMMON_NAME.test(key)) return first;
  if (key.endsWith('_state')) return STATES.find((state) => own.includes(state)) ?? first;
  if (BUCKETS_NAME.test(key)) return textOf(addedUp(own)) || '-';
  const latency = LATENCY_NAME.exec(key);
  if (latency !== null) {
    const buckets = addedUp(values.get(`${latency[1]}_buckets_us`) ?? []);
    return String(latencyPercentile([...buckets], SHARES[latency[2] ?? ''] ?? 1));
  }
  const numbers = own.map(Number);
  if (!numbers.every(Number.isFinite) || first === '') return first;
  return String(LARGEST_NAME.test(key) ? Math.max(...numbers) : numbers.reduce((sum, one) => sum + one, 0));
}

const SHARES: Readonly<Record<string, number>> = { p50: 0.5, p99: 0.99, max: 1 };

/** Buckets as LatencyHistogram writes them, with rising bounds. */
function addedUp(texts: readonly string[]): Map<number, number> {
  const sums: Map<number, number> = new Map();
  for (const text of texts)
    for (const [, bound, count] of text.matchAll(/(\d+):(\d+)/g))
      sums.set(Number(bound), (sums.get(Number(bound)) ?? 0) + Number(count));
  return new Map([...sums].sort(([one], [other]) => one - other));
}

function textOf(buckets: ReadonlyMap<number, number>): string {
  return [...buckets].map(([bound, count]) => `${bound}:${count}`).join(',');
}

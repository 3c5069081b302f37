import type { NodeStats } from '../checks/cluster-status.ts';

/** One reading of a node's statistics, with what the next one needs to compute rates. */
export interface StatsReading {
  readonly stats: NodeStats;
  readonly atMs: number;
  readonly counts: NodeCounts;
  /** The node's own process id: counters of another process cannot be subtracted. */
  readonly pid: string;
}

/** What rates are made of. */
interface NodeCounts {
  readonly requests: number;
  readonly gets: number;
  readonly sets: number;
  readonly hits: number;
  readonly evictions: number;
}

/**
 * Makes the node's picture out of its STAT lines.
 *
 * @param lines by name
 * @param nowMs monotonic
 * @param before the reading before, for the rate; null when there is none
 */
export function readStats(
  lines: ReadonlyMap<string, string>,
  nowMs: number,
  before: StatsReading | null,
): StatsReading {
  const count = (name: string): number => {
    const value = Number(lines.get(name) ?? 0);
    return Number.isFinite(value) ? value : 0;
  };
  const gets = count('cmd_get');
  const sets = count('cmd_set');
  const requests =
    gets +
    sets +
    count('cmd_touch') +
    count('delete_hits') +
    count('delete_misses') +
    count('incr_hits') +
    count('incr_misses') +
    count('decr_hits') +
    count('decr_misses');
  const pid = lines.get('pid') ?? '';
  const counts = { requests, gets, sets, hits: count('get_hits'), evictions: count('evictions') };
  const rate = (name: keyof NodeCounts): number | null => {
    const comparable =
      before !== null &&
      before.pid === pid &&
      nowMs > before.atMs &&
      counts.requests >= before.counts.requests;
    if (!comparable || counts[name] < before.counts[name]) return null;
    return ((counts[name] - before.counts[name]) * 1000) / (nowMs - before.atMs);
  };
  const replication: Record<string, string> = {};
  for (const [name, value] of lines) if (/^(repl|repcached)/.test(name)) replication[name] = value;
  return {
    atMs: nowMs,
    counts,
    pid,
    stats: {
      version: lines.get('version') ?? '',
      currItems: count('curr_items'),
      totalItems: count('total_items'),
      bytes: count('bytes'),
      limitMaxbytes: count('limit_maxbytes'),
      currConnections: count('curr_connections'),
      maxConnections: count('max_connections'),
      getHits: counts.hits,
      getMisses: count('get_misses'),
      evictions: counts.evictions,
      getsPerSecond: rate('gets'),
      setsPerSecond: rate('sets'),
      hitsPerSecond: rate('hits'),
      evictionsPerSecond: rate('evictions'),
      requestsPerSecond: rate('requests'),
      replication,
    },
  };
}

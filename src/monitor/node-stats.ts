import type { NodeStats } from '../checks/cluster-status.ts';

/** One reading of a node's statistics, with what the next one needs to compute rates. */
export interface StatsReading {
  readonly stats: NodeStats;
  readonly atMs: number;
  readonly requests: number;
  /** The node's own process id: counters of another process cannot be subtracted. */
  readonly pid: string;
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
  const requests =
    count('cmd_get') +
    count('cmd_set') +
    count('cmd_touch') +
    count('delete_hits') +
    count('delete_misses') +
    count('incr_hits') +
    count('incr_misses') +
    count('decr_hits') +
    count('decr_misses');
  const pid = lines.get('pid') ?? '';
  const comparable =
    before !== null && before.pid === pid && nowMs > before.atMs && requests >= before.requests;
  const replication: Record<string, string> = {};
  for (const [name, value] of lines) if (/^(repl|repcached)/.test(name)) replication[name] = value;
  return {
    atMs: nowMs,
    requests,
    pid,
    stats: {
      version: lines.get('version') ?? '',
      currItems: count('curr_items'),
      bytes: count('bytes'),
      limitMaxbytes: count('limit_maxbytes'),
      currConnections: count('curr_connections'),
      getHits: count('get_hits'),
      getMisses: count('get_misses'),
      evictions: count('evictions'),
      requestsPerSecond: comparable ? ((requests - before.requests) * 1000) / (nowMs - before.atMs) : null,
      replication,
    },
  };
}

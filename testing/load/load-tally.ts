import type { Dialect, Operation, Reply } from './operations.ts';

/** Names of `stats` that a client can count from its requests and their replies. */
// biome-ignore format: one name a line says no more
export const TALLIED = [
  'cmd_get', 'get_hits', 'get_misses', 'cmd_set', 'cmd_touch',
  'touch_hits', 'touch_misses', 'delete_hits', 'delete_misses',
  'incr_hits', 'incr_misses', 'decr_hits', 'decr_misses', 'cas_hits',
  'cas_misses', 'cas_badval', 'store_no_memory',
] as const;

export type TallyName = (typeof TALLIED)[number];
export type Tally = Record<TallyName, number>;

export function emptyTally(): Tally {
  return {
    ...{ cmd_get: 0, get_hits: 0, get_misses: 0, cmd_set: 0, cmd_touch: 0, touch_hits: 0, touch_misses: 0 },
    ...{ delete_hits: 0, delete_misses: 0, incr_hits: 0, incr_misses: 0, decr_hits: 0 },
    ...{ decr_misses: 0, cas_hits: 0, cas_misses: 0, cas_badval: 0, store_no_memory: 0 },
  };
}

/** Counts a request and its reply as the server's statistics should. */
export function tally(counts: Tally, dialect: Dialect, operation: Operation, reply: Reply): void {
  const isMeta = dialect.name === 'meta';
  const isDone = reply.outcome === 'done';
  switch (operation.kind) {
    case 'get': {
      const hits = reply.values.length;
      counts.cmd_get += operation.keys.length;
      counts.get_hits += hits;
      counts.get_misses += operation.keys.length - hits;
      break;
    }
    case 'gets':
      counts.cmd_get++;
      counts[isDone ? 'get_hits' : 'get_misses']++;
      break;
    case 'gat':
    case 'touch':
      if (isMeta && !isDone) {
        // memcached, too, takes a meta get that would have touched something for a get.
        counts.cmd_get++;
        counts.get_misses++;
        break;
      }
      counts.cmd_touch++;
      counts[isDone ? 'touch_hits' : 'touch_misses']++;
      break;
    case 'delete':
      counts[isDone ? 'delete_hits' : 'delete_misses']++;
      break;
    case 'incr':
    case 'decr':
      counts[`${operation.kind}_${isDone ? 'hits' : 'misses'}`]++;
      break;
    default:
      counts[reply.outcome === 'noMemory' ? 'store_no_memory' : 'cmd_set']++;
      if (operation.kind !== 'cas') return;
      if (isDone) counts.cas_hits++;
      else if (reply.outcome === 'exists') counts.cas_badval++;
      else if (reply.outcome === 'notFound') counts.cas_misses++;
  }
}

export function addTally(sum: Tally, other: Tally): void {
  for (const name of TALLIED) sum[name] += other[name];
}

/** The statistics of a memcached by the names of Prometheus' memcached_exporter, so that its dashboards and alerts work. */
import type { MetricType, PrometheusText } from './prometheus-text.ts';

type Statistics = ReadonlyMap<string, string>;

/** What a server has said, by command. */
export interface NodeStatistics {
  readonly general: Statistics;
  readonly settings: Statistics;
  /** `stats items` and `stats slabs`: `items:1:number`, `1:chunk_size`. */
  readonly items: Statistics;
  readonly slabs: Statistics;
  readonly replication: Statistics;
}

/** Metric without its prefix, type, statistic, what it is. */
type Row = readonly [name: string, type: MetricType, statistic: string, help: string];

const GENERAL: readonly Row[] = [
  ['uptime_seconds', 'counter', 'uptime', 'Seconds since the server started'],
  ['time_seconds', 'gauge', 'time', 'The wall clock of the server'],
  ['process_user_cpu_seconds_total', 'counter', 'rusage_user', 'Processor time in user mode'],
  ['process_system_cpu_seconds_total', 'counter', 'rusage_system', 'Processor time in the system'],
  ['read_bytes_total', 'counter', 'bytes_read', 'Bytes received'],
  ['written_bytes_total', 'counter', 'bytes_written', 'Bytes sent'],
  ['current_connections', 'gauge', 'curr_connections', 'Open connections'],
  ['connections_total', 'counter', 'total_connections', 'Connections since the start'],
  ['connections_rejected_total', 'counter', 'rejected_connections', 'Connections refused for want of places'],
  ['connections_yielded_total', 'counter', 'conn_yields', 'Times that a connection gave way to others'],
  [
    'connections_listener_disabled_total',
    'counter',
    'listen_disabled_num',
    'Times that no connection was accepted for want of places',
  ],
  ['accepting_connections', 'gauge', 'accepting_conns', 'Whether connections are accepted'],
  ['current_bytes', 'gauge', 'bytes', 'Bytes of items'],
  ['limit_bytes', 'gauge', 'limit_maxbytes', 'Bytes that items may have'],
  ['malloced_bytes', 'gauge', 'total_malloced', 'Bytes of pages taken from the system'],
  ['current_items', 'gauge', 'curr_items', 'Items'],
  ['items_total', 'counter', 'total_items', 'Items stored since the start'],
  ['items_evicted_total', 'counter', 'evictions', 'Items that made room for others'],
  ['items_reclaimed_total', 'counter', 'reclaimed', 'Places of expired items that were taken'],
  ['item_too_large_total', 'counter', 'store_too_large', 'Stores refused for their size'],
  ['item_no_memory_total', 'counter', 'store_no_memory', 'Stores refused for want of memory'],
  ['direct_reclaims_total', 'counter', 'direct_reclaims', 'Times that a store had to make room itself'],
  ['lru_crawler_starts_total', 'counter', 'lru_crawler_starts', 'Passes of the crawler'],
  [
    'lru_crawler_items_checked_total',
    'counter',
    'crawler_items_checked',
    'Items that the crawler has looked at',
  ],
  ['lru_crawler_reclaimed_total', 'counter', 'crawler_reclaimed', 'Expired items that the crawler has found'],
  ['lru_crawler_moves_to_cold_total', 'counter', 'moves_to_cold', 'Items moved to the cold queue'],
  ['lru_crawler_moves_to_warm_total', 'counter', 'moves_to_warm', 'Items moved to the warm queue'],
  [
    'lru_crawler_moves_within_lru_total',
    'counter',
    'moves_within_lru',
    'Items moved to the head of their queue',
  ],
];

const SETTINGS: readonly Row[] = [['max_connections', 'gauge', 'maxconns', 'Most connections at a time']];

/** Only where there is a crawler. */
const CRAWLER_SETTINGS: readonly Row[] = [
  ['lru_crawler_sleep', 'gauge', 'lru_crawler_sleep', 'Microseconds between two items'],
  ['lru_crawler_to_crawl', 'gauge', 'lru_crawler_tocrawl', 'Most items of a class in a pass'],
  ['lru_crawler_hot_percent', 'gauge', 'hot_lru_pct', 'Share of the hot queue'],
  ['lru_crawler_warm_percent', 'gauge', 'warm_lru_pct', 'Share of the warm queue'],
  ['lru_crawler_hot_max_factor', 'gauge', 'hot_max_factor', 'Age of the hot queue against the cold one'],
  ['lru_crawler_warm_max_factor', 'gauge', 'warm_max_factor', 'Age of the warm queue against the cold one'],
];

const SLABS: readonly Row[] = [
  ['slab_chunk_size_bytes', 'gauge', 'chunk_size', 'Bytes of a chunk'],
  ['slab_chunks_per_page', 'gauge', 'chunks_per_page', 'Chunks of a page'],
  ['slab_current_pages', 'gauge', 'total_pages', 'Pages'],
  ['slab_current_chunks', 'gauge', 'total_chunks', 'Chunks'],
  ['slab_chunks_used', 'gauge', 'used_chunks', 'Chunks with an item'],
  ['slab_chunks_free', 'gauge', 'free_chunks', 'Chunks without one'],
  ['slab_chunks_free_end', 'gauge', 'free_chunks_end', 'Chunks at the end of the last page'],
  ['slab_mem_requested_bytes', 'gauge', 'mem_requested', 'Bytes that items need'],
];

const ITEMS: readonly Row[] = [
  ['slab_current_items', 'gauge', 'number', 'Items of the class'],
  ['slab_items_age_seconds', 'gauge', 'age', 'Age of the oldest item'],
  ['slab_hot_items', 'gauge', 'number_hot', 'Items of the hot queue'],
  ['slab_warm_items', 'gauge', 'number_warm', 'Items of the warm queue'],
  ['slab_cold_items', 'gauge', 'number_cold', 'Items of the cold queue'],
  ['slab_temporary_items', 'gauge', 'number_temp', 'Items of the temporary queue'],
  ['slab_hot_age_seconds', 'gauge', 'age_hot', 'Age of the oldest hot item'],
  ['slab_warm_age_seconds', 'gauge', 'age_warm', 'Age of the oldest warm item'],
  ['slab_items_evicted_total', 'counter', 'evicted', 'Items that made room for others'],
  ['slab_items_evicted_nonzero_total', 'counter', 'evicted_nonzero', 'Of those, with an expiry time'],
  ['slab_items_evicted_time_seconds', 'counter', 'evicted_time', 'Seconds since the last eviction was read'],
  [
    'slab_items_evicted_unfetched_total',
    'counter',
    'evicted_unfetched',
    'Evicted items that nobody had read',
  ],
  [
    'slab_items_expired_unfetched_total',
    'counter',
    'expired_unfetched',
    'Expired items that nobody had read',
  ],
  ['slab_items_outofmemory_total', 'counter', 'outofmemory', 'Stores refused for want of memory'],
  ['slab_items_reclaimed_total', 'counter', 'reclaimed', 'Places of expired items that were taken'],
  ['slab_items_tailrepairs_total', 'counter', 'tailrepairs', 'Repairs of the queue'],
  [
    'slab_items_crawler_reclaimed_total',
    'counter',
    'crawler_reclaimed',
    'Expired items that the crawler has found',
  ],
  ['slab_items_moves_to_cold', 'counter', 'moves_to_cold', 'Items moved to the cold queue'],
  ['slab_items_moves_to_warm', 'counter', 'moves_to_warm', 'Items moved to the warm queue'],
  ['slab_items_moves_within_lru', 'counter', 'moves_within_lru', 'Items moved to the head of their queue'],
];

const LRU_HITS = [
  ['hot', 'hits_to_hot'],
  ['warm', 'hits_to_warm'],
  ['cold', 'hits_to_cold'],
  ['temporary', 'hits_to_temp'],
] as const;

/** Commands with their statistics of hits and misses. */
const COMMANDS = [
  ['get', 'get_hits', 'get_misses'],
  ['delete', 'delete_hits', 'delete_misses'],
  ['incr', 'incr_hits', 'incr_misses'],
  ['decr', 'decr_hits', 'decr_misses'],
  ['cas', 'cas_hits', 'cas_misses'],
  ['touch', 'touch_hits', 'touch_misses'],
] as const;

/** Ours, of each node, from `stats replication`. */
const REPLICATION: readonly Row[] = [
  ['in_sync', 'gauge', 'replication_in_sync', 'Whether the node has what its twins have'],
  ['peers', 'gauge', 'replication_peers', 'Twins that are linked'],
  ['links_made_total', 'counter', 'replication_links_made', 'Links to twins since the start'],
  ['links_lost_total', 'counter', 'replication_links_lost', 'Links to twins that have ended'],
  ['links_stuck_total', 'counter', 'replication_links_stuck', 'Of those, links to twins that took nothing'],
  [
    'refused_surplus_total',
    'counter',
    'replication_refused_surplus',
    'Links refused because there are as many twins as can be',
  ],
  ['surplus', 'gauge', 'replication_surplus', 'Whether the node is one twin too many'],
  [
    'missing_seconds',
    'gauge',
    'replication_missing_ms',
    'Since when a twin that fell silent has been missing',
  ],
  ['changes_sent_total', 'counter', 'replication_changes_sent', 'Changes sent to twins'],
  ['changes_received_total', 'counter', 'replication_changes_received', 'Changes that came from twins'],
  [
    'conflicts_total',
    'counter',
    'replication_conflicts',
    'Changes of twins that were older than what is here',
  ],
  ['full_syncs_total', 'counter', 'replication_full_syncs', 'Full copies sent'],
  ['partial_syncs_total', 'counter', 'replication_partial_syncs', 'Links taken up where the last one broke'],
  [
    'overruns_total',
    'counter',
    'replication_overruns',
    'Times that more was changed than is kept for a twin',
  ],
  ['versions_ahead_total', 'counter', 'replication_versions_ahead', 'Versions given ahead of the clock'],
  [
    'versions_refused_total',
    'counter',
    'replication_versions_refused',
    'Versions of twins more than a day ahead',
  ],
  [
    'touches_unordered_total',
    'counter',
    'replication_touches_unordered',
    'Touches of which it is not known whether those of twins were later',
  ],
  ['acks_waited_total', 'counter', 'replication_acks_waited', 'Times that replies waited for twins'],
  ['acks_degraded_total', 'counter', 'replication_acks_degraded', 'Writes answered without so many acks'],
  ['acks_timeouts_total', 'counter', 'replication_acks_timeouts', 'Waits for acks that took too long'],
  ['acks_refused_total', 'counter', 'replication_acks_refused', 'Connections ended for want of acks'],
  [
    'min_replicas_refused_total',
    'counter',
    'replication_min_replicas_refused',
    'Writes refused because too few twins were in step',
  ],
  [
    'checksum_errors_total',
    'counter',
    'replication_checksum_errors',
    'Frames of twins that were damaged on their way',
  ],
];

/** And of each twin. */
const PEERS: readonly Row[] = [
  ['peer_lag_bytes', 'gauge', 'lag_bytes', 'Changes that are not sent yet'],
  ['peer_lag_changes', 'gauge', 'lag_changes', 'Changes that the twin has not acknowledged'],
  ['peer_lag_seconds', 'gauge', 'lag_ms', 'Age of the oldest change that the twin has not acknowledged'],
  ['peer_seen_seconds', 'gauge', 'seen_ms', 'Since when nothing has come from the twin'],
  ['peer_clock_offset_seconds', 'gauge', 'clock_offset_ms', 'By how much the clock of the twin is ahead'],
  ['peer_sync_percent', 'gauge', 'sync_percent', 'How far the full copy to the twin has come'],
];

/** Adds what a node has said. @param instance `HOST:PORT`; null: it did not answer, which is all there is to say */
export function addNodeMetrics(
  text: PrometheusText,
  instance: string,
  statistics: NodeStatistics | null,
): void {
  const labels = { instance };
  text.add('memcached_up', 'gauge', 'Whether the server answers', labels, statistics === null ? 0 : 1);
  if (statistics === null) return;
  const { general, settings, replication } = statistics;
  text.add(
    'memcached_version',
    'gauge',
    'Its version',
    { ...labels, version: general.get('version') ?? '' },
    1,
  );
  addRows(text, 'memcached_', GENERAL, general, labels);
  addRows(text, 'memcached_', SETTINGS, settings, labels);
  addCommands(text, 'memcached_commands_total', general, labels);
  if (settings.get('lru_crawler') === 'yes') {
    text.add('memcached_lru_crawler_enabled', 'gauge', 'Whether there is a crawler', labels, 1);
    const isMaintained = settings.get('lru_maintainer_thread') === 'yes' ? 1 : 0;
    text.add(
      'memcached_lru_crawler_maintainer_thread',
      'gauge',
      'Whether queues are balanced',
      labels,
      isMaintained,
    );
    addRows(text, 'memcached_', CRAWLER_SETTINGS, settings, labels);
  }
  addSlabs(text, statistics, labels);
  addRows(text, 'twincached_replication_', REPLICATION, replication, labels);
  addPeers(text, replication, labels);
}

function addRows(
  text: PrometheusText,
  prefix: string,
  rows: readonly Row[],
  statistics: Statistics,
  labels: Readonly<Record<string, string>>,
): void {
  for (const [name, type, statistic, help] of rows) {
    const value = numberOf(statistics, statistic);
    const scaled = statistic.endsWith('_ms') ? value / 1000 : value;
    text.add(`${prefix}${name}`, type, help, labels, scaled);
  }
}

function numberOf(statistics: Statistics, name: string): number {
  const value = statistics.get(name);
  return value === undefined || value === '' ? Number.NaN : Number(value);
}

/** Commands by their outcome. What is stored without a cas id counts as a set. */
function addCommands(
  text: PrometheusText,
  name: string,
  statistics: Statistics,
  labels: Readonly<Record<string, string>>,
  withMisses = true,
): void {
  const help = 'Commands by their outcome';
  const add = (command: string, status: string, value: number): void =>
    text.add(name, 'counter', help, { ...labels, command, status }, value);
  for (const [command, hits, misses] of COMMANDS) {
    add(command, 'hit', numberOf(statistics, hits));
    if (withMisses) add(command, 'miss', numberOf(statistics, misses));
  }
  add('cas', 'badval', numberOf(statistics, 'cas_badval'));
  if (withMisses) add('flush', 'hit', numberOf(statistics, 'cmd_flush'));
  const casMisses = withMisses ? numberOf(statistics, 'cas_misses') : 0;
  const cas = numberOf(statistics, 'cas_hits') + casMisses + numberOf(statistics, 'cas_badval');
  add('set', 'hit', numberOf(statistics, 'cmd_set') - cas);
}

function addSlabs(
  text: PrometheusText,
  { items, slabs }: NodeStatistics,
  labels: Readonly<Record<string, string>>,
): void {
  for (const [slab, of] of byClass(slabs, /^(\d+):(\w+)$/)) {
    const slabLabels = { ...labels, slab };
    addRows(text, 'memcached_', SLABS, of, slabLabels);
    addCommands(text, 'memcached_slab_commands_total', of, slabLabels, false);
  }
  for (const [slab, of] of byClass(items, /^items:(\d+):(\w+)$/)) {
    const slabLabels = { ...labels, slab };
    addRows(text, 'memcached_', ITEMS, of, slabLabels);
    for (const [lru, statistic] of LRU_HITS)
      text.add(
        'memcached_slab_lru_hits_total',
        'counter',
        'Reads by queue',
        { ...slabLabels, lru },
        numberOf(of, statistic),
      );
  }
}

/** Statistics by the class in their names. */
function byClass(statistics: Statistics, pattern: RegExp): Map<string, Map<string, string>> {
  const classes: Map<string, Map<string, string>> = new Map();
  for (const [name, value] of statistics) {
    const [, slab, statistic] = pattern.exec(name) ?? [];
    if (slab === undefined || statistic === undefined) continue;
    const of = classes.get(slab) ?? new Map<string, string>();
    of.set(statistic, value);
    classes.set(slab, of);
  }
  return classes;
}

function addPeers(
  text: PrometheusText,
  replication: Statistics,
  labels: Readonly<Record<string, string>>,
): void {
  for (const [index, of] of byClass(replication, /^replication_peer_(\d+)_(\w+)$/)) {
    const peerLabels = { ...labels, peer: of.get('address') ?? index };
    text.add(
      'twincached_replication_peer_up',
      'gauge',
      'Whether the twin is linked',
      peerLabels,
      of.get('state') === 'down' ? 0 : 1,
    );
    addRows(text, 'twincached_replication_', PEERS, of, peerLabels);
  }
}

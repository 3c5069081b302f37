import type { StatLine } from '../engine/node-context.ts';
import type { Cache } from '../store/cache.ts';
import type { NodeListenAddress, NodeOptions, TlsOptions } from './options.ts';

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no';
}

const LISTEN_PREFIX = { none: 'notls:', basic: 'btls:', mutual: 'mtls:' } as const;

/** An address as `-l` takes it. */
function listenText({ host, port, tls }: NodeListenAddress): string {
  const name = host === null ? '*' : host.includes(':') ? `[${host}]` : host;
  return `${tls === undefined ? '' : LISTEN_PREFIX[tls]}${name}${port === null ? '' : `:${port}`}`;
}

const BINDING_PROTOCOL = { auto: 'auto-negotiate', ascii: 'ascii', binary: 'binary' } as const;

/** memcached's clock begins so long before its start, so that no time of an item is 0. */
const CLOCK_START_SECONDS = 60;

/**
 * `stats settings`: memcached's names in memcached's order. Settings that have no meaning here keep memcached's default, because
 * exporters and dashboards look for them.
 *
 * @param options what the node was started with
 * @param ports the ports really bound, 0 for none
 * @param verbosity the level now
 * @param cache knows what was changed since the start
 * @param detailEnabled whether `stats detail` counts now
 * @param startedSeconds the unix second of the start
 */
export function settingsReport(
  options: NodeOptions,
  ports: { readonly tcp: number; readonly udp: number },
  verbosity: number,
  cache: Cache,
  detailEnabled: boolean,
  startedSeconds: number,
): StatLine[] {
  const { extended } = options;
  const tunables = cache.upkeep.settings;
  return [
    ['maxbytes', cache.upkeep.memoryLimit],
    ['maxconns', options.connectionsMax],
    ['tcpport', ports.tcp],
    ['udpport', ports.udp],
    ['inter', options.listen.map(listenText).join(',') || 'NULL'],
    ['verbosity', verbosity],
    ['oldest', cache.flushSecond === 0 ? 0 : cache.flushSecond - startedSeconds + CLOCK_START_SECONDS],
    ['evictions', options.evict ? 'on' : 'off'],
    ['domain_socket', options.unixPath ?? 'NULL'],
    ['umask', options.unixMode.toString(8)],
    ['shutdown_command', yesNo(options.shutdownEnabled)],
    ['growth_factor', options.growthFactor.toFixed(2)],
    ['chunk_size', options.chunkBytesMin],
    ['num_threads', options.threads],
    ['num_threads_per_udp', options.threads],
    ['stat_key_prefix', options.prefixDelimiter],
    ['detail_enabled', yesNo(detailEnabled)],
    ['reqs_per_event', options.requestsPerEventMax],
    ['cas_enabled', yesNo(options.casEnabled)],
    ['tcp_backlog', options.backlog],
    ['binding_protocol', BINDING_PROTOCOL[options.protocol]],
    ['auth_enabled_sasl', yesNo(options.saslPasswordFile !== null)],
    ['auth_enabled_ascii', options.authFile ?? 'no'],
    ['item_size_max', options.itemBytesMax],
    ['maxconns_fast', yesNo(extended.connectionsMaxFast)],
    ['hashpower_init', extended.hashPowerInitial],
    ['slab_reassign', yesNo(extended.slabReassign)],
    ['slab_automove', tunables.automove],
    ['slab_automove_ratio', tunables.automoveRatio.toFixed(2)],
    ['slab_automove_window', tunables.automoveWindowSeconds],
    ['slab_chunk_max', extended.slabChunkBytesMax],
    ['lru_crawler', yesNo(tunables.crawler)],
    ['lru_crawler_sleep', tunables.crawlerSleepMicros],
    ['lru_crawler_tocrawl', tunables.crawlerItemsMax],
    ['tail_repair_time', extended.tailRepairSeconds],
    ['flush_enabled', yesNo(options.flushEnabled)],
    ['dump_enabled', yesNo(options.dumpEnabled)],
    ['hash_algorithm', extended.hashAlgorithm],
    ['lru_maintainer_thread', yesNo(extended.lruMaintainer)],
    ['lru_segmented', yesNo(tunables.segmented)],
    ['hot_lru_pct', tunables.hotPercent],
    ['warm_lru_pct', tunables.warmPercent],
    ['hot_max_factor', tunables.hotMaxFactor.toFixed(2)],
    ['warm_max_factor', tunables.warmMaxFactor.toFixed(2)],
    ['temp_lru', yesNo(tunables.temporaryTtlSeconds >= 0)],
    ['temporary_ttl', tunables.temporaryTtlSeconds >= 0 ? tunables.temporaryTtlSeconds : 61],
    ['idle_timeout', extended.idleTimeoutSeconds],
    ['watcher_logbuf_size', extended.watcherBufferBytes],
    ['worker_logbuf_size', extended.workerBufferBytes],
    ['read_buf_mem_limit', extended.readBufferBytesMax],
    ['track_sizes', yesNo(extended.trackSizes)],
    ['inline_ascii_response', yesNo(extended.inlineAsciiResponse)],
    ...tlsSettings(options.tls),
    ['num_napi_ids', 'NULL'],
    ['memory_file', 'NULL'],
    ['client_flags_size', 4],
  ];
}

const TLS_VERSION = {
  TLSv1: 'tlsv1.0',
  'TLSv1.1': 'tlsv1.1',
  'TLSv1.2': 'tlsv1.2',
  'TLSv1.3': 'tlsv1.3',
} as const;

/** Names that a memcached without TLS does not have. */
function tlsSettings(tls: TlsOptions | null): StatLine[] {
  if (tls === null) return [];
  return [
    ['ssl_enabled', 'yes'],
    ['ssl_chain_cert', tls.chainFile],
    ['ssl_key', tls.keyFile ?? '(null)'],
    ['ssl_verify_mode', tls.verifyMode],
    ['ssl_keyformat', tls.keyFormat === 'der' ? 2 : 1],
    ['ssl_ciphers', tls.ciphers ?? 'NULL'],
    ['ssl_ca_cert', tls.authoritiesFile ?? 'NULL'],
    ['ssl_wbuf_size', tls.writeBufferBytes],
    ['ssl_session_cache', yesNo(tls.sessionCache)],
    ['ssl_kernel_tls', yesNo(tls.kernelTls)],
    ['ssl_min_version', TLS_VERSION[tls.versionMin]],
  ];
}

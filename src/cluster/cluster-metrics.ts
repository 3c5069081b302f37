import type { AlertCounts, ClusterStatus, ServiceStatus } from '../checks/cluster-status.ts';
import { SERVICE_STATES } from '../checks/service-machine.ts';
import { openServer, type ServerAccess } from '../net/server-door.ts';
import { addressParts } from '../net/server-exchange.ts';
import { addNodeMetrics, type NodeStatistics } from '../telemetry/memcached-metrics.ts';
import { PrometheusText } from '../telemetry/prometheus-text.ts';
import { scrapeNode } from '../telemetry/stats-scrape.ts';
import { addProxyMetrics } from './proxy-metrics.ts';

/** For the answer of one node. */
const SCRAPE_MS_MAX = 2000;
/** For all of them; a scrape of Prometheus waits for ten seconds. */
const SCRAPES_MS_MAX = 8000;
/** Nodes that are asked at a time. */
export const SCRAPES_AT_A_TIME = 16;
/** When there is more than this no further node is asked. */
export const METRICS_LENGTH_MAX: number = 16 * 1024 * 1024;

/**
 * What Prometheus is told of a cluster: of each node what memcached_exporter would tell, under its names, with the node as `instance`; and of
 * the processes what the monitor knows. To be scraped with `honor_labels: true`.
 *
 * @param scrape asks one node
 * @param nowMs a clock that only goes forward
 * @param own memory of the monitor itself and of its spare process; null where there is none
 */
export async function clusterMetrics(
  status: ClusterStatus,
  scrape: (address: string, service: string) => Promise<NodeStatistics | null> = scraper(() => undefined),
  nowMs: () => number = () => performance.now(),
  own: { readonly monitorBytes: number; readonly spareBytes: number | null } | null = null,
): Promise<string> {
  const text = new PrometheusText();
  const waiting = status.services.filter(({ role }) => role === 'node');
  const untilMs = nowMs() + SCRAPES_MS_MAX - SCRAPE_MS_MAX;
  const askOneAfterTheOther = async (): Promise<void> => {
    while (text.length < METRICS_LENGTH_MAX && nowMs() < untilMs) {
      const node = waiting.shift();
      if (node === undefined) return;
      const { address, name } = node;
      addNodeMetrics(text, address, await scrape(address, name));
    }
  };
  await Promise.all(Array.from({ length: SCRAPES_AT_A_TIME }, askOneAfterTheOther));
  text.add(
    'twincached_nodes_not_scraped',
    'gauge',
    'Nodes that were not asked, because the answer would have been too long or too late',
    {},
    waiting.length,
  );
  for (const service of status.services) {
    addService(text, service);
    addProxyMetrics(text, service);
  }
  if (status.alerts !== null) addAlerts(text, status.alerts);
  const isOk = status.state === 'ok' ? 1 : 0;
  text.add('twincached_cluster_ok', 'gauge', 'Whether everything runs', { cluster: status.cluster }, isOk);
  text.add(
    'twincached_monitor_uptime_seconds',
    'counter',
    'Seconds since the monitor started',
    {},
    status.uptimeSeconds,
  );
  const bytes = (name: string, help: string, value: number | null): void => {
    if (value !== null) text.add(`twincached_${name}_resident_memory_bytes`, 'gauge', help, {}, value);
  };
  bytes('monitor', 'Resident memory of the monitor', own?.monitorBytes ?? null);
  bytes('spare', 'Resident memory of the process that waits to become a service', own?.spareBytes ?? null);
  return text.toString();
}

function addAlerts(text: PrometheusText, { sent, failed, lost, waiting }: AlertCounts): void {
  const metric = (name: string, type: 'counter' | 'gauge', help: string, value: number): void =>
    text.add(`twincached_alerts_${name}`, type, help, {}, value);
  metric('sent_total', 'counter', 'Mails, web hooks and programs that took their alert', sent);
  metric('failed_total', 'counter', 'Attempts to tell an alert that failed', failed);
  metric('lost_total', 'counter', 'Alerts that could be neither sent nor kept', lost);
  metric('waiting', 'gauge', 'Alerts that wait to be tried again', waiting);
}

/** The same work for all who ask while it is under way. */
export function shared(work: () => Promise<string>): () => Promise<string> {
  let underWay: Promise<string> | null = null;
  return () => {
    underWay ??= work().finally(() => {
      underWay = null;
    });
    return underWay;
  };
}

/** Asks nodes. @param accessTo what one wants before it answers, by its name */
export function scraper(
  accessTo: (service: string) => ServerAccess | undefined,
): (address: string, service: string) => Promise<NodeStatistics | null> {
  return async (address, service) => {
    const [host, port] = addressParts(address);
    if (port === null) return null;
    const access = accessTo(service);
    const place = { host, port, ...(access === undefined ? {} : { access }) };
    return scrapeNode((ready) => openServer(place, ready), SCRAPE_MS_MAX);
  };
}

/** By name in `stats pools`: the metric, which is a counter if it ends with `_total`, and what it says. */
const HOT_KEY_METRICS: ReadonlyMap<string, readonly [metric: string, help: string]> = new Map([
  ['near_cache_hits', ['near_cache_hits_total', 'Keys that were answered from a copy']],
  ['near_cache_fills', ['near_cache_fills_total', 'Values that were put into the near cache']],
  ['near_cache_invalidations', ['near_cache_invalidations_total', 'Copies that a write has ended']],
  ['near_cache_evictions', ['near_cache_evictions_total', 'Copies that had to make room']],
  ['near_cache_not_admitted', ['near_cache_not_admitted_total', 'Values that were to be kept and were not']],
  ['near_cache_items', ['near_cache_items', 'Copies in the near cache']],
  ['near_cache_bytes', ['near_cache_bytes', 'Bytes of copies in the near cache']],
  ['coalesce_sent', ['coalesce_sent_total', 'Gets that others might join']],
  ['coalesce_joined', ['coalesce_joined_total', 'Gets that waited for the answer to another']],
  ['coalesce_not_joined', ['coalesce_not_joined_total', 'Gets that could not wait, for a bound']],
  ['coalesce_waiting', ['coalesce_waiting', 'Gets that wait for the answer to another']],
]);

function addService(text: PrometheusText, service: ServiceStatus): void {
  const { name, role, address, state, restarts, uptimeSeconds, probeMs, process, proxy, findings } = service;
  const labels = { instance: address, service: name, role };
  for (const [counted, count] of proxy?.hotKeys ?? []) {
    const [metric, help] = HOT_KEY_METRICS.get(counted) ?? [];
    if (metric === undefined || help === undefined) continue;
    const type = metric.endsWith('_total') ? 'counter' : 'gauge';
    text.add(`twincached_proxy_${metric}`, type, help, labels, count);
  }
  for (const one of SERVICE_STATES)
    text.add(
      'twincached_service_state',
      'gauge',
      'Which state the service is in',
      { ...labels, state: one },
      state === one ? 1 : 0,
    );
  text.add(
    'twincached_service_restarts_total',
    'counter',
    'Times that it was started anew',
    labels,
    restarts,
  );
  if (uptimeSeconds !== null)
    text.add(
      'twincached_service_uptime_seconds',
      'gauge',
      'Seconds since its process started',
      labels,
      uptimeSeconds,
    );
  if (probeMs !== null)
    text.add(
      'twincached_service_probe_seconds',
      'gauge',
      'How long the last probe took',
      labels,
      probeMs / 1000,
    );
  text.add(
    'twincached_service_rules_matched',
    'gauge',
    'Rules of the cluster file that have found something',
    labels,
    findings.length,
  );
  if (process === null) return;
  text.add('twincached_service_resident_bytes', 'gauge', 'Resident memory', labels, process.residentBytes);
  text.add('twincached_service_threads', 'gauge', 'Threads', labels, process.threads);
  if (process.cpuPercent !== null)
    text.add(
      'twincached_service_cpu_ratio',
      'gauge',
      'Processor time per second',
      labels,
      process.cpuPercent / 100,
    );
}

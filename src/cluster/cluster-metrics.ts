import type { ClusterStatus, ServiceStatus } from '../checks/cluster-status.ts';
import { SERVICE_STATES } from '../checks/service-machine.ts';
import { addNodeMetrics } from '../telemetry/memcached-metrics.ts';
import { PrometheusText } from '../telemetry/prometheus-text.ts';
import { scrapeNode } from '../telemetry/stats-scrape.ts';

/** A scrape of Prometheus waits for ten seconds. */
const SCRAPE_MS_MAX = 2000;

/**
 * What Prometheus is told of a cluster: of each node what memcached_exporter would tell, under its names, with the node as `instance`; and of
 * the processes what the monitor knows. To be scraped with `honor_labels: true`.
 */
export async function clusterMetrics(status: ClusterStatus): Promise<string> {
  const text = new PrometheusText();
  const nodes = status.services.filter(({ role }) => role === 'node');
  const answers = await Promise.all(nodes.map(({ address }) => scrape(address)));
  for (const [index, { address }] of nodes.entries()) addNodeMetrics(text, address, answers[index] ?? null);
  for (const service of status.services) addService(text, service);
  const isOk = status.state === 'ok' ? 1 : 0;
  text.add('twincached_cluster_ok', 'gauge', 'Whether everything runs', { cluster: status.cluster }, isOk);
  text.add(
    'twincached_monitor_uptime_seconds',
    'counter',
    'Seconds since the monitor started',
    {},
    status.uptimeSeconds,
  );
  return text.toString();
}

function scrape(address: string): ReturnType<typeof scrapeNode> {
  const colon = address.lastIndexOf(':');
  return scrapeNode(address.slice(0, colon), Number(address.slice(colon + 1)), SCRAPE_MS_MAX);
}

function addService(text: PrometheusText, service: ServiceStatus): void {
  const { name, role, address, state, restarts, uptimeSeconds, probeMs, process } = service;
  const labels = { instance: address, service: name, role };
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

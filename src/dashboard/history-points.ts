import type { ClusterStatus, NodeStats, ServiceStatus } from '../checks/cluster-status.ts';
import type { HistoryPoint } from './figure-history.ts';

/** The series of the cluster as a whole; no service can have this name. */
export const CLUSTER_SERIES = '';

/** What the history takes of a status: the cluster's own series first, then one of each service. */
export function historyPoints(status: ClusterStatus): ReadonlyMap<string, HistoryPoint> {
  const points: Map<string, HistoryPoint> = new Map();
  points.set(CLUSTER_SERIES, clusterPoint(status.services));
  for (const service of status.services) points.set(service.name, servicePoint(service));
  return points;
}

function servicePoint(service: ServiceStatus): HistoryPoint {
  const { stats, proxy, process } = service;
  const usage = {
    cpuPercent: process?.cpuPercent ?? null,
    residentBytes: process?.residentBytes ?? null,
  };
  if (proxy !== null)
    return { ...usage, requests: proxy.requestsPerSecond, p99Ms: milliseconds(proxy.p99Micros) };
  if (stats === null) return usage;
  return {
    ...usage,
    requests: stats.requestsPerSecond,
    gets: stats.getsPerSecond,
    sets: stats.setsPerSecond,
    hitPercent: hitPercent([stats]),
    evictions: stats.evictionsPerSecond,
    bytes: stats.bytes,
    connections: stats.currConnections,
    lagMs: lagMs(stats),
  };
}

function clusterPoint(services: readonly ServiceStatus[]): HistoryPoint {
  const stats = services.flatMap(({ stats: one }) => (one === null ? [] : [one]));
  const behind = new Set(services.flatMap(({ role, sendsTo }) => (role === 'proxy' ? sendsTo : [])));
  const entries = services.filter(({ role, name }) => role === 'proxy' && !behind.has(name));
  return {
    requests: sum(stats.map(({ requestsPerSecond }) => requestsPerSecond)),
    gets: sum(stats.map(({ getsPerSecond }) => getsPerSecond)),
    sets: sum(stats.map(({ setsPerSecond }) => setsPerSecond)),
    hitPercent: hitPercent(stats),
    evictions: sum(stats.map(({ evictionsPerSecond }) => evictionsPerSecond)),
    bytes: sum(stats.map(({ bytes }) => bytes)),
    connections: sum(stats.map(({ currConnections }) => currConnections)),
    lagMs: most(stats.map(lagMs)),
    p99Ms: most(entries.map(({ proxy }) => milliseconds(proxy?.p99Micros ?? null))),
    cpuPercent: sum(services.map(({ process }) => process?.cpuPercent ?? null)),
    residentBytes: sum(services.map(({ process }) => process?.residentBytes ?? null)),
  };
}

/** Of the gets since the reading before; null when there were none. */
function hitPercent(stats: readonly NodeStats[]): number | null {
  const gets = sum(stats.map(({ getsPerSecond }) => getsPerSecond));
  const hits = sum(stats.map(({ hitsPerSecond }) => hitsPerSecond));
  return gets === null || hits === null || gets <= 0 ? null : Math.min(100, (hits * 100) / gets);
}

/** How far the twin that is furthest behind is behind this node; null without a twin. */
function lagMs({ replication }: NodeStats): number | null {
  return most(
    Object.entries(replication).map(([name, value]) =>
      /^replication_peer_\d+_lag_ms$/.test(name) ? Number(value) : null,
    ),
  );
}

function milliseconds(micros: number | null): number | null {
  return micros === null ? null : micros / 1000;
}

function sum(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
}

function most(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}

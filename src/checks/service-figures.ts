/** The figures of nodes and proxies that rules of a cluster compare with limits, by the names that memcached and monit have for them. */
import type { Unit } from '../control/tree.ts';
import type { NodeStats, ProxyStats, ServiceRole, ServiceStatus } from './cluster-status.ts';
import { type Figure, figure } from './sample.ts';

interface FigureKind {
  readonly roles: readonly ServiceRole[];
  /** In which it can be compared. */
  readonly units: readonly Unit[];
  /** For whoever writes a rule. */
  readonly example: string;
}

const BOTH = ['node', 'proxy'] as const;

export const FIGURE_NAMES = [
  'memory',
  'cpu',
  'threads',
  'response-time',
  'requests',
  'connections',
  'items',
  'bytes',
  'hit-ratio',
  'evictions',
  'lag',
  'twins',
  'in-sync',
  'latency',
  'errors',
  'open-requests',
  'servers-down',
] as const;
export type FigureName = (typeof FIGURE_NAMES)[number];

export const FIGURE_KINDS: Readonly<Record<FigureName, FigureKind>> = {
  memory: { roles: BOTH, units: ['bytes'], example: 'memory > 2G' },
  cpu: { roles: BOTH, units: ['percent'], example: 'cpu > 90%' },
  threads: { roles: BOTH, units: ['none'], example: 'threads > 40' },
  'response-time': { roles: BOTH, units: ['milliseconds'], example: 'response-time > 100ms' },
  requests: { roles: BOTH, units: ['operations-per-second'], example: 'requests > 100000/s' },
  connections: { roles: ['node'], units: ['none', 'percent'], example: 'connections > 90%' },
  items: { roles: ['node'], units: ['none'], example: 'items < 1' },
  bytes: { roles: ['node'], units: ['bytes', 'percent'], example: 'bytes > 95%' },
  'hit-ratio': { roles: ['node'], units: ['percent'], example: 'hit-ratio < 50%' },
  evictions: { roles: ['node'], units: ['operations-per-second'], example: 'evictions > 100/s' },
  lag: { roles: ['node'], units: ['milliseconds'], example: 'lag > 5s' },
  twins: { roles: ['node'], units: ['none'], example: 'twins < 1' },
  'in-sync': { roles: ['node'], units: [], example: 'not in-sync' },
  latency: { roles: ['proxy'], units: ['milliseconds'], example: 'latency > 50ms' },
  errors: { roles: ['proxy'], units: ['operations-per-second'], example: 'errors > 1/s' },
  'open-requests': { roles: ['proxy'], units: ['none'], example: 'open-requests > 10000' },
  'servers-down': { roles: ['proxy'], units: ['none'], example: 'servers-down > 0' },
};

/** What is known of a service at one look; what is not in it is not known. */
export type ServiceFigures = Readonly<Partial<Record<FigureName, Figure>>>;

/** What the figures are made of. Statistics are null where the service has not answered this time. */
export type FigureSource = Pick<ServiceStatus, 'probeMs' | 'process' | 'stats' | 'proxy'>;

/** Turns what a service shows at one look into figures. */
export function serviceFigures({ probeMs, process: usage, stats, proxy }: FigureSource): ServiceFigures {
  return {
    ...(usage === null
      ? {}
      : {
          memory: figure(usage.residentBytes),
          cpu: figure(null, usage.cpuPercent),
          threads: figure(usage.threads),
        }),
    ...(probeMs === null ? {} : { 'response-time': figure(probeMs) }),
    ...(stats === null ? {} : nodeFigures(stats)),
    ...(proxy === null ? {} : proxyFigures(proxy)),
  };
}

function proxyFigures({
  failuresPerSecond,
  p99Micros,
  open,
  servers,
  requestsPerSecond,
}: ProxyStats): ServiceFigures {
  return {
    requests: figure(null, null, requestsPerSecond),
    errors: figure(null, null, failuresPerSecond),
    // Without requests nothing is slow, and what was so is over.
    latency: figure((p99Micros ?? 0) / 1000),
    'open-requests': figure(open),
    // One that is there, and does not let the proxy in, is of no more use.
    'servers-down': figure(servers.filter(({ state }) => state === 'down' || state === 'refused').length),
  };
}

function nodeFigures(stats: NodeStats): ServiceFigures {
  const { currConnections, maxConnections, bytes, limitMaxbytes, replication } = stats;
  const { getsPerSecond: gets, hitsPerSecond: hits } = stats;
  const share = (part: number, whole: number): number | null => (whole > 0 ? (part * 100) / whole : null);
  const inSync = replication['replication_in_sync'];
  const twins = replication['replication_peers'];
  return {
    requests: figure(null, null, stats.requestsPerSecond),
    connections: figure(currConnections, share(currConnections, maxConnections)),
    items: figure(stats.currItems),
    bytes: figure(bytes, share(bytes, limitMaxbytes)),
    // Without gets nothing was missed, and what was so is over.
    'hit-ratio': figure(null, gets === null || hits === null ? null : (share(hits, gets) ?? 100)),
    evictions: figure(null, null, stats.evictionsPerSecond),
    ...(inSync === undefined ? {} : { 'in-sync': figure(Number(inSync)), lag: figure(lagMs(replication)) }),
    ...(twins === undefined ? {} : { twins: figure(Number(twins)) }),
  };
}

/** Of the twin that is furthest behind; a twin that does not tell, or is away, has none. */
function lagMs(replication: NodeStats['replication']): number {
  let most = 0;
  for (const [name, value] of Object.entries(replication))
    if (/^replication_peer_\d+_lag_ms$/.test(name)) most = Math.max(most, Number(value) || 0);
  return most;
}

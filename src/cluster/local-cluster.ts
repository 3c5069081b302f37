/** The ready-made cluster of `twincached up` without a file, as a file would describe it. */
import { DEFAULT_POLICY, LONE_POLICY } from '../checks/service-policy.ts';
import { MODULO } from '../routing/tree-plan.ts';
import type { ClusterDescription } from './cluster-file.ts';
import { LOOPBACK_PAGE } from './page-settings.ts';
import type { PlacedProxy, PlacedShard } from './placed-services.ts';

/** What the built-in cluster can be told. */
export interface LocalClusterOptions {
  /** Memory of each node in MiB. */
  readonly nodeMemoryMib: number;
  /** Is added to every port. */
  readonly portOffset: number;
  /** Null: 2812 plus the offset. */
  readonly pagePort: number | null;
}

/** Where the built-in cluster listens without an offset. */
export const LOCAL_PORTS = { entry: 12000, page: 2812 } as const;

const HOST = 'local';
const ADDRESS = '127.0.0.1';

/** The two pairs of twins: the proxy's port, the two nodes' ports, their replication port. */
const PAIRS = [
  { proxy: 11200, nodes: [11221, 11222], replication: 11111 },
  { proxy: 11300, nodes: [11321, 11322], replication: 11112 },
] as const;

/** Of a node; four nodes share this machine, and one that has a twin starts all its threads at once, at 16 MB each. */
const NODE_THREADS = 1;

/** Connections that a proxy may hold. */
const PROXY_CONNECTIONS_MAX = 51_200;

/** Two pairs of twins on loopback, a proxy in front of each pair, and a proxy in front of the two that shards. */
export function localCluster({
  nodeMemoryMib,
  portOffset,
  pagePort,
}: LocalClusterOptions): ClusterDescription {
  const shards = PAIRS.map(
    ({ nodes, replication }, index): PlacedShard => ({
      kind: 'shard',
      name: `pair ${index + 1}`,
      twins: nodes.map((port, twin) => ({
        name: `node-${index + 1}${twin === 0 ? 'a' : 'b'}`,
        host: HOST,
        address: ADDRESS,
        port: port + portOffset,
      })),
      replicationPort: replication + portOffset,
      memoryMib: nodeMemoryMib,
      threads: NODE_THREADS,
      options: [],
      policy: DEFAULT_POLICY,
    }),
  );
  const inner = shards.map((shard, index) =>
    proxy(`proxy-${index + 1}`, PAIRS[index]!.proxy + portOffset, [shard], `in front of ${shard.name}`),
  );
  const entry = proxy('proxy', LOCAL_PORTS.entry + portOffset, inner, 'the address for clients');
  return {
    name: 'local',
    hosts: new Map([[HOST, ADDRESS]]),
    shards,
    proxies: [...inner, entry],
    pagePort: pagePort ?? LOCAL_PORTS.page + portOffset,
    page: LOOPBACK_PAGE,
    logFormat: 'classic',
    warmStart: true,
    secretFile: null,
    reshard: null,
    rules: new Map(),
    alerts: { mail: null, receivers: [] },
  };
}

function proxy(
  name: string,
  port: number,
  to: readonly (PlacedShard | PlacedProxy)[],
  title: string,
): PlacedProxy {
  return {
    kind: 'proxy',
    name,
    host: HOST,
    address: ADDRESS,
    port,
    pools: [
      {
        name,
        port,
        to,
        spare: null,
        placement: { distribution: MODULO },
        times: {},
        nearCache: null,
        coalesces: false,
        eject: null,
      },
    ],
    threads: 1,
    clients: PROXY_CONNECTIONS_MAX,
    title,
    limits: {},
    policy: LONE_POLICY,
  };
}

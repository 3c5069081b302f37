import { DEFAULT_POLICY } from '../checks/service-policy.ts';
import type { ServiceDefinition } from '../monitor/service-definition.ts';
import type { LogFormat } from '../telemetry/log-format.ts';
import type { PageSettings } from './page-settings.ts';

/** A service of a plan: what the monitor supervises, and the ports that it will open. */
export interface PlannedService extends ServiceDefinition {
  readonly ports: readonly PlannedPort[];
  /** What it reads at its start and again on SIGHUP; null: its command line says everything. */
  readonly configuration: PlannedFile | null;
  /** Words for all that only a start takes over; compared as a whole. What is not in it can change while the process runs. */
  readonly startsWith: readonly string[];
}

export interface PlannedFile {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
}

export interface PlannedPort {
  readonly port: number;
  /** The address that it is opened on; loopback's first unless given. */
  readonly host?: string;
  /** What it is for, as a phrase: `clients`, `replication`. */
  readonly purpose: string;
}

/** A whole cluster on this host. Plain data: the built-in one is made here, a file's by its reader. */
export interface ClusterPlan {
  readonly name: string;
  readonly services: readonly PlannedService[];
  /** Name of the service that clients are meant to use. */
  readonly entry: string;
  readonly pagePort: number;
  /** Where it listens and who may see it; whoever is on this machine unless given. */
  readonly page?: PageSettings;
  /** How the monitor tells what happens; classic unless given. */
  readonly logFormat?: LogFormat;
}

/** What the built-in cluster can be told. */
export interface LocalPlanOptions {
  /** Program and first arguments that run a personality, `[node, bin/twincached]`. */
  readonly command: readonly string[];
  /** Memory of each node in MiB. */
  readonly nodeMemoryMib: number;
  /** Is added to every port. */
  readonly portOffset: number;
  /** Null: 2812 plus the offset. */
  readonly pagePort: number | null;
  /** Whether we run as root: the personalities then want to be told a user. */
  readonly asRoot: boolean;
}

/** Where the built-in cluster listens without an offset. */
export const LOCAL_PORTS = { entry: 12000, page: 2812 } as const;

const HOST = '127.0.0.1';

/** The two pairs of twins: the proxy's port, the two nodes' ports, their replication port. */
const PAIRS = [
  { proxy: 11200, nodes: [11221, 11222], replication: 11111 },
  { proxy: 11300, nodes: [11321, 11322], replication: 11112 },
] as const;

/** Connections that a proxy may hold. */
const PROXY_CONNECTIONS_MAX = 51_200;

/**
 * The ready-made cluster on loopback: two pairs of twins, a proxy in front of each pair, and a proxy in front of the
 * two that shards. Its processes are started by the very command lines that one would type.
 */
export function localPlan(options: LocalPlanOptions): ClusterPlan {
  const { command, nodeMemoryMib, portOffset, asRoot } = options;
  const user = asRoot ? ['-u', 'root'] : [];
  const services: PlannedService[] = [];
  for (const [index, pair] of PAIRS.entries()) {
    const number = index + 1;
    const replicationPort = pair.replication + portOffset;
    for (const [twin, basePort] of pair.nodes.entries()) {
      const port = basePort + portOffset;
      const letter = twin === 0 ? 'a' : 'b';
      const otherPort = pair.nodes[1 - twin]! + portOffset;
      const argv = [
        ...command,
        'memcached',
        '-v',
        ...user,
        ...['-p', String(port), '-l', HOST, '-m', String(nodeMemoryMib)],
        ...['-x', HOST, '-X', String(replicationPort)],
      ];
      services.push({
        name: `node-${number}${letter}`,
        role: 'node',
        group: `pair ${number}`,
        title: `twin ${letter} of pair ${number}`,
        argv,
        after: [],
        probe: { host: HOST, port, stats: true },
        policy: DEFAULT_POLICY,
        configuration: null,
        startsWith: argv,
        twins: [{ name: `node-${number}${letter === 'a' ? 'b' : 'a'}`, host: HOST, port: otherPort }],
        ports: [
          { port, purpose: 'clients' },
          { port: replicationPort, purpose: 'replication' },
        ],
      });
    }
    const [main, backup] = pair.nodes;
    services.push({
      name: `proxy-${number}`,
      role: 'proxy',
      group: `proxy-${number}`,
      title: `in front of pair ${number}`,
      ...proxy(options, pair.proxy, [
        ...['-s', `${HOST}:${main + portOffset}`],
        ...['-b', `${HOST}:${backup + portOffset}`],
      ]),
      after: [`node-${number}a`, `node-${number}b`],
    });
  }
  const servers = PAIRS.flatMap((pair) => ['-s', `${HOST}:${pair.proxy + portOffset}`]);
  services.push({
    name: 'proxy',
    role: 'proxy',
    group: 'proxy',
    title: 'the address for clients',
    ...proxy(options, LOCAL_PORTS.entry, servers),
    after: PAIRS.map((_, index) => `proxy-${index + 1}`),
  });
  return {
    name: 'local',
    services,
    entry: 'proxy',
    pagePort: options.pagePort ?? LOCAL_PORTS.page + portOffset,
  };
}

/** The parts of a proxy's plan that follow from its port and servers. */
function proxy(
  { command, portOffset, asRoot }: LocalPlanOptions,
  basePort: number,
  servers: readonly string[],
): Pick<PlannedService, 'argv' | 'probe' | 'policy' | 'ports' | 'configuration' | 'startsWith' | 'twins'> {
  const port = basePort + portOffset;
  const user = asRoot ? ['-u', 'root'] : [];
  const argv = [
    ...command,
    'magent',
    // Not into the background: the monitor is the parent.
    '-D',
    ...user,
    ...['-n', String(PROXY_CONNECTIONS_MAX), '-l', HOST, '-p', String(port)],
    ...servers,
  ];
  return {
    argv,
    probe: { host: HOST, port, stats: false },
    policy: DEFAULT_POLICY,
    ports: [{ port, purpose: 'clients' }],
    configuration: null,
    startsWith: argv,
    twins: [],
  };
}

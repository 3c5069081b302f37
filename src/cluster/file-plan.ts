/** What runs for a cluster file on one host: each process with its command line. */

import type { ServerPlace } from '../net/server-door.ts';
import type { ClusterDescription } from './cluster-file.ts';
import { pageOnHost } from './page-settings.ts';
import type { PlacedProxy, PlacedShard, PlacedTwin } from './placed-services.ts';
import { targetsOf, twinAddress } from './placed-services.ts';
import type { ClusterPlan, PlannedService } from './plan.ts';
import {
  type AskedTwins,
  needsTls,
  proxyConfiguration,
  serverText,
  serviceNames,
  shardsOf,
} from './proxy-configuration.ts';

export interface FilePlanOptions extends AskedTwins {
  /** Program and first arguments that run a personality. */
  readonly command: readonly string[];
  /** Only what runs on this host; null: on all of them. */
  readonly host: string | null;
  readonly asRoot: boolean;
  /** Where files are that the proxies are given. */
  readonly stateDirectory: string;
  /** Absolute; null: none. */
  readonly secretFile: string | null;
}

/** Nodes run as memcached with twins, proxies with a configuration each, which they take over while they serve. The last proxy is the one for clients. */
export function filePlan(cluster: ClusterDescription, options: FilePlanOptions): ClusterPlan {
  const isHere = (host: string): boolean => options.host === null || options.host === host;
  const nodes = cluster.shards.flatMap((shard) =>
    shard.twins.flatMap((twin, index) => (isHere(twin.host) ? [nodeService(shard, index, options)] : [])),
  );
  const proxies = cluster.proxies
    .filter(({ host }) => isHere(host))
    .map((proxy) => proxyService(proxy, options));
  const names = new Set([...nodes, ...proxies].map(({ name }) => name));
  const services = [...nodes, ...proxies].map((service) => ({
    ...service,
    // What runs elsewhere is stopped elsewhere.
    after: service.after.filter((name) => names.has(name)),
    rules: cluster.rules.get(service.name) ?? [],
  }));
  const entry = proxies.at(-1)?.name ?? nodes[0]?.name ?? '';
  const [first] = cluster.hosts.values();
  const address = (options.host === null ? first : cluster.hosts.get(options.host)) ?? '';
  const page = pageOnHost(cluster.page, address);
  const { name, pagePort, logFormat, warmStart, alerts } = cluster;
  return { name, services, entry, pagePort, page, logFormat, warmStart, alerts };
}

function nodeService(shard: PlacedShard, index: number, options: FilePlanOptions): PlannedService {
  const twin = shard.twins[index]!;
  const peers = shard.twins.filter((other) => other !== twin);
  const words = [
    ...options.command,
    'memcached',
    '-v',
    ...(options.asRoot ? ['-u', 'root'] : []),
    ...['-p', `${twin.port}`, '-l', twin.address, '-m', `${shard.memoryMib}`, '-t', `${shard.threads}`],
  ];
  const more = [
    ...['-X', `${shard.replicationPort}`],
    ...(options.secretFile === null ? [] : ['--replication-secret-file', options.secretFile]),
    ...shard.options,
  ];
  return {
    name: twin.name,
    role: 'node',
    group: shard.name,
    title: `${peers.length === 0 ? '' : `twin ${index + 1} `}of ${shard.name}${shard.isLeaving ? ', whose keys leave' : ''}`,
    argv: [...words, ...peers.flatMap(({ address }) => ['-x', address]), ...more],
    after: [],
    probe: { ...placeOf(twin), stats: true },
    policy: shard.policy,
    ports: [
      { port: twin.port, host: twin.address, purpose: 'clients' },
      { port: shard.replicationPort, host: twin.address, purpose: 'replication' },
    ],
    configuration: null,
    // Not the twins: whoever joins dials all others.
    startsWith: [...words, ...more],
    twins: peers.map(twinAddress),
  };
}

function placeOf(twin: PlacedTwin): ServerPlace {
  const { host, port, access } = twinAddress(twin);
  return { host, port, ...(access === undefined ? {} : { access }) };
}

/** What the monitor asks besides where a proxy has several addresses. */
function poolsOf(proxy: PlacedProxy, options: AskedTwins): Pick<PlannedService, 'pools'> {
  const { name, address, pools } = proxy;
  if (pools.every((pool) => pool.name === name)) return {};
  return {
    pools: pools.map((pool) => ({
      name: pool.name,
      host: address,
      port: pool.port,
      shards: shardsOf({ ...proxy, pools: [pool] }, options),
    })),
  };
}

function proxyService(proxy: PlacedProxy, options: FilePlanOptions): PlannedService {
  const { name, address, port, threads, clients, limits } = proxy;
  const backlog = limits['listen-backlog'];
  const path = `${options.stateDirectory}/${name}.yml`;
  const argv = [...options.command, 'proxy', '-c', path];
  return {
    name,
    role: 'proxy',
    group: name,
    title: proxy.title,
    argv,
    after: targetsOf(proxy).flatMap(serviceNames),
    probe: { host: address, port, stats: false },
    policy: proxy.policy,
    ports: proxy.pools.map((pool) => ({
      port: pool.port,
      host: address,
      purpose: pool.name === name ? 'clients' : `clients of ${pool.name}`,
    })),
    // JSON is YAML.
    configuration: { path, text: `${JSON.stringify(proxyConfiguration(proxy, options), null, 2)}\n` },
    startsWith: [
      ...argv,
      ...['threads:', `${threads}`, 'clients-max:', `${clients}`, 'listen:', serverText(proxy)],
      ...(backlog === undefined ? [] : ['backlog:', `${backlog}`]),
      ...(needsTls(proxy) ? ['transport:', 'portable'] : []),
    ],
    twins: [],
    shards: shardsOf(proxy, options),
    ...poolsOf(proxy, options),
  };
}

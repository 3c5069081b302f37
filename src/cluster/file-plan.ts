/** What runs for a cluster file on one host: each process with its command line. */

import type { ProxyShard } from '../checks/cluster-status.ts';
import { hostAndPort } from '../net/addresses.ts';
import type { ClusterDescription, PlacedProxy, PlacedShard } from './cluster-file.ts';
import { proxyListenLimits, proxyPoolLimits } from './limit-settings.ts';
import { pageOnHost } from './page-settings.ts';
import type { ClusterPlan, PlannedService } from './plan.ts';

export interface FilePlanOptions {
  /** Program and first arguments that run a personality. */
  readonly command: readonly string[];
  /** Only what runs on this host; null: on all of them. */
  readonly host: string | null;
  readonly asRoot: boolean;
  /** Where files are that the proxies are given. */
  readonly stateDirectory: string;
  /** Absolute; null: none. */
  readonly secretFile: string | null;
  /** By shard the twin that proxies ask first; the first one where nothing is said. */
  readonly serving: ReadonlyMap<string, string>;
  /** By proxy the addresses of nodes that an operator has taken out of it; none unless given. */
  readonly out?: TakenOut;
}

/** By name of a proxy addresses, `HOST:PORT`. */
export type TakenOut = ReadonlyMap<string, ReadonlySet<string>>;

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
    title: peers.length === 0 ? `of ${shard.name}` : `twin ${index + 1} of ${shard.name}`,
    argv: [...words, ...peers.flatMap(({ address }) => ['-x', address]), ...more],
    after: [],
    probe: { host: twin.address, port: twin.port, stats: true },
    policy: shard.policy,
    ports: [
      { port: twin.port, host: twin.address, purpose: 'clients' },
      { port: shard.replicationPort, host: twin.address, purpose: 'replication' },
    ],
    configuration: null,
    // Not the twins: whoever joins dials all others.
    startsWith: [...words, ...more],
    twins: peers.map(({ name, address, port }) => ({ name, host: address, port })),
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
    ports: [{ port, host: address, purpose: 'clients' }],
    // JSON is YAML.
    configuration: { path, text: `${JSON.stringify(configurationOf(proxy, options), null, 2)}\n` },
    startsWith: [
      ...argv,
      ...['threads:', `${threads}`, 'clients-max:', `${clients}`, 'listen:', serverText(proxy)],
      ...(backlog === undefined ? [] : ['backlog:', `${backlog}`]),
    ],
    twins: [],
    shards: shardsOf(proxy, options),
  };
}

/** What is told of where a proxy's keys lie: all its shards have as many. */
function shardsOf(proxy: PlacedProxy, options: FilePlanOptions): ProxyShard[] {
  return targetsOf(proxy).map((target) => {
    const asked = serversOf(proxy, target, options);
    const places = target.kind === 'proxy' ? [target] : target.twins;
    const servers = places.map((place) => {
      const address = serverText(place);
      return { name: place.name, address, isOut: !asked.includes(address) };
    });
    const rank = ({ address }: { readonly address: string }): number => {
      const index = asked.indexOf(address);
      return index < 0 ? asked.length : index;
    };
    return {
      name: target.name,
      keyShare: proxy.to.includes(target) ? 1 / proxy.to.length : 0,
      servers: servers.toSorted((one, other) => rank(one) - rank(other)),
    };
  });
}

function targetsOf({ to, spare }: PlacedProxy): (PlacedShard | PlacedProxy)[] {
  return [...to, ...(spare === null ? [] : [spare])];
}

function serviceNames(target: PlacedShard | PlacedProxy): string[] {
  return target.kind === 'proxy' ? [target.name] : target.twins.map(({ name }) => name);
}

/** Where a target's servers are that a proxy asks, the one that is asked first in front. There is always one. */
function serversOf(
  { name }: PlacedProxy,
  target: PlacedShard | PlacedProxy,
  { serving, out }: FilePlanOptions,
): string[] {
  if (target.kind === 'proxy') return [serverText(target)];
  const first = serving.get(target.name);
  const twins = target.twins.toSorted((a, b) => Number(b.name === first) - Number(a.name === first));
  const all = twins.map(serverText);
  const left = all.filter((server) => out?.get(name)?.has(server) !== true);
  return left.length === 0 ? all : left;
}

function serverText({ address, port }: { readonly address: string; readonly port: number }): string {
  return hostAndPort(address, port);
}

/** A proxy's own file. Keys lie where magent puts them. */
function configurationOf(proxy: PlacedProxy, options: FilePlanOptions): unknown {
  const targets = targetsOf(proxy);
  return {
    listen: serverText(proxy),
    threads: proxy.threads,
    'clients-max': proxy.clients,
    ...proxyListenLimits(proxy.limits),
    ...proxyPoolLimits(proxy.limits),
    pools: Object.fromEntries(
      targets.map((target) => [target.name, { servers: serversOf(proxy, target, options) }]),
    ),
    route: hotKeyRoute(proxy, mirrorRoute(proxy, options) ?? failoverRoute(proxy)),
  };
}

/** Around everything, for they have to see every write of their keys. */
function hotKeyRoute({ nearCache, coalesces }: PlacedProxy, root: unknown): unknown {
  const inner = coalesces ? { type: 'coalesce', route: root } : root;
  return nearCache === null ? inner : { type: 'near-cache', ttl: nearCache, route: inner };
}

function shardRoute(children: readonly { readonly name: string; readonly route: unknown }[]): unknown {
  return { type: 'shard', distribution: 'modulo', children };
}

/** Mains with a backup each, pairs of twins or proxies that share a spare, as magent has them. @returns null for all else */
function mirrorRoute(proxy: PlacedProxy, options: FilePlanOptions): unknown {
  const mains: { name: string; route: unknown }[] = [];
  const backups: { name: string; route: unknown }[] = [];
  // Where a twin is out its shard has nothing to mirror; keys lie the same without.
  if (shardsOf(proxy, options).some(({ servers }) => servers.some(({ isOut }) => isOut))) return null;
  for (const target of proxy.to) {
    const { name } = target;
    const [main, backup, ...more] = serversOf(proxy, target, options);
    if (main === undefined || more.length > 0) return null;
    mains.push({ name, route: { type: 'server', pool: name, server: main } });
    const { spare } = proxy;
    if (backup !== undefined) {
      if (spare !== null) return null;
      backups.push({ name, route: { type: 'server', pool: name, server: backup } });
    } else if (spare?.kind === 'proxy') {
      backups.push({ name, route: { type: 'server', pool: spare.name, server: serverText(spare) } });
    }
  }
  if (backups.length === 0 && proxy.spare === null) return shardRoute(mains);
  if (backups.length !== mains.length) return null;
  return { type: 'mirror', main: shardRoute(mains), backup: shardRoute(backups) };
}

function failoverRoute({ to, spare }: PlacedProxy): unknown {
  const failover = (name: string): unknown => ({ type: 'failover', pool: name });
  return shardRoute(
    to.map(({ name }) => ({
      name,
      route:
        spare === null
          ? failover(name)
          : { type: 'failover', children: [failover(name), failover(spare.name)] },
    })),
  );
}

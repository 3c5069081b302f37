/** What runs for a cluster file on one host: each process with its command line. */
import { DEFAULT_POLICY } from '../checks/service-policy.ts';
import type { ClusterDescription, PlacedProxy, PlacedShard } from './cluster-file.ts';
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
}

/** A configuration that a proxy reads. */
export interface PlannedFile {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
}

export interface FilePlan extends ClusterPlan {
  readonly files: readonly PlannedFile[];
}

/**
 * Nodes run as memcached with twins, proxies as magent where its options can say it, else with a configuration of their own. The last proxy is the
 * one for clients.
 */
export function filePlan(cluster: ClusterDescription, options: FilePlanOptions): FilePlan {
  const isHere = (host: string): boolean => options.host === null || options.host === host;
  const files: PlannedFile[] = [];
  const nodes = cluster.shards.flatMap((shard) =>
    shard.twins.flatMap((twin, index) => (isHere(twin.host) ? [nodeService(shard, index, options)] : [])),
  );
  const proxies = cluster.proxies
    .filter(({ host }) => isHere(host))
    .map((proxy) => proxyService(proxy, options, files));
  const names = new Set([...nodes, ...proxies].map(({ name }) => name));
  const services = [...nodes, ...proxies].map((service) => ({
    ...service,
    // What runs elsewhere is stopped elsewhere.
    after: service.after.filter((name) => names.has(name)),
  }));
  const entry = proxies.at(-1)?.name ?? nodes[0]?.name ?? '';
  const [first] = cluster.hosts.values();
  const address = (options.host === null ? first : cluster.hosts.get(options.host)) ?? '';
  const page = pageOnHost(cluster.page, address);
  return { name: cluster.name, services, entry, pagePort: cluster.pagePort, page, files };
}

function nodeService(shard: PlacedShard, index: number, options: FilePlanOptions): PlannedService {
  const twin = shard.twins[index]!;
  const peers = shard.twins.filter((other) => other !== twin);
  return {
    name: twin.name,
    role: 'node',
    group: shard.name,
    title: peers.length === 0 ? `of ${shard.name}` : `twin ${index + 1} of ${shard.name}`,
    argv: [
      ...options.command,
      'memcached',
      '-v',
      ...(options.asRoot ? ['-u', 'root'] : []),
      ...['-p', `${twin.port}`, '-l', twin.address, '-m', `${shard.memoryMib}`, '-t', `${shard.threads}`],
      ...peers.flatMap(({ address }) => ['-x', address]),
      ...['-X', `${shard.replicationPort}`],
      ...(options.secretFile === null ? [] : ['--replication-secret-file', options.secretFile]),
      ...shard.options,
    ],
    after: [],
    probe: { host: twin.address, port: twin.port, stats: true },
    policy: DEFAULT_POLICY,
    ports: [
      { port: twin.port, host: twin.address, purpose: 'clients' },
      { port: shard.replicationPort, host: twin.address, purpose: 'replication' },
    ],
  };
}

function proxyService(proxy: PlacedProxy, options: FilePlanOptions, files: PlannedFile[]): PlannedService {
  const { name, address, port } = proxy;
  return {
    name,
    role: 'proxy',
    group: name,
    title: proxy.title,
    argv: [
      ...options.command,
      ...(magentWords(proxy, options.asRoot) ?? configuredWords(proxy, options, files)),
    ],
    after: [...proxy.to, ...(proxy.spare === null ? [] : [proxy.spare])].flatMap(serviceNames),
    probe: { host: address, port, stats: false },
    policy: DEFAULT_POLICY,
    ports: [{ port, host: address, purpose: 'clients' }],
  };
}

function serviceNames(target: PlacedShard | PlacedProxy): string[] {
  return target.kind === 'proxy' ? [target.name] : target.twins.map(({ name }) => name);
}

/** magent knows mains with a backup each: pairs of twins, or proxies that share a spare. @returns null for all else */
function magentWords(proxy: PlacedProxy, asRoot: boolean): string[] | null {
  const mains: string[] = [];
  const backups: string[] = [];
  for (const target of proxy.to) {
    const [main, backup, ...more] = target.kind === 'proxy' ? [target] : target.twins;
    if (main === undefined || more.length > 0) return null;
    mains.push(`${main.address}:${main.port}`);
    const second = backup ?? (proxy.spare?.kind === 'proxy' ? proxy.spare : undefined);
    if (backup !== undefined && proxy.spare !== null) return null;
    if (second !== undefined) backups.push(`${second.address}:${second.port}`);
  }
  const isPlain = backups.length === 0 && proxy.spare === null;
  if (!isPlain && backups.length !== mains.length) return null;
  if (mains.some((server) => server.includes('::'))) return null;
  return [
    'magent',
    // Not into the background: the monitor is the parent.
    '-D',
    ...(asRoot ? ['-u', 'root'] : []),
    ...['-n', `${proxy.clients}`, '-t', `${proxy.threads}`, '-l', proxy.address, '-p', `${proxy.port}`],
    ...mains.flatMap((server) => ['-s', server]),
    ...backups.flatMap((server) => ['-b', server]),
  ];
}

function configuredWords(
  proxy: PlacedProxy,
  { stateDirectory }: FilePlanOptions,
  files: PlannedFile[],
): string[] {
  const path = `${stateDirectory}/${proxy.name}.yml`;
  const targets = [...proxy.to, ...(proxy.spare === null ? [] : [proxy.spare])];
  const pools = targets.map((target) => {
    const servers = target.kind === 'proxy' ? [target] : target.twins;
    return [target.name, { servers: servers.map(({ address, port }) => serverText(address, port)) }] as const;
  });
  const failover = (name: string): unknown => ({ type: 'failover', pool: name });
  const { spare } = proxy;
  const children = proxy.to.map(({ name }) => ({
    name,
    route:
      spare === null
        ? failover(name)
        : { type: 'failover', children: [failover(name), failover(spare.name)] },
  }));
  const configuration = {
    listen: serverText(proxy.address, proxy.port),
    threads: proxy.threads,
    'clients-max': proxy.clients,
    pools: Object.fromEntries(pools),
    route: { type: 'shard', distribution: 'modulo', children },
  };
  // JSON is YAML.
  files.push({ path, text: `${JSON.stringify(configuration, null, 2)}\n` });
  return ['proxy', '-c', path];
}

function serverText(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

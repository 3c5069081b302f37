/** A cluster file: who runs where. What it means is checked here, what follows from it for each process is in `file-plan.ts`. */
import { isIP } from 'node:net';
import { DEFAULT_POLICY, LONE_POLICY } from '../checks/service-policy.ts';
import type { ServerAccess } from '../net/server-door.ts';
import { CheckedYaml, type Path } from '../proxy/checked-yaml.ts';
import type { LogFormat } from '../telemetry/log-format.ts';
import { type AlertSettings, alertSettings } from './alert-settings.ts';
import { type ClusterEntry, clusterSchema, type ProxyEntry, type ShardEntry } from './cluster-schema.ts';
import { ClusterServices, SERVICE_WORDS } from './cluster-services.ts';
import { ITEM_MIB_MAX, nodeLimitWords } from './limit-settings.ts';
import { nodeAccess } from './node-access.ts';
import { type PageSettings, pageSettings } from './page-settings.ts';
import type { PlacedPool, PlacedProxy, PlacedShard } from './placed-services.ts';
import { PoolReader } from './pool-reader.ts';
import { needsTls } from './proxy-configuration.ts';
import { type RulesByService, rulesByService, watchPolicy } from './rule-settings.ts';
import { mebibytes, milliseconds } from './schema-parts.ts';
import type { NodeLimitsEntry } from './watching-schema.ts';

/** A cluster as its file describes it. */
export interface ClusterDescription {
  readonly name: string;
  /** Addresses by name. */
  readonly hosts: ReadonlyMap<string, string>;
  readonly shards: readonly PlacedShard[];
  /** Each behind those that it sends to. */
  readonly proxies: readonly PlacedProxy[];
  readonly pagePort: number;
  readonly page: PageSettings;
  readonly logFormat: LogFormat;
  readonly warmStart: boolean;
  /** As written; null: the twins have none. */
  readonly secretFile: string | null;
  readonly rules: RulesByService;
  readonly alerts: AlertSettings;
  /** How long keys are carried over when the shards of a pool change, and how long before that it is told; null: they are misses. */
  readonly reshard: { readonly forSeconds: number; readonly prepareSeconds: number } | null;
}

const NEEDED = 'a mapping is needed; write "shards:" and "proxies:", each with a list of what belongs to it';
const MEMORY_MIB_DEFAULT = 64;
const CLIENTS_DEFAULT = 51_200;
const PAGE_PORT_DEFAULT = 2812;
const RESHARD_FOR = '1h';
/** A monitor tells its proxies within moments; on several hosts somebody has to reload them all. */
const PREPARE = '5s';
const PREPARE_ON_HOSTS = '2m';
const LETTERS = 'abcdefgh';

/**
 * Reads a cluster file.
 *
 * @param file its name, for messages
 * @throws StartError `FILE:LINE:COLUMN: what is wrong and what to write`, a line for each mistake that is seen at once
 */
export function parseClusterFile(file: string, text: string): ClusterDescription {
  const yaml = new CheckedYaml(file, text, NEEDED);
  const entry = yaml.checked(clusterSchema);
  return new Reader(file, yaml, entry).read();
}

class Reader {
  readonly #file: string;
  readonly #yaml: CheckedYaml;
  readonly #entry: ClusterEntry;
  readonly #hosts: ReadonlyMap<string, string>;
  readonly #named: Map<string, PlacedShard | PlacedProxy> = new Map();
  /** What has which name. */
  readonly #whose: Map<string, string> = new Map();
  readonly #pools: PoolReader;
  /** Who has which port of which address. */
  readonly #ports: Map<string, string> = new Map();

  constructor(file: string, yaml: CheckedYaml, entry: ClusterEntry) {
    this.#file = file;
    this.#yaml = yaml;
    this.#entry = entry;
    this.#pools = new PoolReader(yaml, entry);
    this.#hosts = new Map(Object.entries(entry.hosts ?? { local: '127.0.0.1' }));
  }

  read(): ClusterDescription {
    const { name = 'cluster', page, defaults, shards, proxies } = this.#entry;
    for (const [host, address] of this.#hosts)
      if (isIP(address) === 0 && !/^[\w.-]+$/.test(address))
        throw this.#yaml.mistake(['hosts', host], `"${address}" is no address; write one, or a host name`);
    const pagePort = page?.port ?? PAGE_PORT_DEFAULT;
    const placedShards = shards.map((shard, index) => this.#shard(shard, ['shards', index]));
    const placedProxies = proxies.map((proxy, index) => this.#proxy(proxy, ['proxies', index]));
    this.#pools.checkServed();
    for (const address of new Set(this.#hosts.values()))
      this.#take(address, pagePort, 'the page', page === undefined ? [] : ['page']);
    const services = new ClusterServices(placedShards, placedProxies);
    return {
      name,
      hosts: this.#hosts,
      shards: placedShards,
      proxies: placedProxies,
      pagePort,
      page: pageSettings(this.#yaml, this.#file, page ?? {}, [...this.#hosts.values()]),
      logFormat: this.#entry.log?.format ?? 'classic',
      warmStart: this.#entry['warm-start'] ?? true,
      secretFile: defaults?.['secret-file'] ?? null,
      rules: rulesByService(this.#yaml, this.#file, this.#entry.rules ?? [], services),
      alerts: alertSettings(this.#yaml, this.#file, this.#entry, services),
      reshard: this.#reshard(),
    };
  }

  #reshard(): ClusterDescription['reshard'] {
    const { reshard } = this.#entry;
    if (reshard === false) return null;
    const prepare = reshard?.prepare ?? (this.#hosts.size > 1 ? PREPARE_ON_HOSTS : PREPARE);
    const seconds = (text: string): number => Math.ceil(milliseconds(text) / 1000);
    return { forSeconds: seconds(reshard?.for ?? RESHARD_FOR), prepareSeconds: seconds(prepare) };
  }

  #shard(entry: ShardEntry, path: Path): PlacedShard {
    const { defaults } = this.#entry;
    const replicationPort = entry['replication-port'];
    const access = this.#access(entry, path);
    const twins = entry.twins.map(({ host, port }, index) => {
      const at = [...path, 'twins', index];
      const placed = this.#place(host, at);
      const twin = {
        name: `${entry.name}-${LETTERS[index]}`,
        ...placed,
        port,
        ...(access === undefined ? {} : { access }),
      };
      this.#take(placed.address, port, twin.name, [...at, 'port']);
      return twin;
    });
    const addresses = twins.map(({ address }) => address);
    if (twins.length > 2 && new Set(addresses).size < addresses.length)
      throw this.#yaml.mistake(
        [...path, 'twins'],
        'of more than two twins each needs an address of its own, for all have the same replication port; write different hosts',
      );
    for (const address of new Set(addresses))
      this.#take(address, replicationPort, `${entry.name} (replication)`, [...path, 'replication-port']);
    const memory = entry.memory ?? defaults?.memory;
    const memoryMib = memory === undefined ? MEMORY_MIB_DEFAULT : mebibytes(memory);
    const limits = { ...this.#entry.limits?.nodes, ...entry.limits };
    this.#itemsFit(limits, memoryMib, entry, path);
    const shard: PlacedShard = {
      kind: 'shard',
      name: entry.name,
      twins,
      replicationPort,
      memoryMib,
      threads: entry.threads ?? defaults?.threads ?? 1,
      options: [...nodeLimitWords(limits), ...(entry.options ?? [])],
      policy: watchPolicy(twins.length > 1 ? DEFAULT_POLICY : LONE_POLICY, this.#entry.watch, entry.watch),
    };
    this.#name(shard, path);
    for (const twin of twins) this.#claim(twin.name, `a node of ${shard.name}`, path);
    return shard;
  }

  /** Memcached takes no larger item than half of its memory. */
  #itemsFit(limits: NodeLimitsEntry, memoryMib: number, { limits: own, name }: ShardEntry, path: Path): void {
    const size = limits['max-item-size'];
    const most = Math.min(Math.floor(memoryMib / 2), ITEM_MIB_MAX);
    if (size === undefined || mebibytes(size) <= most) return;
    const isOwn = own?.['max-item-size'] !== undefined;
    throw this.#yaml.mistake(
      isOwn ? [...path, 'limits', 'max-item-size'] : ['limits', 'nodes', 'max-item-size'],
      `${size} is too large for ${name}, whose nodes have ${memoryMib}M; write ${most}M at most, or more "memory:"`,
    );
  }

  /** What the monitor and proxies have to do before a node answers them. */
  #access({ options = [] }: ShardEntry, path: Path): ServerAccess | undefined {
    const access = nodeAccess(options);
    if (typeof access === 'string') throw this.#yaml.mistake([...path, 'options'], access);
    return access;
  }

  #proxy(entry: ProxyEntry, path: Path): PlacedProxy {
    const placed = this.#place(entry.host, path);
    const pools = this.#pools.of(entry, path, this.#named);
    const [first] = pools;
    const limits = { ...this.#entry.limits?.proxies, ...entry.limits };
    const proxy: PlacedProxy = {
      kind: 'proxy',
      name: entry.name,
      ...placed,
      port: first?.port ?? 0,
      pools,
      threads: entry.threads ?? 1,
      clients: entry.clients ?? limits.clients ?? CLIENTS_DEFAULT,
      title: entry.title ?? titleOf(entry, pools),
      limits,
      policy: watchPolicy(LONE_POLICY, this.#entry.watch, entry.watch),
    };
    if (proxy.threads > 1 && needsTls(proxy))
      throw this.#yaml.mistake(
        [...path, 'threads'],
        `a proxy that speaks TLS with nodes has one thread, not ${proxy.threads}; leave it out, and write several proxies where one is not enough`,
      );
    for (const [index, pool] of pools.entries())
      this.#take(
        placed.address,
        pool.port,
        pool.name === entry.name ? entry.name : `${pool.name} of ${entry.name}`,
        entry.pools === undefined ? [...path, 'port'] : [...path, 'pools', index],
      );
    this.#name(proxy, path);
    return proxy;
  }

  #name(thing: PlacedShard | PlacedProxy, path: Path): void {
    this.#claim(thing.name, `a ${thing.kind}`, path);
    this.#named.set(thing.name, thing);
  }

  /** Whoever gives orders, and rules and alerts, name shards, nodes and proxies alike. @param what has the name, as a phrase */
  #claim(name: string, what: string, path: Path): void {
    if (SERVICE_WORDS.has(name))
      throw this.#yaml.mistake([...path, 'name'], `${name} are all of them; write another name`);
    const other = this.#whose.get(name);
    if (other !== undefined)
      throw this.#yaml.mistake(
        [...path, 'name'],
        `${what} would be called ${name}, as is ${other} already; write another name`,
      );
    this.#whose.set(name, what);
  }

  #place(host: string | undefined, path: Path): { readonly host: string; readonly address: string } {
    const names = [...this.#hosts.keys()];
    const name = host ?? (names.length === 1 ? names[0] : undefined);
    if (name === undefined)
      throw this.#yaml.mistake(path, `host is missing; write "host:" and one of ${names.join(', ')}`);
    const address = this.#hosts.get(name);
    if (address === undefined)
      throw this.#yaml.mistake(
        [...path, 'host'],
        `there is no host ${name}; write one of ${names.join(', ')}`,
      );
    return { host: name, address };
  }

  #take(address: string, port: number, who: string, path: Path): void {
    const key = `${address} ${port}`;
    const other = this.#ports.get(key);
    if (other !== undefined && other !== who)
      throw this.#yaml.mistake(path, `port ${port} of ${address} is ${other}'s already; write another one`);
    this.#ports.set(key, who);
  }
}

function titleOf({ pools: named }: ProxyEntry, pools: readonly PlacedPool[]): string {
  if (named !== undefined) return `serves ${named.join(', ')}`;
  return `in front of ${pools.flatMap(({ to }) => to.map(({ name }) => name)).join(', ')}`;
}

/** What a native configuration means: pools, routes and settings as the proxy runs them. */
import { COALESCE_DEFAULT } from '../routing/coalesce.ts';
import { NEAR_CACHE_DEFAULT, NEAR_CACHE_MS_MAX, type NearCacheRules } from '../routing/near-cache.ts';
import type { RoutingSettings } from '../routing/settings.ts';
import type { RouteTree } from '../routing/tree-plan.ts';
import { ConfigurationMistake } from './configuration-mistake.ts';
import { milliseconds, seconds, sizeBytes, startSeconds } from './configuration-quantities.ts';
import type {
  ChildrenEntry,
  ConfigurationEntry,
  FrontEntry,
  HandleEntry,
  PoolEntry,
  RouteEntry,
} from './configuration-schema.ts';
import { ROUTE_DEPTH_MAX, SERVERS_MAX } from './configuration-schema.ts';
import { frontAddresses } from './front-addresses.ts';
import { checkHotKeyPlaces, type PlacedRoute } from './hot-key-places.ts';
import { POOL_DEFAULT, PROXY_OPTIONS_DEFAULT, type ProxyPool, type ProxyServer } from './options.ts';
import { type PlacedServers, placement, poolSettings, serverOf, shardOver } from './pool-meaning.ts';
import { renumbered } from './renumbered-tree.ts';
import { reshard } from './reshard-meaning.ts';
import { accessOf, type ConfigurationFiles } from './server-access.ts';

/** What a file says. */
export interface ProxyConfiguration {
  /** One for each front. */
  readonly pools: readonly ProxyPool[];
  readonly threads: number;
  readonly connectionsMax: number;
  /** Some server is spoken to by TLS, or may be later. */
  readonly needsTls: boolean;
}

const NO_ROUTE = 'NO ROUTE FOR THIS KEY';
const SHADOW_QUEUE_DEFAULT = 1024;
const NEAR_CACHE_BYTES_LEAST = 64 * 1024;
const NEAR_CACHE_BYTES_MOST = 1024 ** 3;

/**
 * @param files those that the configuration names
 * @throws ConfigurationMistake
 */
export function proxyConfiguration(entry: ConfigurationEntry, files: ConfigurationFiles): ProxyConfiguration {
  const meaning = new Meaning(entry, files);
  const pools = meaning.fronts();
  meaning.checkHotKeys();
  return {
    pools,
    threads: entry.threads ?? PROXY_OPTIONS_DEFAULT.threads,
    connectionsMax: entry['clients-max'] ?? PROXY_OPTIONS_DEFAULT.connectionsMax,
    needsTls:
      entry.transport === 'portable' ||
      pools.some(({ servers }) => servers.some(({ tls }) => tls !== undefined)),
  };
}

class Meaning {
  readonly #entry: ConfigurationEntry;
  readonly #files: ConfigurationFiles;
  readonly #servers: ProxyServer[] = [];
  readonly #settings: Partial<RoutingSettings>[] = [];
  readonly #settingsOf: number[] = [];
  readonly #pools: Map<string, PlacedServers> = new Map();
  /** Of the fronts. */
  readonly #routes: PlacedRoute[] = [];

  constructor(entry: ConfigurationEntry, files: ConfigurationFiles) {
    this.#entry = entry;
    this.#files = files;
    for (const [name, pool] of Object.entries(entry.pools)) this.#pools.set(name, this.#pool(name, pool));
  }

  fronts(): readonly ProxyPool[] {
    const { fronts, listen, route, backlog } = this.#entry;
    if (fronts !== undefined) {
      for (const key of ['listen', 'route', 'backlog'] as const)
        if (this.#entry[key] !== undefined)
          throw new ConfigurationMistake(
            [key],
            `"${key}" belongs to a front where there are "fronts"; write it there`,
          );
      if (Object.keys(fronts).length === 0)
        throw new ConfigurationMistake(['fronts'], 'fronts is empty; write at least one');
      return Object.entries(fronts).map(([name, front]) => this.#front(name, front, ['fronts', name]));
    }
    if (listen === undefined)
      throw new ConfigurationMistake(
        [],
        'listen is missing; write "listen: 127.0.0.1:11211", or another address',
      );
    if (route === undefined) {
      const [only, ...others] = this.#pools.keys();
      if (only === undefined || others.length > 0)
        throw new ConfigurationMistake(
          [],
          'route is missing; write "route:" and the name of a pool, or a mapping with a type',
        );
      return [this.#front('main', { listen, route: only, backlog }, [])];
    }
    return [this.#front('main', { listen, route, backlog }, [])];
  }

  #front(name: string, { listen, route, backlog }: FrontEntry, path: readonly PropertyKey[]): ProxyPool {
    const addresses = frontAddresses(listen, [...path, 'listen']);
    this.#routes.push({ route, path: [...path, 'route'] });
    // Only those that its routes lead to: others would be dialled for nothing.
    const used: Map<number, number> = new Map();
    const tree = renumbered(this.#route(route, [...path, 'route'], 0), (server) => {
      const position = used.get(server) ?? used.size;
      used.set(server, position);
      return position;
    });
    return {
      name,
      ...addresses,
      backlog: backlog ?? POOL_DEFAULT.backlog,
      servers: [...used.keys()].flatMap((server) => this.#servers[server] ?? []),
      routing: {
        kind: 'tree',
        tree,
        allowsFlush: this.#entry['flush-all'] ?? false,
        settings: this.#settings,
        settingsOf: [...used.keys()].flatMap((server) => this.#settingsOf[server] ?? []),
      },
      timeouts: POOL_DEFAULT.timeouts,
    };
  }

  checkHotKeys(): void {
    checkHotKeyPlaces(this.#routes, (pool, only) =>
      (this.#pools.get(pool)?.servers ?? []).flatMap(({ host, port, name }) =>
        only === undefined || name === only ? [port === 0 ? host : `${host}:${port}`] : [],
      ),
    );
  }

  #pool(name: string, entry: PoolEntry): PlacedServers {
    const { defaults } = this.#entry;
    const path = ['pools', name];
    const said = [
      { entry, path },
      { entry: defaults ?? {}, path: ['defaults'] },
    ];
    const access = accessOf(said, this.#files);
    const group = this.#settings.length;
    this.#settings.push(poolSettings(entry, defaults ?? {}));
    const each = entry.connections ?? defaults?.connections ?? 1;
    const names: Set<string> = new Set();
    const connections: number[][] = [];
    const servers = entry.servers.map((text, index) => {
      const place = [...path, 'servers', index];
      const own =
        typeof text === 'string' ? access : accessOf([{ entry: text, path: place }, ...said], this.#files);
      const server = serverOf(text, place, own);
      if (names.has(server.name))
        throw new ConfigurationMistake(
          place,
          `pool ${name} has two servers ${server.name}; write another name for one of them`,
        );
      names.add(server.name);
      const places: number[] = [];
      for (let count = 0; count < each; count++) {
        places.push(this.#servers.length);
        this.#servers.push(server);
        this.#settingsOf.push(group);
      }
      connections.push(places);
      return server;
    });
    if (this.#servers.length > SERVERS_MAX)
      throw new ConfigurationMistake(
        path,
        `there are more than ${SERVERS_MAX} connections to servers; write fewer`,
      );
    return { entry, servers, connections };
  }

  #poolNamed(name: string, path: readonly PropertyKey[]): PlacedServers {
    const pool = this.#pools.get(name);
    if (pool !== undefined) return pool;
    const known = [...this.#pools.keys()].join(', ');
    throw new ConfigurationMistake(path, `there is no pool "${name}"; write one of ${known}`);
  }

  #route(entry: RouteEntry, path: readonly PropertyKey[], depth: number): RouteTree {
    if (depth > ROUTE_DEPTH_MAX)
      throw new ConfigurationMistake(
        path,
        `routes stand inside one another more than ${ROUTE_DEPTH_MAX} deep; write a flatter tree`,
      );
    if (typeof entry === 'string')
      return shardOver(this.#poolNamed(entry, path), {}, this.#entry.defaults ?? {});
    return this.#handle(entry, path, depth + 1);
  }

  #handle(entry: HandleEntry, path: readonly PropertyKey[], depth: number): RouteTree {
    const below = (child: RouteEntry, ...at: PropertyKey[]): RouteTree =>
      this.#route(child, [...path, ...at], depth);
    const named = (
      children: Readonly<Record<string, RouteEntry | undefined>>,
      at: string,
    ): [string, RouteTree][] =>
      Object.entries(children).flatMap(([name, child]) =>
        child === undefined ? [] : [[name, below(child, at, name)] satisfies [string, RouteTree]],
      );
    switch (entry.type) {
      case 'shard':
        return this.#shard(entry, path, depth);
      case 'server':
        return this.#server(entry.pool, entry.server, path);
      case 'mirror':
        return { type: 'mirror', main: below(entry.main, 'main'), backup: below(entry.backup, 'backup') };
      case 'failover': {
        const standIn = entry['stand-in-exptime'];
        return {
          type: 'failover',
          children: this.#children(entry, path, depth),
          standInSeconds: standIn === undefined ? null : seconds(standIn, [...path, 'stand-in-exptime']),
        };
      }
      case 'miss-failover':
        return {
          type: 'miss-failover',
          children: this.#children(entry, path, depth),
          prefersMiss: entry['prefer-miss'] ?? true,
        };
      case 'replicate':
        return { type: 'replicate', children: this.#children(entry, path, depth), wait: entry.wait ?? 'all' };
      case 'coalesce':
        return {
          type: 'coalesce',
          route: below(entry.route, 'route'),
          waitersMax: entry.waiters ?? COALESCE_DEFAULT.waitersMax,
          hotGets: entry['hot-gets'] ?? COALESCE_DEFAULT.hotGets,
        };
      case 'near-cache':
        return { type: 'near-cache', route: below(entry.route, 'route'), ...nearCacheRules(entry, path) };
      case 'random':
        return { type: 'random', children: this.#children(entry, path, depth) };
      case 'warm-up':
        return {
          type: 'warm-up',
          cold: below(entry.cold, 'cold'),
          warm: below(entry.warm, 'warm'),
          exptimeSeconds: entry.exptime === undefined ? null : seconds(entry.exptime, [...path, 'exptime']),
        };
      case 'prefix':
        return {
          type: 'prefix',
          routes: named(entry.routes, 'routes'),
          otherwise:
            entry.default === undefined
              ? { type: 'error', message: NO_ROUTE }
              : below(entry.default, 'default'),
          strip: entry.strip ?? false,
        };
      case 'shadow': {
        const [from, to] = shadowRange(entry, path);
        return {
          type: 'shadow',
          route: below(entry.route, 'route'),
          shadow: below(entry.shadow, 'shadow'),
          from,
          to,
          queueMax: entry.queue ?? SHADOW_QUEUE_DEFAULT,
        };
      }
      case 'migrate':
        return {
          type: 'migrate',
          from: below(entry.from, 'from'),
          to: below(entry.to, 'to'),
          startSeconds: startSeconds(entry.start, [...path, 'start']),
          intervalSeconds: seconds(entry.interval, [...path, 'interval']),
        };
      case 'reshard':
        return reshard(entry, path, below(entry.from, 'from'), below(entry.to, 'to'));
      case 'zone': {
        const zones = named(entry.zones, 'zones');
        if (zones.length === 0)
          throw new ConfigurationMistake([...path, 'zones'], 'zones is empty; write at least one');
        const local = entry.local ?? this.#entry.zone;
        if (local === undefined)
          throw new ConfigurationMistake(
            path,
            'nobody says where this proxy is; write "zone:" at the top of the file, or "local:" here',
          );
        return { type: 'zone', zones, local, alsoOnMiss: entry['on-miss'] ?? false };
      }
      case 'by-command':
        return {
          type: 'by-command',
          commands: named(entry.commands, 'commands'),
          otherwise: below(entry.default, 'default'),
        };
      case 'null':
        return { type: 'null' };
      case 'error':
        return { type: 'error', message: entry.message };
    }
  }

  #shard(
    entry: Extract<HandleEntry, { type: 'shard' }>,
    path: readonly PropertyKey[],
    depth: number,
  ): RouteTree {
    const { pool, children } = entry;
    if ((pool === undefined) === (children === undefined))
      throw new ConfigurationMistake(path, 'a shard has a pool or children; write one of the two');
    const defaults = this.#entry.defaults ?? {};
    if (pool !== undefined) return shardOver(this.#poolNamed(pool, [...path, 'pool']), entry, defaults);
    const names: Set<string> = new Set();
    return {
      type: 'shard',
      ...placement(entry, {}, defaults),
      children: (children ?? []).map(({ route, name, weight }, index) => {
        const place = [...path, 'children', index];
        if (names.has(name))
          throw new ConfigurationMistake(
            [...place, 'name'],
            `two children are named ${name}; write another name`,
          );
        names.add(name);
        return { name, weight: weight ?? 1, route: this.#route(route, [...place, 'route'], depth) };
      }),
    };
  }

  #server(poolName: string, name: string, path: readonly PropertyKey[]): RouteTree {
    const { servers, connections } = this.#poolNamed(poolName, [...path, 'pool']);
    const index = servers.findIndex((server) => server.name === name);
    if (index < 0)
      throw new ConfigurationMistake(
        [...path, 'server'],
        `pool ${poolName} has no server "${name}"; write one of ${servers.map((server) => server.name).join(', ')}`,
      );
    return { type: 'server', connections: connections[index] ?? [] };
  }

  #children({ children, pool }: ChildrenEntry, path: readonly PropertyKey[], depth: number): RouteTree[] {
    if ((pool === undefined) === (children === undefined))
      throw new ConfigurationMistake(path, 'children or a pool are needed; write one of the two');
    if (pool !== undefined) {
      const { connections } = this.#poolNamed(pool, [...path, 'pool']);
      return connections.map((own) => ({ type: 'server', connections: own }));
    }
    return (children ?? []).map((child, index) => this.#route(child, [...path, 'children', index], depth));
  }
}

function nearCacheRules(
  entry: Extract<HandleEntry, { type: 'near-cache' }>,
  path: readonly PropertyKey[],
): NearCacheRules {
  const { items, bytes, 'value-bytes': valueBytes } = entry;
  const ttlMs = milliseconds(entry.ttl) ?? NEAR_CACHE_DEFAULT.ttlMs;
  if (ttlMs < 1 || ttlMs > NEAR_CACHE_MS_MAX)
    throw new ConfigurationMistake(
      [...path, 'ttl'],
      `${entry.ttl} is out of bounds; write a time from 1ms to 10s, such as 100ms`,
    );
  const bytesMax = bytes === undefined ? NEAR_CACHE_DEFAULT.bytesMax : sizeBytes(bytes);
  if (bytesMax < NEAR_CACHE_BYTES_LEAST || bytesMax > NEAR_CACHE_BYTES_MOST)
    throw new ConfigurationMistake(
      [...path, 'bytes'],
      `${bytes} is out of bounds; write a size from 64k to 1g, such as "4m"`,
    );
  return {
    ttlMs,
    bytesMax,
    itemsMax: items ?? NEAR_CACHE_DEFAULT.itemsMax,
    valueBytesMax: valueBytes === undefined ? NEAR_CACHE_DEFAULT.valueBytesMax : sizeBytes(valueBytes),
    hotGets: entry['hot-gets'] ?? NEAR_CACHE_DEFAULT.hotGets,
  };
}

function shadowRange(
  { fraction, keys }: Extract<HandleEntry, { type: 'shadow' }>,
  path: readonly PropertyKey[],
): readonly [number, number] {
  if ((fraction === undefined) === (keys === undefined))
    throw new ConfigurationMistake(
      path,
      'a shadow needs to know which keys; write "fraction: 0.1" or "keys: [0, 0.1]"',
    );
  if (fraction !== undefined) return [0, fraction];
  const [from = 0, to = 0] = keys ?? [];
  if (from >= to)
    throw new ConfigurationMistake([...path, 'keys'], 'these are no keys; write the lesser share first');
  return [from, to];
}

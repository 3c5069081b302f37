/** The file that a proxy of a cluster is given: its pools, and routes from clients to them. */
import type { ProxyShard } from '../checks/cluster-status.ts';
import { hostAndPort } from '../net/addresses.ts';
import type { ServerAccess } from '../net/server-door.ts';
import type { ServerEntry, TlsEntry } from '../proxy/configuration-schema.ts';
import { proxyListenLimits, proxyPoolLimits } from './limit-settings.ts';
import {
  type PlacedPool,
  type PlacedProxy,
  type PlacedServer,
  type PlacedTwin,
  type Target,
  targetsOf,
} from './placed-services.ts';

/** By name of a proxy addresses, `HOST:PORT`. */
export type TakenOut = ReadonlyMap<string, ReadonlySet<string>>;

/** By address, `HOST:PORT`, what nodes want before they answer; null: nothing. */
export type NodesWant = ReadonlyMap<string, ServerAccess | null>;

/** Which twins proxies ask, and how. */
export interface AskedTwins {
  /** By shard the twin that proxies ask first; the first one where nothing is said. */
  readonly serving: ReadonlyMap<string, string>;
  /** By proxy the addresses of nodes that an operator has taken out of it; none unless given. */
  readonly out?: TakenOut;
  /** Of nodes that run, also where the file says something else already; of the others it is as the file says. */
  readonly wants?: NodesWant;
}

/** What is told of where a proxy's keys lie: all shards of a pool have as many, or as many as their weights say. Of several pools, the first that has the shard. */
export function shardsOf(proxy: PlacedProxy, asked: AskedTwins): ProxyShard[] {
  return targetsOf(proxy).map((target) => {
    const servers = serversOf(proxy, target, asked);
    const places = target.kind === 'shard' ? target.twins : [target];
    const all = places.map((place) => {
      const address = serverText(place);
      return { name: place.name, address, isOut: !servers.includes(address) };
    });
    const rank = ({ address }: { readonly address: string }): number => {
      const index = servers.indexOf(address);
      return index < 0 ? servers.length : index;
    };
    return {
      name: target.name,
      keyShare: keyShare(proxy, target),
      servers: all.toSorted((one, other) => rank(one) - rank(other)),
    };
  });
}

function keyShare({ pools }: PlacedProxy, target: Target): number {
  const pool = pools.find(({ to }) => to.includes(target));
  if (pool === undefined) return 0;
  return weightOf(target) / pool.to.reduce((sum, other) => sum + weightOf(other), 0);
}

function weightOf(target: Target): number {
  return target.kind === 'server' ? target.weight : 1;
}

/** The processes of this cluster behind a proxy. */
export function serviceNames(target: Target): string[] {
  if (target.kind === 'server') return [];
  return target.kind === 'proxy' ? [target.name] : target.twins.map(({ name }) => name);
}

/** Where a target's servers are that a proxy asks, the one that is asked first in front. There is always one. */
function serversOf({ name }: PlacedProxy, target: Target, { serving, out }: AskedTwins): string[] {
  if (target.kind !== 'shard') return [serverText(target)];
  const first = serving.get(target.name);
  const twins = target.twins.toSorted((a, b) => Number(b.name === first) - Number(a.name === first));
  const all = twins.map(serverText);
  const left = all.filter((server) => out?.get(name)?.has(server) !== true);
  return left.length === 0 ? all : left;
}

/** `HOST:PORT`. */
export function serverText(place: Pick<PlacedTwin, 'address' | 'port'> | PlacedServer): string {
  return 'address' in place ? hostAndPort(place.address, place.port) : place.name;
}

/** Whether a proxy has to speak TLS with a node, by the file. */
export function needsTls(proxy: PlacedProxy): boolean {
  return targetsOf(proxy).some(
    (target) => target.kind === 'shard' && target.twins.some(({ access }) => (access?.tls ?? null) !== null),
  );
}

/** Servers with what they want: proxies believe a node as the monitor does, and log in as it does. */
function serverEntries(proxy: PlacedProxy, target: Target, asked: AskedTwins): ServerEntry[] {
  const servers = serversOf(proxy, target, asked);
  if (target.kind !== 'shard') return servers;
  return servers.map((address) => {
    const twin = target.twins.find((other) => serverText(other) === address);
    const running = asked.wants?.get(address);
    const access = running === undefined ? (twin?.access ?? null) : running;
    if (access === null) return address;
    const { tls, authFile } = access;
    return {
      address,
      ...(tls === null ? {} : { tls: tlsEntry(tls) }),
      ...(authFile === null ? {} : { 'login-file': authFile }),
    };
  });
}

function tlsEntry({ chainFile, client, authoritiesFile }: NonNullable<ServerAccess['tls']>): TlsEntry {
  return {
    'server-certificate': chainFile,
    ...(authoritiesFile === null ? {} : { authority: authoritiesFile }),
    ...(client === null ? {} : { certificate: chainFile, key: client.keyFile ?? chainFile }),
  };
}

/** The file as data. */
export function proxyConfiguration(proxy: PlacedProxy, asked: AskedTwins): unknown {
  const { threads, clients, limits, pools } = proxy;
  const fronts = pools.map((pool) => ({ pool, route: poolRoute(proxy, pool, asked) }));
  const [only] = fronts;
  const isPlain = fronts.length === 1 && only?.pool.name === proxy.name;
  return {
    ...(isPlain ? { listen: listenText(proxy, only.pool) } : {}),
    threads,
    'clients-max': clients,
    ...(needsTls(proxy) ? { transport: 'portable' } : {}),
    ...(isPlain ? proxyListenLimits(limits) : {}),
    ...proxyPoolLimits(limits),
    pools: Object.fromEntries(
      pools.flatMap((pool) =>
        targetsOf({ pools: [pool] }).map((target) => [
          serversName(proxy, pool, target),
          { servers: serverEntries(proxy, target, asked), ...waitFor(target), ...pool.times },
        ]),
      ),
    ),
    ...(isPlain
      ? { route: only.route }
      : {
          fronts: Object.fromEntries(
            fronts.map(({ pool, route }) => [
              pool.name,
              { listen: listenText(proxy, pool), ...proxyListenLimits(limits), route },
            ]),
          ),
        }),
  };
}

/**
 * What nobody stands in for is started again by its monitor at once, or after half a second when it dies again and again; starting it may take as long again on a
 * busy machine. Requests wait a little longer than that.
 */
const LONE_RETURN_WAIT = '5s';

function waitFor(target: Target): { readonly 'return-wait'?: string } {
  return isLone(target) ? { 'return-wait': LONE_RETURN_WAIT } : {};
}

/** Whether it is one process of the cluster, which nobody stands in for. */
function isLone(target: Target): boolean {
  return target.kind === 'proxy' || (target.kind === 'shard' && target.twins.length === 1);
}

function listenText({ address }: PlacedProxy, { port }: PlacedPool): string {
  return hostAndPort(address, port);
}

/** How the servers of a target are called in the file: pools may have different times for them. */
function serversName(proxy: PlacedProxy, pool: PlacedPool, { name }: Target): string {
  return pool.name === proxy.name ? name : `${pool.name}/${name}`;
}

function poolRoute(proxy: PlacedProxy, pool: PlacedPool, asked: AskedTwins): unknown {
  const { move, ...settled } = pool;
  const to = placedRoute(proxy, settled, asked);
  if (move === undefined) return hotKeyRoute(pool, to);
  const { startSeconds, endSeconds, tailSeconds } = move;
  const from = placedRoute(proxy, { ...settled, to: move.to, placement: move.placement }, asked);
  const length = `${endSeconds - startSeconds}s`;
  return hotKeyRoute(pool, {
    type: 'reshard',
    from,
    to,
    start: startSeconds,
    for: length,
    tail: `${tailSeconds}s`,
  });
}

function placedRoute(proxy: PlacedProxy, pool: PlacedPool, asked: AskedTwins): unknown {
  return pool.eject === null
    ? (mirrorRoute(proxy, pool, asked) ?? failoverRoute(proxy, pool))
    : ejectingRoute(proxy, pool, asked);
}

/** Around everything, for they have to see every write of their keys. */
function hotKeyRoute({ nearCache, coalesces }: PlacedPool, root: unknown): unknown {
  const inner = coalesces ? { type: 'coalesce', route: root } : root;
  return nearCache === null ? inner : { type: 'near-cache', ttl: nearCache, route: inner };
}

interface ShardChild {
  readonly name: string;
  readonly weight?: number;
  readonly route: unknown;
}

function shardRoute({ placement }: PlacedPool, children: readonly ShardChild[]): object {
  return { type: 'shard', ...placement, children };
}

function child(target: Target, route: unknown): ShardChild {
  const weight = weightOf(target);
  return { name: target.name, ...(weight === 1 ? {} : { weight }), route };
}

/** Twins stand side by side below their shard: their keys go elsewhere only when both are dead. */
function ejectingRoute(proxy: PlacedProxy, pool: PlacedPool, asked: AskedTwins): unknown {
  const children = pool.to.map((target) => {
    const of = serversName(proxy, pool, target);
    const [main, backup, ...more] = serversOf(proxy, target, asked).map((server) => ({
      type: 'server',
      pool: of,
      server,
    }));
    if (more.length > 0) return child(target, { type: 'failover', pool: of });
    return child(target, backup === undefined ? main : { type: 'mirror', main, backup });
  });
  return { ...shardRoute(pool, children), eject: pool.eject };
}

/** Mains with a backup each, pairs of twins or proxies that share a spare, as magent has them. @returns null for all else */
function mirrorRoute(proxy: PlacedProxy, pool: PlacedPool, asked: AskedTwins): unknown {
  const { spare } = pool;
  const mains: ShardChild[] = [];
  const backups: ShardChild[] = [];
  const own = shardsOf({ ...proxy, pools: [pool] }, asked);
  // Where a twin is out its shard has nothing to mirror; keys lie the same without.
  if (own.some(({ servers }) => servers.some(({ isOut }) => isOut))) return null;
  const server = (target: Target, address: string): unknown => ({
    type: 'server',
    pool: serversName(proxy, pool, target),
    server: address,
  });
  for (const target of pool.to) {
    const [main, backup, ...more] = serversOf(proxy, target, asked);
    if (main === undefined || more.length > 0) return null;
    mains.push(child(target, server(target, main)));
    if (backup !== undefined) {
      if (spare !== null) return null;
      backups.push(child(target, server(target, backup)));
    } else if (spare?.kind === 'proxy') {
      backups.push(child(target, server(spare, serverText(spare))));
    }
  }
  if (backups.length === 0 && spare === null) return shardRoute(pool, mains);
  if (backups.length !== mains.length) return null;
  return { type: 'mirror', main: shardRoute(pool, mains), backup: shardRoute(pool, backups) };
}

function failoverRoute(proxy: PlacedProxy, pool: PlacedPool): unknown {
  const { to, spare } = pool;
  const failover = (target: Target): unknown => ({
    type: 'failover',
    pool: serversName(proxy, pool, target),
  });
  return shardRoute(
    pool,
    to.map((target) =>
      child(
        target,
        spare === null
          ? failover(target)
          : { type: 'failover', children: [failover(target), failover(spare)] },
      ),
    ),
  );
}

import { StartError } from '../base/start-error.ts';
import { numericHost } from '../net/addresses.ts';
import type { SocketAddress } from '../net/loop.ts';
import { resolveHost } from '../net/resolve.ts';
import { HotKeyFigures } from '../routing/hot-key-figures.ts';
import { ServerRecords } from '../routing/server-records.ts';
import type { ProxyPool, ProxyServer } from './options.ts';
import { connectionsEach } from './pool-routing.ts';
import type { ThreadPool } from './thread-messages.ts';

/**
 * Looks up the names of a pool.
 *
 * @param serial see ThreadPool
 * @param before the pool as it was; null: it is new
 * @throws StartError when an address to listen on is unknown; servers may be
 */
export async function resolvePool(
  pool: ProxyPool,
  serial: number,
  before: ThreadPool | null,
): Promise<ThreadPool> {
  const [listen, servers] = await Promise.all([listenAddresses(pool), resolveServers(pool)]);
  const hotKeyFigures = before?.hotKeyFigures ?? HotKeyFigures.allocate();
  return { pool, serial, servers, listen, records: recordsOf(pool, before), hotKeyFigures };
}

/** What is known of servers that stay is kept. */
function recordsOf(pool: ProxyPool, before: ThreadPool | null): SharedArrayBuffer {
  const each = connectionsEach(pool);
  const names = pool.servers.map(({ text }) => text);
  const namesBefore = before?.pool.servers.map(({ text }) => text) ?? [];
  const isSame =
    before !== null &&
    connectionsEach(before.pool) === each &&
    names.length === namesBefore.length &&
    names.every((name, index) => name === namesBefore[index]);
  if (isSame) return before.records;
  const buffer = ServerRecords.allocate(names.length * each);
  if (before === null) return buffer;
  const records = new ServerRecords(buffer);
  const known = new ServerRecords(before.records);
  const eachBefore = connectionsEach(before.pool);
  const from = names.flatMap((name) => {
    const position = namesBefore.indexOf(name);
    return Array.from({ length: each }, (_, connection) =>
      position < 0 || connection >= eachBefore ? -1 : position * eachBefore + connection,
    );
  });
  records.takeOver(known, from);
  return buffer;
}

/** Where the servers of a pool are now; null for a name that is unknown. */
export function resolveServers(pool: ProxyPool): Promise<(SocketAddress | null)[]> {
  return Promise.all(pool.servers.map(serverAddress));
}

/** Whether a name may come to mean another address. */
/** Whether its address has to be looked up. */
export function hasNames(pool: ProxyPool): boolean {
  return pool.servers.some(hasName);
}

export function hasName({ host }: ProxyServer): boolean {
  return !host.startsWith('/') && numericHost(host) === null;
}

/** @throws StartError when one of them is unknown */
export async function listenAddresses(pool: ProxyPool): Promise<SocketAddress[]> {
  const addresses: SocketAddress[] = [];
  for (const { host, port } of pool.listen) {
    const found = await resolveHost(host ?? '', port);
    if ('message' in found) throw new StartError(`cannot listen on ${host}: ${found.message}`);
    // "All addresses" is one socket for magent's users: IPv4, as it has always been.
    addresses.push(...(host === null ? found.slice(0, 1) : found));
  }
  const { unixPath, unixMode } = pool;
  if (unixPath !== null) addresses.push({ family: 'unix', path: unixPath, mode: unixMode ?? 0o755 });
  return addresses;
}

/** Null for a name that is unknown: the proxy starts all the same, and the server counts as dead. */
async function serverAddress({ host, port }: ProxyServer): Promise<SocketAddress | null> {
  if (host.startsWith('/')) return { family: 'unix', path: host };
  const found = await resolveHost(host, port);
  return 'message' in found ? null : (found[0] ?? null);
}

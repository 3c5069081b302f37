import { StartError } from '../base/start-error.ts';
import type { SocketAddress } from '../net/loop.ts';
import { resolveHost } from '../net/resolve.ts';
import { ServerRecords } from '../routing/server-records.ts';
import type { ProxyPool, ProxyServer } from './options.ts';
import { connectionsEach } from './pool-routing.ts';
import type { ThreadPool } from './thread-messages.ts';

/**
 * Looks up the names of a pool.
 *
 * @param serial see ThreadPool
 * @throws StartError when an address to listen on is unknown; servers may be
 */
export async function resolvePool(pool: ProxyPool, serial: number): Promise<ThreadPool> {
  const [listen, servers] = await Promise.all([listenAddresses(pool), resolveServers(pool)]);
  const records = ServerRecords.allocate(pool.servers.length * connectionsEach(pool));
  return { pool, serial, servers, listen, records };
}

/** Where the servers of a pool are now; null for a name that is unknown. */
export function resolveServers(pool: ProxyPool): Promise<(SocketAddress | null)[]> {
  return Promise.all(pool.servers.map(serverAddress));
}

/** Whether a name may come to mean another address. */
export function hasNames(pool: ProxyPool): boolean {
  return pool.servers.some(({ host }) => !host.startsWith('/') && /[^0-9a-fA-F.:]/.test(host));
}

async function listenAddresses(pool: ProxyPool): Promise<SocketAddress[]> {
  const addresses: SocketAddress[] = [];
  for (const { host, port } of pool.listen) {
    const found = await resolveHost(host ?? '', port);
    if ('message' in found) throw new StartError(`cannot listen on ${host}: ${found.message}`);
    // "All addresses" is one socket for magent's users: IPv4, as it has always been.
    addresses.push(...(host === null ? found.slice(0, 1) : found));
  }
  const { unixPath, unixMode } = pool;
  // The umask of a daemon leaves 0755, which is what twemproxy's sockets have.
  if (unixPath !== null) addresses.push({ family: 'unix', path: unixPath, mode: unixMode ?? 0o755 });
  return addresses;
}

/** Null for a name that is unknown: the proxy starts all the same, and the server counts as dead. */
async function serverAddress({ host, port }: ProxyServer): Promise<SocketAddress | null> {
  if (host.startsWith('/')) return { family: 'unix', path: host };
  const found = await resolveHost(host, port);
  return 'message' in found ? null : (found[0] ?? null);
}

/** Names to addresses. For the main thread: a data thread never waits for DNS. */
import { lookup } from 'node:dns/promises';
import type { ConnectionError } from '../base/session.ts';
import { numericHost } from './addresses.ts';
import type { SocketAddress } from './loop.ts';

/** The sentences of gai_strerror(3). */
const SENTENCES: ReadonlyMap<string, string> = new Map([
  ['ENOTFOUND', 'Name or service not known'],
  ['ENODATA', 'No address associated with hostname'],
  ['EAI_AGAIN', 'Temporary failure in name resolution'],
  ['EAI_FAIL', 'Non-recoverable failure in name resolution'],
]);

/**
 * All addresses of a host, in the order the system prefers, each once.
 *
 * @param host a numeric address in any form, a name, or empty or `*` for all addresses of this host (IPv4 first)
 * @param port given to each address
 * @returns at least one address, or why there is none
 */
export async function resolveHost(
  host: string,
  port: number,
): Promise<readonly SocketAddress[] | ConnectionError> {
  if (host === '' || host === '*') {
    return [
      { family: 'ipv4', host: '0.0.0.0', port },
      { family: 'ipv6', host: '::', port },
    ];
  }
  const numeric = numericHost(host);
  if (numeric !== null) return [{ ...numeric, port }];
  try {
    const found = await lookup(host, { all: true, verbatim: true });
    const hosts = new Map(found.map(({ address, family }) => [address, family]));
    return [...hosts].map(([address, family]) => ({
      family: family === 6 ? 'ipv6' : 'ipv4',
      host: address,
      port,
    }));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'EAI_FAIL';
    return { code, message: SENTENCES.get(code) ?? code };
  }
}

import { parseEndpoint } from '../net/addresses.ts';
import { ConfigurationMistake } from './configuration-mistake.ts';
import type { ProxyPool } from './options.ts';

/**
 * Where a front listens: any number of TCP addresses, and one unix socket at most, which may have its mode behind it (`/run/cache 0660`).
 *
 * @param path where `listen` stands in the file
 * @throws ConfigurationMistake
 */
export function frontAddresses(
  listen: string | readonly string[],
  path: readonly PropertyKey[],
): Pick<ProxyPool, 'listen' | 'unixPath' | 'unixMode'> {
  const addresses = typeof listen === 'string' ? [listen] : listen;
  const tcp: { host: string | null; port: number }[] = [];
  let unixPath: string | null = null;
  let unixMode: number | null = null;
  for (const [index, text] of addresses.entries()) {
    const place = [...path, ...(typeof listen === 'string' ? [] : [index])];
    const [, address = '', mode] = /^(\S*)(?:\s+0*([0-7]{1,3}))?$/.exec(text.trim()) ?? [];
    const endpoint = parseEndpoint(address);
    if (endpoint.kind === 'mistake')
      throw new ConfigurationMistake(
        place,
        `"${text}" is no address: ${endpoint.reason}; write HOST:PORT or a path`,
      );
    if (endpoint.kind === 'unix') {
      if (unixPath !== null)
        throw new ConfigurationMistake(place, 'a front has one unix socket at most; write another front');
      unixPath = endpoint.path;
      unixMode = mode === undefined ? null : Number.parseInt(mode, 8);
      continue;
    }
    if (endpoint.port === null || mode !== undefined)
      throw new ConfigurationMistake(place, `"${text}" has no port; write HOST:PORT`);
    const { host, port } = endpoint;
    tcp.push({ host: host === '' || host === '*' ? null : host, port });
  }
  return { listen: tcp, unixPath, unixMode };
}

import { isIPv6 } from 'node:net';
import { parseIpv4 } from '../net/addresses.ts';
import type { ProxyServer } from './options.ts';

const PORT_MAX = 65535;
const WEIGHT_MAX = 10_000;
const SERVER_PORT_DEFAULT = 11211;

/**
 * A server as magent's `-s` and `-b` name it: `host`, `host:port`; ours are `[v6]`, `[v6]:port` and `*weight` behind any of them. Without a port,
 * with an empty one or 0 it is 11211, as atoi would have it.
 *
 * @returns what is wrong with it
 */
export function magentServer(text: string): ProxyServer | string {
  const [, address = '', weightText] = /^(.*?)(?:\*(.*))?$/s.exec(text) ?? [];
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(address);
  const host = isIPv6(address) ? address : (match?.[1] ?? match?.[2] ?? '');
  const portText = isIPv6(address) ? undefined : match?.[3];
  if (host === '' || /\s/.test(host) || (match?.[1] !== undefined && !isIPv6(host)))
    return 'a server, as host or host:port, is needed';
  if (portText !== undefined && (!/^0*\d{0,5}$/.test(portText) || Number(portText) > PORT_MAX))
    return `"${portText}" is no port`;
  const port = Number(portText ?? 0) || SERVER_PORT_DEFAULT;
  const server = { host: parseIpv4(host) ?? host, port, text: address };
  if (weightText === undefined) return server;
  const weight = /^\d{1,5}$/.test(weightText) ? Number(weightText) : 0;
  if (weight < 1 || weight > WEIGHT_MAX) return `"${weightText}" is no weight from 1 to ${WEIGHT_MAX}`;
  return { ...server, weight };
}

import type { ProxyPool, ProxyServer } from './options.ts';

const PORT_MAX = 65535;
const WEIGHT_MAX = 2 ** 31 - 1;
const SERVER_PORT_DEFAULT = 11211;

/** What twemproxy says of a server's text, behind `directive "servers" `. */
const FORMAT =
  'has an invalid "hostname:port:weight [name]"or "/path/unix_socket:weight [name]" format string';

/**
 * `host:port` or `/path [octal mode]`. The port stands behind the last colon, so that an IPv6 address needs no brackets.
 *
 * @returns what is wrong with it, as a text that goes on behind `directive "listen" `
 */
export function listenAddress(text: string): Pick<ProxyPool, 'listen' | 'unixPath' | 'unixMode'> | string {
  if (text.startsWith('/')) {
    const [path = '', mode, ...rest] = text.split(/\s+/);
    if (rest.length > 0 || (mode !== undefined && !/^0*[0-7]{1,3}$/.test(mode)))
      return 'has an invalid file permission in "socket_path permission" format string';
    return { listen: [], unixPath: path, unixMode: mode === undefined ? null : Number.parseInt(mode, 8) };
  }
  const colon = text.lastIndexOf(':');
  const host = withoutBrackets(text.slice(0, Math.max(0, colon)));
  const port = text.slice(colon + 1);
  if (colon < 0 || host === '' || /\s/.test(host)) return 'has an invalid "hostname:port" format string';
  if (!isPort(port)) return 'has an invalid port in "hostname:port" format string';
  return {
    listen: [{ host: host === '0.0.0.0' ? null : host, port: Number(port) }],
    unixPath: null,
    unixMode: null,
  };
}

/**
 * `host:port:weight [name]` or `/path:weight [name]`, read from the right. Without a name it is hashed by its address, of which the port is left
 * out if it is 11211.
 *
 * @returns what is wrong with it, as a text that goes on behind `directive "servers" `
 */
export function serverOfText(text: string): ProxyServer | string {
  // One space, as in the original, where more of them make the weight a bad one.
  const [, address = text, name] = /^(\S+)(?: (\S+))?$/.exec(text.trim()) ?? [];
  const parts = address.split(':');
  const isPath = address.startsWith('/');
  const weightText = parts.pop() ?? '';
  const portText = isPath ? '0' : (parts.pop() ?? '');
  const host = withoutBrackets(parts.join(':'));
  if (address === '' || host === '') return FORMAT;
  if (!/^\d+$/.test(weightText) || Number(weightText) > WEIGHT_MAX)
    return `has an invalid weight in ${quoted(isPath)}`;
  if (Number(weightText) === 0) return `has a zero weight in ${quoted(isPath)}`;
  if (!isPath && !isPort(portText))
    return 'has an invalid port in "hostname:port:weight [name]" format string';
  const port = isPath ? 0 : Number(portText);
  const shown = isPath || port === SERVER_PORT_DEFAULT ? host : `${host}:${port}`;
  return { host, port, text: shown, name: name ?? shown, weight: Number(weightText) };
}

function quoted(isPath: boolean): string {
  return isPath
    ? '"/path/unix_socket:weight [name]" format string'
    : '"hostname:port:weight [name]" format string';
}

function withoutBrackets(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= PORT_MAX;
}

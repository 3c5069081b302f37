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

/** What holds the keys of one server: that, or it and its twin. */
export interface PlacedShard {
  readonly server: ProxyServer;
  readonly twin: ProxyServer | null;
}

/**
 * `host:port:weight [name]` or `/path:weight [name]`, read from the right. Without a name it is hashed by its address as typed: without the port if
 * that is 11211, and a path with the colon behind it, which the original takes for the one in front of a port.
 *
 * `host:port+host:port:weight [name]`, and the same with paths, is ours: two twins that hold the same keys. Without a name they are hashed by the address of the first, so
 * that a server which gets a twin keeps its keys.
 *
 * @returns what is wrong with it, as a text that goes on behind `directive "servers" `
 */
export function serverOfText(text: string): PlacedShard | string {
  // The last space is that in front of the name, as in the original, so that further ones make the weight a bad one.
  const trimmed = text.trim();
  const space = trimmed.lastIndexOf(' ');
  const address = space < 0 ? trimmed : trimmed.slice(0, space);
  const name = space < 0 ? undefined : trimmed.slice(space + 1);
  const colon = address.lastIndexOf(':');
  const weightText = address.slice(colon + 1);
  // In a path a plus sign is one, unless another path follows it.
  const isPath = address.startsWith('/');
  const nodes = address.slice(0, Math.max(0, colon)).split(isPath ? /\+(?=\/)/ : '+');
  if (address === '' || nodes.some((node) => hostOf(node) === '')) return FORMAT;
  if (!/^\d+$/.test(weightText) || Number(weightText) > WEIGHT_MAX)
    return 'has an invalid weight in "hostname:port:weight [name]" format string';
  if (Number(weightText) === 0) return 'has a zero weight in "hostname:port:weight [name]" format string';
  if (nodes.some((node) => !node.startsWith('/') && !isPort(node.slice(node.lastIndexOf(':') + 1))))
    return 'has an invalid port in "hostname:port:weight [name]" format string';
  const [first, second, ...more] = nodes.map(nodeOf);
  if (first === undefined) return FORMAT;
  // Items of a list that are not indented alike are one text to YAML.
  if (/\s/.test(address)) return FORMAT;
  if (more.length > 0)
    return 'has more than two twins in "hostname:port+hostname:port:weight [name]" format string';
  if (second?.text === first.text)
    return 'has one server twice in "hostname:port+hostname:port:weight [name]" format string';
  const shardName = name ?? (isPath ? `${first.text}:` : first.text);
  return {
    server: { ...first, name: shardName, weight: Number(weightText) },
    twin: second === undefined ? null : { ...second, name: `${shardName}+${second.text}` },
  };
}

/** `host:port` or a path, which were checked. */
function nodeOf(node: string): Pick<ProxyServer, 'host' | 'port' | 'text'> {
  const host = hostOf(node);
  if (node.startsWith('/')) return { host, port: 0, text: host };
  const typed = node.slice(node.lastIndexOf(':') + 1);
  const port = Number(typed);
  return { host, port, text: port === SERVER_PORT_DEFAULT ? host : `${host}:${typed}` };
}

function hostOf(node: string): string {
  return node.startsWith('/') ? node : withoutBrackets(node.slice(0, Math.max(0, node.lastIndexOf(':'))));
}

function withoutBrackets(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

function isPort(text: string): boolean {
  return /^0*\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= PORT_MAX;
}

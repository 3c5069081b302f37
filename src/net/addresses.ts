/** Addresses as people type them, and back. */
import type { SocketAddress } from './loop.ts';

/** Where something listens, as written by an operator: a host is a name or a numeric address in normal form. */
export type Endpoint =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number | null }
  | { readonly kind: 'unix'; readonly path: string };

/** Why a text is no address; a phrase to follow the name of what was read. */
export interface AddressMistake {
  readonly kind: 'mistake';
  readonly reason: string;
}

/** The longest path that fits sockaddr_un with its closing NUL. */
export const UNIX_PATH_BYTES_MAX = 107;

/** The forms of a number in an IPv4 address: decimal, octal with a leading 0, hexadecimal with 0x. */
const IPV4_NUMBER = /^(?:0[xX][0-9a-fA-F]{1,8}|0[0-7]{0,11}|[1-9][0-9]{0,9})$/;

/**
 * Reads an IPv4 address in any form that inet_aton(3) takes: one to four numbers, of which the last fills the bytes that are
 * left (`127.1` is 127.0.0.1).
 *
 * @returns the address with four decimal numbers, or null
 */
export function parseIpv4(text: string): string | null {
  const parts = text.split('.');
  if (parts.length > 4) return null;
  let value = 0;
  for (const [i, part] of parts.entries()) {
    if (!IPV4_NUMBER.test(part)) return null;
    const isOctal = part.length > 1 && part.startsWith('0') && !/^0[xX]/.test(part);
    const number = isOctal ? Number.parseInt(part, 8) : Number(part);
    const isLast = i === parts.length - 1;
    const bytes = isLast ? 4 - i : 1;
    if (number >= 256 ** bytes) return null;
    value = value * 256 ** bytes + number;
  }
  return formatIpv4([24, 16, 8, 0].map((shift) => (value / 2 ** shift) & 255));
}

/** @param bytes four of them */
export function formatIpv4(bytes: ArrayLike<number>): string {
  return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
}

/**
 * Reads an IPv6 address without brackets and zone.
 *
 * @returns its sixteen bytes, or null
 */
export function parseIpv6(text: string): Uint8Array | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0] ?? '', halves.length === 1);
  const tail = parseGroups(halves[1] ?? '', halves.length === 2);
  if (head === null || tail === null) return null;
  const length = head.length + tail.length;
  if (halves.length === 1 ? length !== 16 : length > 14) return null;
  const bytes = new Uint8Array(16);
  bytes.set(head);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

/** Groups between colons as bytes; the last one may be an IPv4 address where the text ends there. */
function parseGroups(text: string, mayEndInIpv4: boolean): number[] | null {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [i, group] of groups.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 255);
    } else if (mayEndInIpv4 && i === groups.length - 1 && /^(?:\d{1,3}\.){3}\d{1,3}$/.test(group)) {
      const numbers = group.split('.').map(Number);
      if (numbers.some((number) => number > 255)) return null;
      bytes.push(...numbers);
    } else {
      return null;
    }
  }
  return bytes;
}

/** The text of RFC 5952: lower case, the longest run of zero groups as `::`, IPv4-mapped ones with dots. @param bytes sixteen */
export function formatIpv6(bytes: Uint8Array): string {
  const isMapped =
    bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  if (isMapped) return `::ffff:${formatIpv4(bytes.subarray(12))}`;
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((bytes[i]! << 8) | bytes[i + 1]!);
  let runStart = -1;
  let runLength = 1;
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start > runLength) {
      runStart = start;
      runLength = end - start;
    }
  }
  const text = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return runStart < 0 ? text(0, 8) : `${text(0, runStart)}::${text(runStart + runLength, 8)}`;
}

/** An IPv6 address with the zone it may carry (`fe80::1%eth0`); null when the text is none. */
export function splitZone(text: string): { readonly address: string; readonly zone: string } | null {
  const percent = text.indexOf('%');
  const address = percent < 0 ? text : text.slice(0, percent);
  return parseIpv6(address) === null ? null : { address, zone: percent < 0 ? '' : text.slice(percent + 1) };
}

/** The family of a numeric host and its normal form, or null for a name. */
export function numericHost(
  host: string,
): { readonly family: 'ipv4' | 'ipv6'; readonly host: string } | null {
  const ipv4 = parseIpv4(host);
  if (ipv4 !== null) return { family: 'ipv4', host: ipv4 };
  const split = splitZone(host);
  const bytes = split === null ? null : parseIpv6(split.address);
  if (split === null || bytes === null) return null;
  return { family: 'ipv6', host: formatIpv6(bytes) + (split.zone === '' ? '' : `%${split.zone}`) };
}

/**
 * Reads an address in the forms that users type: `host`, `host:port`, `:port` (host empty: all addresses), `127.1:port`, `::1`, `[::1]`,
 * `[::1]:port`, `unix:/path`, `/path`.
 *
 * @returns the parts, port null where none was given
 */
export function parseEndpoint(text: string): Endpoint | AddressMistake {
  if (text.startsWith('unix:') || text.startsWith('/')) {
    const path = text.startsWith('unix:') ? text.slice('unix:'.length) : text;
    if (path === '') return mistake('the path of the socket is missing');
    if (Buffer.byteLength(path) > UNIX_PATH_BYTES_MAX) {
      return mistake(`the path of the socket is longer than ${UNIX_PATH_BYTES_MAX} bytes`);
    }
    return { kind: 'unix', path };
  }
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed !== null) {
    const numeric = numericHost(bracketed[1] ?? '');
    if (numeric?.family !== 'ipv6') return mistake('there is no IPv6 address between the brackets');
    return withPort(numeric.host, bracketed[2]);
  }
  const whole = numericHost(text);
  if (whole !== null) return { kind: 'tcp', host: whole.host, port: null };
  const colon = text.lastIndexOf(':');
  const host = colon < 0 ? text : text.slice(0, colon);
  if (host.includes(':'))
    return mistake('it has several colons; an IPv6 address with a port is written [address]:port');
  if (host !== '' && host !== '*' && !/^[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/.test(host)) {
    return mistake('it is neither an address nor a host name');
  }
  if (text === '') return mistake('it is empty');
  return withPort(numericHost(host)?.host ?? host, colon < 0 ? undefined : text.slice(colon + 1));
}

function withPort(host: string, port: string | undefined): Endpoint | AddressMistake {
  if (port === undefined) return { kind: 'tcp', host, port: null };
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535)
    return mistake('the port is not a number from 0 to 65535');
  return { kind: 'tcp', host, port: Number(port) };
}

function mistake(reason: string): AddressMistake {
  return { kind: 'mistake', reason };
}

/** An address as clients take it; an IPv6 address stands in brackets. */
export function hostAndPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** An address as `127.0.0.1:11211`, `[::1]:11211` or the path. */
export function formatAddress(address: SocketAddress): string {
  if (address.family === 'unix') return address.path;
  return hostAndPort(address.host, address.port);
}

/** A peer as `stats conns` shows it: `tcp:127.0.0.1:4711`, `tcp6:[::1]:4711`, `udp:127.0.0.1:4711`, `unix:/path`. */
export function formatPeer(address: SocketAddress, transport: 'tcp' | 'udp' = 'tcp'): string {
  if (address.family === 'unix') return `unix:${address.path}`;
  return `${transport}${address.family === 'ipv6' ? '6' : ''}:${formatAddress(address)}`;
}

import { isIPv6 } from 'node:net';
import { invalidValue, PORT_MAX } from './option-values.ts';

/**
 * An IPv4 address in one of the forms that inet_aton(3) takes (`127.1`, `0x7f.1`, `2130706433`), in full.
 *
 * The last of one to four parts fills all the bytes that are left; parts are decimal, octal with a leading 0, or hexadecimal.
 *
 * @returns null when the text is no such address
 */
export function ipv4InFull(text: string): string | null {
  const parts = text.split('.');
  if (parts.length > 4) return null;
  let address = 0;
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index] ?? '';
    const isLast = index === parts.length - 1;
    if (!/^(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)$/i.test(part)) return null;
    const number = /^0[0-7]/.test(part) ? Number.parseInt(part, 8) : Number(part);
    const bytes = isLast ? 4 - index : 1;
    if (number >= 256 ** bytes) return null;
    address += number * (isLast ? 1 : 256 ** (3 - index));
  }
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

/**
 * A server as magent's `-s` and `-b` name it: `host`, `host:port`, `[v6]`, `[v6]:port`.
 *
 * @param spelling the option as typed, for the message
 * @param portDefault when no port is written, or an empty one, or 0, as atoi would have it
 * @returns the host in full where it is numeric, else the name
 * @throws StartError that names the option and the text
 */
export function serverAddress(
  spelling: string,
  text: string,
  portDefault: number,
): { readonly host: string; readonly port: number; readonly text: string } {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(text);
  const host = isIPv6(text) ? text : (match?.[1] ?? match?.[2] ?? '');
  const portText = isIPv6(text) ? undefined : match?.[3];
  if (host === '' || /\s/.test(host) || (match?.[1] !== undefined && !isIPv6(host)))
    throw invalidValue(spelling, text, 'a server, as host or host:port, is needed');
  if (portText !== undefined && (!/^\d{0,5}$/.test(portText) || Number(portText) > PORT_MAX))
    throw invalidValue(spelling, text, `"${portText}" is no port`);
  const port = Number(portText ?? 0) || portDefault;
  return { host: ipv4InFull(host) ?? host, port, text };
}

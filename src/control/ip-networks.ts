/** A range of addresses: all that share the first `bits` bits with `address`. */
export interface IpNetwork {
  readonly address: string;
  readonly bits: number;
}

/** @returns 4 or 16 bytes; null when the text is no address */
export function parseIp(text: string): readonly number[] | null {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): readonly number[] | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255))
    return null;
  return parts.map(Number);
}

function parseIpv6(text: string): readonly number[] | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const groups = (half: string): number[] | null => {
    if (half === '') return [];
    const bytes: number[] = [];
    const parts = half.split(':');
    for (const [index, part] of parts.entries()) {
      const ipv4 = index === parts.length - 1 ? parseIpv4(part) : null;
      if (ipv4 !== null) bytes.push(...ipv4);
      else if (/^[0-9a-f]{1,4}$/i.test(part)) {
        const group = Number.parseInt(part, 16);
        bytes.push(group >> 8, group & 255);
      } else return null;
    }
    return bytes;
  };
  const [left, right] = [groups(halves[0] ?? ''), groups(halves[1] ?? '')];
  if (left === null || right === null) return null;
  const missing = 16 - left.length - right.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return null;
  return [...left, ...Array.from({ length: missing }, () => 0), ...right];
}

/**
 * Reads `ADDRESS`, `ADDRESS/BITS` or `ADDRESS/MASK`.
 *
 * @returns null when it is none of these
 */
export function parseNetwork(text: string): IpNetwork | null {
  const [address = '', range, ...more] = text.split('/');
  const bytes = parseIp(address);
  if (bytes === null || more.length > 0) return null;
  const bitsMax = bytes.length * 8;
  if (range === undefined) return { address, bits: bitsMax };
  if (/^\d{1,3}$/.test(range)) return Number(range) <= bitsMax ? { address, bits: Number(range) } : null;
  const mask = parseIp(range);
  if (mask === null || mask.length !== bytes.length) return null;
  const binary = mask.map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return /^1*0*$/.test(binary) ? { address, bits: binary.replace(/0/g, '').length } : null;
}

/**
 * Whether an address lies in a network. An IPv4 address in IPv6's clothes (`::ffff:10.0.0.1`) counts as what it is.
 */
export function isInNetwork(address: string, network: IpNetwork): boolean {
  const bytes = parseIp(address.replace(/^::ffff:(?=\d+\.)/i, ''));
  const wanted = parseIp(network.address);
  if (bytes === null || wanted === null || bytes.length !== wanted.length) return false;
  for (let bit = 0; bit < network.bits; bit++) {
    const shift = 7 - (bit & 7);
    if ((((bytes[bit >> 3] ?? 0) ^ (wanted[bit >> 3] ?? 0)) >> shift) & 1) return false;
  }
  return true;
}

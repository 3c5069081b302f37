import { crc32a } from './crc32a.ts';

/** twemproxy's `crc32`, which is libmemcached's: 15 bits from the upper half of the CRC-32. */
export function crc32(bytes: Uint8Array, start: number, end: number): number {
  return (crc32a(bytes, start, end) >>> 16) & 0x7fff;
}

/** The remainders of single bytes for the polynomial x^16 + x^12 + x^5 + 1 (0x1021), high bit first. */
const TABLE: Uint16Array = Uint16Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte << 8;
  for (let bit = 0; bit < 8; bit++)
    remainder = remainder & 0x8000 ? (remainder << 1) ^ 0x1021 : remainder << 1;
  return remainder & 0xffff;
});

/**
 * twemproxy's `crc16`. It keeps the register in 32 bits and never cuts it to 16, so the bits that a true CRC-16 would shift
 * out stay in the upper half of the result; placement depends on them.
 */
export function crc16(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0;
  for (let i = start; i < end; i++) crc = (crc << 8) ^ TABLE[((crc >>> 8) ^ bytes[i]!) & 0xff]!;
  return crc >>> 0;
}

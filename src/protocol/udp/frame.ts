/**
 * memcached's frame for UDP: eight bytes in front of each datagram, four big-endian 16-bit numbers: the request's id (echoed),
 * the number of this datagram in its message, the datagrams of the message, and zero.
 */

export const FRAME_BYTES = 8;

/** Longest datagram of an answer, frame included: it passes through an Ethernet and most tunnels in one piece. */
export const DATAGRAM_BYTES_MAX = 1400;

/** What one datagram of an answer carries at most. */
export const PART_BYTES_MAX: number = DATAGRAM_BYTES_MAX - FRAME_BYTES;

/** More datagrams than this cannot be numbered. */
export const PARTS_MAX = 65535;

/**
 * Whether bytes [start, end) are a request: a frame with something behind it, of a message of one datagram. The original looks at
 * neither the sequence number nor the last field.
 */
export function isRequestDatagram(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start > FRAME_BYTES && bytes[start + 4] === 0 && bytes[start + 5] === 1;
}

/** The id of a request that begins at `start`. */
export function requestId(bytes: Uint8Array, start: number): number {
  return (bytes[start]! << 8) | bytes[start + 1]!;
}

/** Writes the frame of part `sequence` of `total` at `at`. */
export function writeFrame(bytes: Uint8Array, at: number, id: number, sequence: number, total: number): void {
  bytes[at] = id >> 8;
  bytes[at + 1] = id;
  bytes[at + 2] = sequence >> 8;
  bytes[at + 3] = sequence;
  bytes[at + 4] = total >> 8;
  bytes[at + 5] = total;
  bytes[at + 6] = 0;
  bytes[at + 7] = 0;
}

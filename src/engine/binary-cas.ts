import type { BinaryRequest } from '../protocol/binary/request-header.ts';

/** A cas id that no item can have: the client's number was over 2^53. */
const CAS_IMPOSSIBLE = -1;

/** The cas id that a request names, in the form in which the store compares it; 0 for none. */
export function requestCas(request: BinaryRequest): number {
  const { casHigh, casLow } = request;
  return casHigh > 0x1fffff ? CAS_IMPOSSIBLE : casHigh * 4294967296 + casLow;
}

/** Writes a cas id as the 8 bytes of a reply's header. */
export function writeCas(bytes: Uint8Array, at: number, version: number): void {
  const high = Math.floor(version / 4294967296);
  const low = version >>> 0;
  bytes[at] = high >>> 24;
  bytes[at + 1] = high >>> 16;
  bytes[at + 2] = high >>> 8;
  bytes[at + 3] = high;
  bytes[at + 4] = low >>> 24;
  bytes[at + 5] = low >>> 16;
  bytes[at + 6] = low >>> 8;
  bytes[at + 7] = low;
}

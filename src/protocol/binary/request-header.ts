import { ITEM_BYTES_MAX, KEY_BYTES_MAX } from '../../base/limits.ts';
import { OPCODE_TRAITS, REQUEST_MAGIC, SHAPE, type Shape } from './opcodes.ts';

/** What is wrong with a header; in the order of memcached's checks, so that of several mistakes the same one counts. */
export const HEADER_FAULT = {
  none: 0,
  /** The first byte is not 0x80: the stream is out of step. */
  magic: 1,
  /** Extras and key are longer than the body that should hold them. */
  overrun: 2,
  /** Lengths that the opcode cannot have, a key over 250 bytes, or a body over 1 GiB. */
  lengths: 3,
  /** No such opcode; the body is to be skipped. */
  unknownOpcode: 4,
} as const;
export type HeaderFault = (typeof HEADER_FAULT)[keyof typeof HEADER_FAULT];

/** The header of a binary request, read from its 24 bytes. Made once and filled again for each request. */
export class BinaryRequest {
  fault: HeaderFault = HEADER_FAULT.none;
  opcode = 0;
  keyBytes = 0;
  extrasBytes = 0;
  /** Extras, key and value. */
  bodyBytes = 0;
  /** The client's own number, an unsigned 32-bit one; given back as it came. */
  opaque = 0;
  /** The cas id, 0 for none, as two unsigned 32-bit halves. */
  casHigh = 0;
  casLow = 0;
}

/** Makes `to` equal to `from`, for a request that outlives the turn. @returns `to` */
export function copyRequest(from: BinaryRequest, to: BinaryRequest): BinaryRequest {
  to.fault = from.fault;
  to.opcode = from.opcode;
  to.keyBytes = from.keyBytes;
  to.extrasBytes = from.extrasBytes;
  to.bodyBytes = from.bodyBytes;
  to.opaque = from.opaque;
  to.casHigh = from.casHigh;
  to.casLow = from.casLow;
  return to;
}

/**
 * Reads the header at [at, at + 24) into `request` and judges its lengths. Everything that makes a request unacceptable is known from
 * its header, so nothing else need be waited for.
 */
export function parseRequestHeader(bytes: Uint8Array, at: number, request: BinaryRequest): void {
  const opcode = bytes[at + 1]!;
  const keyBytes = (bytes[at + 2]! << 8) | bytes[at + 3]!;
  const extrasBytes = bytes[at + 4]!;
  const bodyBytes = readUint32(bytes, at + 8);
  request.opcode = opcode;
  request.keyBytes = keyBytes;
  request.extrasBytes = extrasBytes;
  request.bodyBytes = bodyBytes;
  request.opaque = readUint32(bytes, at + 12);
  request.casHigh = readUint32(bytes, at + 16);
  request.casLow = readUint32(bytes, at + 20);
  if (bytes[at] !== REQUEST_MAGIC) request.fault = HEADER_FAULT.magic;
  else if (keyBytes + extrasBytes > bodyBytes) request.fault = HEADER_FAULT.overrun;
  else if (keyBytes > KEY_BYTES_MAX) request.fault = HEADER_FAULT.lengths;
  else request.fault = faultOfLengths(OPCODE_TRAITS[opcode]!.shape, keyBytes, extrasBytes, bodyBytes);
}

/** The four bytes at `at` as an unsigned number, the first the highest. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function faultOfLengths(shape: Shape, keyBytes: number, extrasBytes: number, bodyBytes: number): HeaderFault {
  if (shape === SHAPE.unknown) return HEADER_FAULT.unknownOpcode;
  return bodyBytes <= ITEM_BYTES_MAX && hasShape(shape, keyBytes, extrasBytes, bodyBytes)
    ? HEADER_FAULT.none
    : HEADER_FAULT.lengths;
}

function hasShape(shape: Shape, keyBytes: number, extrasBytes: number, bodyBytes: number): boolean {
  const hasValue = bodyBytes > keyBytes + extrasBytes;
  switch (shape) {
    case SHAPE.key:
      return keyBytes > 0 && extrasBytes === 0 && !hasValue;
    case SHAPE.store:
      return keyBytes > 0 && extrasBytes === 8;
    case SHAPE.join:
    case SHAPE.sasl:
      return keyBytes > 0 && extrasBytes === 0;
    case SHAPE.arithmetic:
      return keyBytes > 0 && extrasBytes === 20 && !hasValue;
    case SHAPE.touch:
      return keyBytes > 0 && extrasBytes === 4 && !hasValue;
    case SHAPE.flush:
      return keyBytes === 0 && (extrasBytes === 0 || extrasBytes === 4) && !hasValue;
    case SHAPE.stat:
      return extrasBytes === 0 && !hasValue;
    default:
      return bodyBytes === 0;
  }
}

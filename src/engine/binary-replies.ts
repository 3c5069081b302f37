import type { Output } from '../base/output.ts';
import { HEADER_BYTES, REPLY_MAGIC, STATUS, type Status } from '../protocol/binary/opcodes.ts';
import type { BinaryRequest } from '../protocol/binary/request-header.ts';

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const NO_TEXT = new Uint8Array(0);

/** What the body of an error says, by status. */
const ERROR_TEXT: readonly (Uint8Array | undefined)[] = (() => {
  const texts: Uint8Array[] = [];
  texts[STATUS.notFound] = bytesOf('Not found');
  texts[STATUS.exists] = bytesOf('Data exists for key.');
  texts[STATUS.tooLarge] = bytesOf('Too large.');
  texts[STATUS.invalidArguments] = bytesOf('Invalid arguments');
  texts[STATUS.notStored] = bytesOf('Not stored.');
  texts[STATUS.nonNumeric] = bytesOf('Non-numeric server-side value for incr or decr');
  texts[STATUS.authError] = bytesOf('Auth failure.');
  texts[STATUS.unknownCommand] = bytesOf('Unknown command');
  texts[STATUS.noMemory] = bytesOf('Out of memory');
  texts[STATUS.temporaryFailure] = bytesOf('Not enough replicas');
  return texts;
})();

/** The bodies of status 0x82 that name what there was no memory for. */
export const NO_MEMORY_TEXT: {
  readonly storing: Uint8Array;
  readonly changing: Uint8Array;
  readonly creating: Uint8Array;
} = {
  storing: bytesOf('Out of memory allocating item'),
  changing: bytesOf('Out of memory incrementing value'),
  creating: bytesOf('Out of memory allocating new item'),
};

/**
 * Writes a reply's header at `output.at` and moves behind it; opcode and opaque are the request's. The caller has made the room, for
 * the body too, and writes the body itself: extras, key, value.
 *
 * @param bodyBytes extras, key and value
 * @param casHigh the cas id's upper 32 bits, unsigned; `casLow` the lower; both 0 for none
 */
export function writeReplyHeader(
  output: Output,
  request: BinaryRequest,
  status: Status,
  extrasBytes: number,
  keyBytes: number,
  bodyBytes: number,
  casHigh: number,
  casLow: number,
): void {
  const { bytes, at } = output;
  const { opaque } = request;
  bytes[at] = REPLY_MAGIC;
  bytes[at + 1] = request.opcode;
  bytes[at + 2] = keyBytes >>> 8;
  bytes[at + 3] = keyBytes;
  bytes[at + 4] = extrasBytes;
  bytes[at + 5] = 0;
  bytes[at + 6] = status >>> 8;
  bytes[at + 7] = status;
  bytes[at + 8] = bodyBytes >>> 24;
  bytes[at + 9] = bodyBytes >>> 16;
  bytes[at + 10] = bodyBytes >>> 8;
  bytes[at + 11] = bodyBytes;
  bytes[at + 12] = opaque >>> 24;
  bytes[at + 13] = opaque >>> 16;
  bytes[at + 14] = opaque >>> 8;
  bytes[at + 15] = opaque;
  bytes[at + 16] = casHigh >>> 24;
  bytes[at + 17] = casHigh >>> 16;
  bytes[at + 18] = casHigh >>> 8;
  bytes[at + 19] = casHigh;
  bytes[at + 20] = casLow >>> 24;
  bytes[at + 21] = casLow >>> 16;
  bytes[at + 22] = casLow >>> 8;
  bytes[at + 23] = casLow;
  output.at = at + HEADER_BYTES;
}

/** A reply without a body: most successes. @param version the new item's, which is its cas id; 0 for none */
export function writeDone(output: Output, request: BinaryRequest, version: number): void {
  output.reserve(HEADER_BYTES);
  writeReplyHeader(output, request, STATUS.ok, 0, 0, 0, Math.floor(version / 4294967296), version >>> 0);
}

/** A reply whose body is a value alone. */
export function writeBody(output: Output, request: BinaryRequest, status: Status, body: Uint8Array): void {
  output.reserve(HEADER_BYTES + body.length);
  writeReplyHeader(output, request, status, 0, 0, body.length, 0, 0);
  const { bytes, at } = output;
  for (let i = 0; i < body.length; i++) bytes[at + i] = body[i]!;
  output.at = at + body.length;
}

/** An error: its body is what the status means, in words. */
export function writeError(output: Output, request: BinaryRequest, status: Status): void {
  writeBody(output, request, status, ERROR_TEXT[status] ?? NO_TEXT);
}

/** A reply to a command that is not sent by the thousand, its key and value given as text. */
export function writeText(output: Output, request: BinaryRequest, key: string, value: string): void {
  const bodyBytes = key.length + value.length;
  output.reserve(HEADER_BYTES + bodyBytes);
  writeReplyHeader(output, request, STATUS.ok, 0, key.length, bodyBytes, 0, 0);
  output.text(key);
  output.text(value);
}

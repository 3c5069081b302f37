import type { Output } from '../base/output.ts';

/** A reply line as bytes. @param text latin-1, without its line end */
export function line(text: string): Uint8Array {
  return Uint8Array.from(`${text}\r\n`, (character) => character.charCodeAt(0));
}

/** The fixed replies of the text protocol, as bytes. */
export const REPLY: {
  readonly stored: Uint8Array;
  readonly notStored: Uint8Array;
  readonly exists: Uint8Array;
  readonly notFound: Uint8Array;
  readonly deleted: Uint8Array;
  readonly touched: Uint8Array;
  readonly ok: Uint8Array;
  readonly end: Uint8Array;
  readonly reset: Uint8Array;
  readonly metaNoop: Uint8Array;
  readonly error: Uint8Array;
  readonly badFormat: Uint8Array;
  readonly badDataChunk: Uint8Array;
  readonly deleteUsage: Uint8Array;
  readonly invalidExptime: Uint8Array;
  readonly invalidDelta: Uint8Array;
  readonly nonNumeric: Uint8Array;
  readonly flushNotAllowed: Uint8Array;
  readonly invalidShutdownMode: Uint8Array;
  readonly shutdownNotEnabled: Uint8Array;
  readonly tooLarge: Uint8Array;
  readonly noMemoryStoring: Uint8Array;
  readonly noMemory: Uint8Array;
  readonly notEnoughReplicas: Uint8Array;
  readonly tooManyConnections: Uint8Array;
  readonly unauthenticated: Uint8Array;
  readonly authTokenTooLong: Uint8Array;
  readonly badTermination: Uint8Array;
  readonly badAuthToken: Uint8Array;
  readonly authFailure: Uint8Array;
} = {
  stored: line('STORED'),
  notStored: line('NOT_STORED'),
  exists: line('EXISTS'),
  notFound: line('NOT_FOUND'),
  deleted: line('DELETED'),
  touched: line('TOUCHED'),
  ok: line('OK'),
  end: line('END'),
  reset: line('RESET'),
  metaNoop: line('MN'),
  error: line('ERROR'),
  badFormat: line('CLIENT_ERROR bad command line format'),
  badDataChunk: line('CLIENT_ERROR bad data chunk'),
  deleteUsage: line('CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]'),
  invalidExptime: line('CLIENT_ERROR invalid exptime argument'),
  invalidDelta: line('CLIENT_ERROR invalid numeric delta argument'),
  nonNumeric: line('CLIENT_ERROR cannot increment or decrement non-numeric value'),
  flushNotAllowed: line('CLIENT_ERROR flush_all not allowed'),
  invalidShutdownMode: line('CLIENT_ERROR invalid shutdown mode'),
  shutdownNotEnabled: line('SERVER_ERROR: shutdown not enabled'),
  tooLarge: line('SERVER_ERROR object too large for cache'),
  noMemoryStoring: line('SERVER_ERROR out of memory storing object'),
  noMemory: line('SERVER_ERROR out of memory'),
  notEnoughReplicas: line('SERVER_ERROR not enough replicas'),
  tooManyConnections: line('ERROR Too many open connections'),
  unauthenticated: line('CLIENT_ERROR unauthenticated'),
  authTokenTooLong: line('CLIENT_ERROR auth token too long'),
  badTermination: line('CLIENT_ERROR bad command line termination'),
  badAuthToken: line('CLIENT_ERROR bad authentication token format'),
  authFailure: line('CLIENT_ERROR authentication failure'),
};

/** Writes one of the fixed replies. */
export function writeReply(output: Output, reply: Uint8Array): void {
  const count = reply.length;
  output.reserve(count);
  const { bytes, at } = output;
  for (let i = 0; i < count; i++) bytes[at + i] = reply[i]!;
  output.at = at + count;
}

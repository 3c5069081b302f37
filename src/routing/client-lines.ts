import { KEY_BYTES_MAX } from '../base/limits.ts';
import { META_ERROR } from '../protocol/text/meta-request.ts';
import { LINE_ERROR } from '../protocol/text/request-parser.ts';

/** The bytes of a text, one for each character. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export const REPLY_META_NOOP: Uint8Array = ascii('MN\r\n');
export const REPLY_ERROR: Uint8Array = ascii('ERROR\r\n');
export const REPLY_BAD_CHUNK: Uint8Array = ascii('CLIENT_ERROR bad data chunk\r\n');
export const REPLY_TOO_LARGE: Uint8Array = ascii('SERVER_ERROR object too large for cache\r\n');
export const REPLY_NO_MEMORY: Uint8Array = ascii('SERVER_ERROR OUT OF MEMORY\r\n');
export const REPLY_FLUSH_REFUSED: Uint8Array = ascii('CLIENT_ERROR flush_all not allowed\r\n');
export const REPLY_FORMAT: Uint8Array = ascii('CLIENT_ERROR bad command line format\r\n');

export const REPLY_TOO_MANY_FLAGS: Uint8Array = ascii('CLIENT_ERROR options flags too long\r\n');

/** What a line is answered with that is none, by its error. */
export const LINE_ERROR_REPLIES: ReadonlyMap<number, Uint8Array> = new Map([
  [LINE_ERROR.unknown, REPLY_ERROR],
  [LINE_ERROR.format, REPLY_FORMAT],
  [LINE_ERROR.deleteUsage, ascii('CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n')],
  [LINE_ERROR.exptime, ascii('CLIENT_ERROR invalid exptime argument\r\n')],
  [LINE_ERROR.delta, ascii('CLIENT_ERROR invalid numeric delta argument\r\n')],
]);

/** The same of a meta command. */
export const META_REFUSALS: ReadonlyMap<number, Uint8Array> = new Map([
  [META_ERROR.format, REPLY_FORMAT],
  [META_ERROR.duplicateFlag, ascii('CLIENT_ERROR duplicate flag\r\n')],
  [META_ERROR.invalidOrDuplicateFlag, ascii('CLIENT_ERROR invalid or duplicate flag\r\n')],
]);

const SPACE = 32;
/** Whether an unfinished line is a get, gets, gat or gats, whose lines may be longer than others. */
export function beginsRetrieval(input: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end && at < start + 100 && input[at] === SPACE) at++;
  if (input[at] !== 103 || (input[at + 1] !== 101 && input[at + 1] !== 97) || input[at + 2] !== 116)
    return false;
  return input[at + 3] === SPACE || (input[at + 3] === 115 && input[at + 4] === SPACE);
}

/** Bytes as text, of a key's length at most. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let i = start; i < end && i < start + KEY_BYTES_MAX; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

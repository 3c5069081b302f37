import { base64Bytes, encodeBase64Key } from '../protocol/text/base64-key.ts';
import { VERB } from '../protocol/text/verbs.ts';
import type { Request } from './request.ts';
import type { RequestPool } from './request-pool.ts';

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const DELETE = ascii('delete ');
const META_DELETE = ascii('md ');
const BASE64_FLAG = ascii(' b');
const LINE_END = ascii('\r\n');
const SPACE = 32;
const CR = 13;
const LF = 10;

/**
 * A request that deletes a key, bytes [start, end) of `bytes`. One that cannot stand in a line of text came in base64, and goes so.
 *
 * @param noreply nobody wants to know what has become of it
 * @returns null when the thread's buffers are used up
 */
export function deletionOf(
  requests: RequestPool,
  bytes: Uint8Array,
  start: number,
  end: number,
  noreply: boolean,
): Request | null {
  if (!isPlainKey(bytes, start, end)) return base64Deletion(requests, bytes, start, end, noreply);
  const request = begun(requests, VERB.delete, noreply, DELETE, end - start + LINE_END.length);
  if (request === null) return null;
  const keyStart = request.length;
  request.append(bytes, start, end);
  request.addKey(keyStart, request.length);
  request.append(LINE_END, 0, LINE_END.length);
  return request;
}

function base64Deletion(
  requests: RequestPool,
  bytes: Uint8Array,
  from: number,
  to: number,
  noreply: boolean,
): Request | null {
  const base64 = base64Bytes(to - from);
  const room = base64 + BASE64_FLAG.length + LINE_END.length + to - from;
  const request = begun(requests, VERB.metaDelete, noreply, META_DELETE, room);
  if (request === null) return null;
  const start = request.length;
  request.length += base64 + BASE64_FLAG.length + LINE_END.length;
  // Behind the line: the key that it is placed by.
  const plainStart = request.length;
  for (let i = from; i < to; i++) request.bytes[plainStart + i - from] = bytes[i]!;
  encodeBase64Key(request.bytes, plainStart, plainStart + to - from, request.bytes, start);
  request.bytes.set(BASE64_FLAG, start + base64);
  request.bytes.set(LINE_END, start + base64 + BASE64_FLAG.length);
  request.addKey(plainStart, plainStart + to - from);
  request.hasBase64Key = true;
  return request;
}

function begun(
  requests: RequestPool,
  verb: number,
  noreply: boolean,
  word: Uint8Array,
  bytes: number,
): Request | null {
  const request = requests.acquire(null, verb, noreply);
  if (!request.reserve(word.length + bytes)) {
    requests.release(request);
    return null;
  }
  request.append(word, 0, word.length);
  request.prefixEnd = word.length - 1;
  return request;
}

/** Whether a key can stand in a line of text. Nothing else than these four ends a word there. */
export function isPlainKey(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const code = bytes[at];
    if (code === SPACE || code === CR || code === LF || code === 0) return false;
  }
  return true;
}

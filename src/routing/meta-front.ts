import { decodeBase64Key } from '../protocol/text/base64-key.ts';
import { LOWER, type MetaRequest, UPPER } from '../protocol/text/meta-request.ts';
import { VERB } from '../protocol/text/verbs.ts';
import type { Request } from './request.ts';

const SPACE = 32;
const LETTER_Q = 113;
const ONE_SPACE = Uint8Array.of(SPACE);

/** Modes of ms that leave the same when they are done twice. */
const MODES_RETRY_SAFE: ReadonlySet<number> = new Set([...'SsRr'].map((letter) => letter.charCodeAt(0)));

/** memcached up to 1.6.18 takes no more in an `ms`, and does not swallow the value of one that has more. */
const SET_FLAGS_MAX = 16;

/** Whether an `ms` has more flags, known or not, than every memcached takes. @param start the first byte behind the verb */
export function hasTooManySetFlags(input: Uint8Array, start: number, end: number): boolean {
  let words = 0;
  for (let at = start; at < end; at++)
    if (input[at] !== SPACE && (at === start || input[at - 1] === SPACE)) words++;
  return words > SET_FLAGS_MAX + 2;
}

/** Bytes of a base64 key, for which room is kept behind a request. */
export const BASE64_KEY_BYTES_MAX = 256;

/**
 * Writes the words of a meta command into a request, as it is sent on: with single spaces, and without `q`. A quiet command is answered to us
 * all the same, because its place among the others must be known; what it should not have said is kept from the client then (`isHushed`).
 *
 * @param request has room for it, and its verb's word already
 * @param start the first byte behind the verb
 * @param end of the line, without its end
 */
export function copyMetaLine(
  request: Request,
  meta: MetaRequest,
  input: Uint8Array,
  start: number,
  end: number,
): void {
  let words = 0;
  // Flags stand behind the key, and behind the length.
  const flagsFrom = meta.verb === VERB.metaSet ? 2 : 1;
  for (let at = start; ; words++) {
    while (at < end && input[at] === SPACE) at++;
    if (at >= end) break;
    const wordStart = at;
    while (at < end && input[at] !== SPACE) at++;
    if (words >= flagsFrom && input[wordStart] === LETTER_Q && at === wordStart + 1) continue;
    request.append(ONE_SPACE, 0, 1);
    const keyStart = request.length;
    request.append(input, wordStart, at);
    if (words === 0) request.addKey(keyStart, request.length);
  }
  request.isHushed = (meta.lower & LOWER.quiet) !== 0;
  request.hasBase64Key = (meta.lower & LOWER.base64) !== 0 && meta.isKeyDecodable(input);
  request.isRetrySafe = isMetaRetrySafe(meta);
}

/** Whether doing it twice leaves the same: then it may be sent again when it is not known whether it was done. */
function isMetaRetrySafe({ verb, upper, mode }: MetaRequest): boolean {
  if (verb === VERB.metaGet || verb === VERB.metaDebug) return true;
  if ((upper & UPPER.compareCas) !== 0) return false;
  if (verb === VERB.metaDelete) return true;
  return verb === VERB.metaSet && (mode === -1 || MODES_RETRY_SAFE.has(mode));
}

/**
 * Has the request placed by the key that its base64 stands for, as if it had come in plain text: the decoded key is put behind the bytes that are
 * sent. Room for BASE64_KEY_BYTES_MAX bytes is there.
 */
export function placeBase64Key(request: Request): void {
  const { bytes, length } = request;
  const start = request.keyStart[0]!;
  const end = request.keyEnd[0]!;
  bytes.copyWithin(length, start, end);
  request.keyStart[0] = length;
  request.keyEnd[0] = decodeBase64Key(bytes, length, length + (end - start));
}

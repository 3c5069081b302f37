import { VERB } from '../protocol/text/verbs.ts';
import type { Request } from './request.ts';

const SPACE = 32;
const CR = 13;
const MINUS = 45;

/** Above this an exptime is a time of the clock, as memcached has it. */
const RELATIVE_SECONDS_MAX = 2592000;

/** Words between the key and the exptime, by verb; -1: none has it. */
const WORDS_BEFORE = new Int8Array(64).fill(-1);
for (const verb of [VERB.set, VERB.add, VERB.replace, VERB.cas]) WORDS_BEFORE[verb] = 1;
WORDS_BEFORE[VERB.touch] = 0;

/** Whether a request sets how long an item lives, behind its key. */
export function setsExptime(verb: number): boolean {
  return WORDS_BEFORE[verb]! >= 0;
}

/** Where the exptime of a request stands: bytes [start, end). */
const place = { start: 0, end: 0 };

function findExptime(request: Request): void {
  const { bytes } = request;
  let at = request.keyEnd[0]!;
  for (let words = WORDS_BEFORE[request.verb]!; words >= 0; words--) {
    while (bytes[at] === SPACE) at++;
    place.start = at;
    while (bytes[at] !== SPACE && bytes[at] !== CR) at++;
    place.end = at;
  }
}

/**
 * How long an item of this request lives if it may not live longer than `secondsMax`.
 *
 * @returns seconds; -1 when the request stands as it is: the item lives no longer anyway
 */
export function cappedExptime(request: Request, secondsMax: number): number {
  findExptime(request);
  const { bytes } = request;
  if (bytes[place.start] === MINUS) return -1;
  let seconds = 0;
  for (let at = place.start; at < place.end; at++) seconds = seconds * 10 + bytes[at]! - 48;
  // For ever, and until some time of a clock that we do not have.
  if (seconds === 0 || seconds > RELATIVE_SECONDS_MAX) return secondsMax;
  return seconds > secondsMax ? secondsMax : -1;
}

/**
 * Writes `source` into an empty request, with another exptime.
 *
 * @returns false when the buffers are used up
 */
export function copyWithExptime(target: Request, source: Request, seconds: number): boolean {
  const text = String(seconds);
  findExptime(source);
  const { start, end } = place;
  if (!target.reserve(source.length + text.length)) return false;
  target.append(source.bytes, 0, start);
  for (let i = 0; i < text.length; i++) target.bytes[target.length++] = text.charCodeAt(i);
  target.append(source.bytes, end, source.length);
  target.prefixEnd = source.prefixEnd;
  target.addKey(source.keyStart[0]!, source.keyEnd[0]!);
  return true;
}

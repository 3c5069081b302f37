/**
 * A client's line in the form in which it goes on to a server: words separated by one space, without `noreply`, and in memcached's own spelling. Of
 * each, room for `forwardedBytesMax` has been made in the request before.
 */
import type { MetaRequest } from '../protocol/text/meta-request.ts';
import { LINE_ERROR, nextKey, type TextRequest } from '../protocol/text/request-parser.ts';
import { VERB, VERB_SPELLINGS } from '../protocol/text/verbs.ts';
import { ascii } from './client-lines.ts';
import { copyMetaLine } from './meta-front.ts';
import type { Request } from './request.ts';
import type { WireRequest } from './wire-request.ts';

/** Each verb as it is sent on, by number. */
const VERB_WORDS: readonly Uint8Array[] = Array.from({ length: 64 }, (_, verb) =>
  ascii([...VERB_SPELLINGS].find(([number]) => number === verb)?.[1] ?? ''),
);

/** How many words of the line go on behind the verb; surplus ones are dropped, `noreply` above all. */
const ARGUMENT_COUNTS: Uint8Array = new Uint8Array(32);
for (const verb of [VERB.set, VERB.add, VERB.replace, VERB.append, VERB.prepend]) ARGUMENT_COUNTS[verb] = 4;
ARGUMENT_COUNTS[VERB.cas] = 5;
ARGUMENT_COUNTS[VERB.incr] = 2;
ARGUMENT_COUNTS[VERB.decr] = 2;
ARGUMENT_COUNTS[VERB.touch] = 2;
ARGUMENT_COUNTS[VERB.delete] = 1;

const SPACE = 32;
const DIGIT_9 = 57;
const ONE_SPACE = Uint8Array.of(SPACE);
const LINE_END = ascii('\r\n');

/** The longest verb, with the spaces and the line end that a client may have left out. */
const VERB_ROOM = 16;

/** Bytes that a line has at most when it goes on. */
export function forwardedBytesMax(line: TextRequest): number {
  return line.lineEnd - line.argumentsStart + VERB_ROOM;
}

/**
 * Whether a key of a line has a NUL. memcached up to 1.6.18 takes that for the end of the line, so it would see another command: it would not swallow the
 * value of a `set`, and do what stands there.
 */
export function hasNulInKeys(input: Uint8Array, line: TextRequest): boolean {
  if (line.verb < VERB.get || line.verb > VERB.touch) return false;
  return hasNul(input, line.keyStart, line.verb <= VERB.gats ? line.lineEnd : line.keyEnd);
}

export function hasNul(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === 0) return true;
  return false;
}

/** A retrieval, with all its keys. @returns false when one of them is none */
export function copyRetrieval(request: WireRequest, input: Uint8Array, line: TextRequest): boolean {
  appendVerb(request, line.verb);
  if (line.verb >= VERB.gat) copyWord(request, input, line.argumentsStart, line.lineEnd);
  request.prefixEnd = request.length;
  do {
    request.append(ONE_SPACE, 0, 1);
    const keyStart = request.length;
    request.append(input, line.keyStart, line.keyEnd);
    request.addKey(keyStart, request.length);
  } while (nextKey(input, line));
  if (line.error !== LINE_ERROR.none) return false;
  request.append(LINE_END, 0, 2);
  return true;
}

/** A command of one key, to the end of its line: a value is to come behind it. */
export function copyCommand(request: WireRequest, input: Uint8Array, line: TextRequest): void {
  appendVerb(request, line.verb);
  request.prefixEnd = request.length;
  let at = line.argumentsStart;
  for (let words = ARGUMENT_COUNTS[line.verb]!; words > 0; words--) {
    const wordStart = request.length + 1;
    at = copyWord(request, input, at, line.lineEnd);
    if (request.keyCount === 0) request.addKey(wordStart, request.length);
  }
  request.append(LINE_END, 0, 2);
}

/** A meta command; see `copyMetaLine`. */
export function copyMeta(request: Request, input: Uint8Array, line: TextRequest, meta: MetaRequest): void {
  appendVerb(request, line.verb);
  request.prefixEnd = request.length;
  copyMetaLine(request, meta, input, line.argumentsStart, line.lineEnd);
  request.append(LINE_END, 0, 2);
}

/** `flush_all` with its delay. The verb takes the place of the key that it has not. */
export function copyFlushAll(request: WireRequest, input: Uint8Array, line: TextRequest): void {
  appendVerb(request, VERB.flushAll);
  request.addKey(0, request.length);
  // The line was parsed: what stands here is a number, or noreply.
  const hasDelay = line.argumentsStart < line.lineEnd && input[line.argumentsStart]! <= DIGIT_9;
  const rest = hasDelay ? ascii(` ${line.exptime}\r\n`) : LINE_END;
  request.append(rest, 0, rest.length);
}

/** `version`, for the server that has the key `version`: that one is as good as any. */
export function copyVersion(request: WireRequest): void {
  appendVerb(request, VERB.version);
  request.addKey(0, request.length);
  request.append(LINE_END, 0, 2);
}

function appendVerb(request: WireRequest, verb: number): void {
  const word = VERB_WORDS[verb]!;
  request.append(word, 0, word.length);
}

/** Copies the next word, with one space before it. @returns the index behind it in `input` */
function copyWord(request: WireRequest, input: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && input[at] === SPACE) at++;
  const wordStart = at;
  while (at < end && input[at] !== SPACE) at++;
  request.append(ONE_SPACE, 0, 1);
  request.append(input, wordStart, at);
  return at;
}

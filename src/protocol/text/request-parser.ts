import { KEY_BYTES_MAX } from '../../base/limits.ts';
import { parsed, parseUint64 } from '../../base/uint64.ts';
import { VERB, verbAt } from './verbs.ts';

/** What is wrong with a command line; the engine has a reply for each. `none` is a well-formed request. */
export const LINE_ERROR = {
  none: 0,
  /** No such command. */
  unknown: 1,
  /** `CLIENT_ERROR bad command line format` */
  format: 2,
  /** `CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]` */
  deleteUsage: 3,
  /** `CLIENT_ERROR invalid exptime argument` */
  exptime: 4,
  /** `CLIENT_ERROR invalid numeric delta argument` */
  delta: 5,
  /** Somebody speaks HTTP to us: close without an answer. */
  http: 6,
} as const;

/** Most bytes of a value that a storage line may announce: a signed 32-bit length with room for its CR LF. */
export const VALUE_BYTES_MAX: number = 2 ** 31 - 3;

/** A cas id of 2^53 or more, which only an item can have whose client chose it; the same number as the store's CAS_WIDE. */
export const CAS_WIDE = -1;

const SPACE = 32;
const CR = 13;
const LF = 10;

/**
 * One parsed command line. Made once for a connection or thread and overwritten by each `parseTextLine`, so parsing allocates
 * nothing. Positions are indexes into the bytes that were parsed and valid as long as they are.
 */
export class TextRequest {
  /** One of VERB. */
  verb = 0;
  /** One of LINE_ERROR. The fields below are set as far as the line could be read. */
  error = 0;
  /** The first key. For get, gets, gat and gats the others follow up to `lineEnd`; walk them with `nextKey`. */
  keyStart = 0;
  keyEnd = 0;
  /** The client flags of a storage command, unsigned 32 bits. */
  flags = 0;
  /** The exptime argument as sent, signed 32 bits (storage commands, touch, gat, flush_all); the level of verbosity. */
  exptime = 0;
  /** The announced length of the value; -1 when the line has no usable one, so that nothing may be swallowed. */
  valueBytes = -1;
  /** The cas id of `cas`, or CAS_WIDE, when it is in casHigh and casLow; 0 for the other storage commands. */
  cas = 0;
  /** Of a `cas` line: it ends before its cas id. */
  lacksCas = false;
  casHigh = 0;
  casLow = 0;
  /** The operand of incr and decr, in two halves. */
  deltaHigh = 0;
  deltaLow = 0;
  /** The last word is `noreply` and the command heeds it. */
  noreply = false;
  /** Start of the first word behind the command, or `lineEnd`. */
  argumentsStart = 0;
  /** End of the line without its CR and trailing spaces. */
  lineEnd = 0;
}

let wordStart = 0;
let wordEnd = 0;

/** Moves wordStart and wordEnd to the next word from `at`; an empty word at the end of the line. */
function nextWord(bytes: Uint8Array, at: number, end: number): void {
  while (at < end && bytes[at] === SPACE) at++;
  wordStart = at;
  while (at < end && bytes[at] !== SPACE) at++;
  wordEnd = at;
}

const NOREPLY = Uint8Array.from('noreply', (character) => character.charCodeAt(0));

/** Whether the line ends in the word `noreply`, behind `start`: the end of a key, where that itself may be the word. */
function endsInNoreply(bytes: Uint8Array, start: number, end: number): boolean {
  const at = end - 7;
  if (at <= start || bytes[at - 1] !== SPACE) return false;
  for (let i = 0; i < 7; i++) if (bytes[at + i] !== NOREPLY[i]) return false;
  return true;
}

/** Whether the last word begins with `HTTP/`, as in `GET / HTTP/1.1`. */
function endsInHttp(bytes: Uint8Array, start: number, end: number): boolean {
  let at = end;
  while (at > start && bytes[at - 1] !== SPACE) at--;
  return (
    end - at >= 5 &&
    bytes[at] === 72 &&
    bytes[at + 1] === 84 &&
    bytes[at + 2] === 84 &&
    bytes[at + 3] === 80 &&
    bytes[at + 4] === 47
  );
}

/** The number read by the functions below. */
let wordNumber = 0;

/** Reads the present word as an unsigned 32-bit number into wordNumber. */
function wordIsUint32(bytes: Uint8Array): boolean {
  const digits = wordEnd - wordStart;
  if (digits < 1 || digits > 15) return false;
  let value = 0;
  for (let i = wordStart; i < wordEnd; i++) {
    const digit = bytes[i]! - 48;
    if (digit < 0 || digit > 9) return false;
    value = value * 10 + digit;
  }
  wordNumber = value;
  return value <= 0xffffffff;
}

/** Reads the present word as a signed 32-bit number into wordNumber. */
function wordIsInt32(bytes: Uint8Array): boolean {
  const sign = bytes[wordStart];
  const signed = wordStart < wordEnd && (sign === 45 || sign === 43);
  if (signed) wordStart++;
  if (!wordIsUint32(bytes)) return false;
  if (signed && sign === 45) {
    wordNumber = -wordNumber;
    return wordNumber >= -0x80000000;
  }
  return wordNumber <= 0x7fffffff;
}

/**
 * Parses one command line of the classic text protocol.
 *
 * Syntax as memcached's: words separated by runs of spaces, surplus words ignored (but see `delete`), numbers decimal. A line
 * that is wrong is not an exception but a value: `request.error`.
 *
 * @param bytes holds the line
 * @param start its first byte
 * @param end the index of its LF; a CR before it is dropped
 * @param request is overwritten
 */
export function parseTextLine(bytes: Uint8Array, start: number, end: number, request: TextRequest): void {
  if (end > start && bytes[end - 1] === 13) end--;
  while (end > start && bytes[end - 1] === SPACE) end--;
  request.lineEnd = end;
  request.error = LINE_ERROR.none;
  request.noreply = false;
  request.valueBytes = -1;
  nextWord(bytes, start, end);
  const verb = verbAt(bytes, wordStart, wordEnd);
  request.verb = verb;
  nextWord(bytes, wordEnd, end);
  request.argumentsStart = wordStart;
  if (verb === VERB.get || verb === VERB.gets) {
    keyHere(request);
    return;
  }
  if (verb >= VERB.set && verb <= VERB.cas) {
    parseStorage(bytes, start, end, request);
    return;
  }
  if (verb === VERB.unknown) {
    if (endsInHttp(bytes, start, end)) request.error = LINE_ERROR.http;
    else request.error = end - start < 2 ? LINE_ERROR.format : LINE_ERROR.unknown;
    return;
  }
  parseOther(bytes, start, end, request);
}

/**
 * Parses the line that nearly every storage command is, `set <key> <flags> <exptime> <bytes>` with single spaces, plain numbers and CR LF, in one pass.
 *
 * @param start its first byte; `set ` stands there
 * @param end behind what has come
 * @param request is overwritten, as `parseTextLine` does
 * @returns where the value begins; -1 when the line is another one or not all there: then it is `parseTextLine`'s
 */
export function parsePlainSet(bytes: Uint8Array, start: number, end: number, request: TextRequest): number {
  const keyStart = start + 4;
  let at = keyStart;
  while (at < end && bytes[at]! > SPACE) at++;
  const keyEnd = at;
  if (keyEnd === keyStart || keyEnd - keyStart > KEY_BYTES_MAX) return -1;
  at = plainNumber(bytes, at, end);
  const flags = plainValue;
  at = plainNumber(bytes, at, end);
  const exptime = plainValue;
  at = plainNumber(bytes, at, end);
  if (at < 0 || at + 1 >= end || bytes[at] !== CR || bytes[at + 1] !== LF) return -1;
  beginPlainSet(request, keyStart, keyEnd, flags, exptime, plainValue, at);
  return at + 2;
}

/** Makes a request what `parsePlainSet` makes of a line whose words are these. @param lineEnd where its CR stands */
export function beginPlainSet(
  request: TextRequest,
  keyStart: number,
  keyEnd: number,
  flags: number,
  exptime: number,
  valueBytes: number,
  lineEnd: number,
): void {
  request.verb = VERB.set;
  request.error = LINE_ERROR.none;
  request.noreply = false;
  request.lineEnd = lineEnd;
  request.argumentsStart = keyStart;
  request.keyStart = keyStart;
  request.keyEnd = keyEnd;
  request.flags = flags;
  request.exptime = exptime;
  request.valueBytes = valueBytes;
  request.cas = 0;
}

/** The last number of `plainNumber`. */
let plainValue = 0;

/** Reads a space and a number of one to nine digits, which is below 2^31. @returns where it ends; -1 if there is none, or `at` is -1 */
function plainNumber(bytes: Uint8Array, at: number, end: number): number {
  if (at < 0 || bytes[at] !== SPACE) return -1;
  let next = at + 1;
  let value = 0;
  for (; next < end; next++) {
    const digit = bytes[next]! - 48;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  const digits = next - at - 1;
  plainValue = value;
  return digits === 0 || digits > 9 ? -1 : next;
}

/** Takes the present word as the key. */
function keyHere(request: TextRequest): boolean {
  request.keyStart = wordStart;
  request.keyEnd = wordEnd;
  const length = wordEnd - wordStart;
  if (length > 0 && length <= KEY_BYTES_MAX) return true;
  request.error = LINE_ERROR.format;
  return false;
}

/**
 * `<verb> <key> <flags> <exptime> <bytes> [<cas>] [noreply]`. A wrong word with a good length lets the caller swallow the
 * value that follows, so reading goes on behind an error as far as the length.
 */
function parseStorage(bytes: Uint8Array, start: number, end: number, request: TextRequest): void {
  request.noreply = endsInNoreply(bytes, start, end);
  keyHere(request);
  nextWord(bytes, wordEnd, end);
  if (wordIsUint32(bytes)) request.flags = wordNumber;
  else request.error = LINE_ERROR.format;
  nextWord(bytes, wordEnd, end);
  if (wordIsInt32(bytes)) request.exptime = wordNumber;
  else request.error = LINE_ERROR.format;
  nextWord(bytes, wordEnd, end);
  if (wordIsUint32(bytes) && wordNumber <= VALUE_BYTES_MAX) request.valueBytes = wordNumber;
  else request.error = LINE_ERROR.format;
  // The request is shared: an append must not be held to the cas id of somebody's line before it.
  request.cas = 0;
  if (request.verb !== VERB.cas) return;
  nextWord(bytes, wordEnd, end);
  request.lacksCas = wordStart === wordEnd;
  parseUint64(bytes, wordStart, wordEnd);
  if (!parsed.valid) request.error = LINE_ERROR.format;
  request.casHigh = parsed.high;
  request.casLow = parsed.low;
  request.cas = parsed.high > 0x1fffff ? CAS_WIDE : parsed.high * 4294967296 + parsed.low;
}

function parseOther(bytes: Uint8Array, start: number, end: number, request: TextRequest): void {
  switch (request.verb) {
    case VERB.gat:
    case VERB.gats:
      if (wordStart === wordEnd) request.error = LINE_ERROR.format;
      else if (!wordIsInt32(bytes)) request.error = LINE_ERROR.exptime;
      else {
        request.exptime = wordNumber;
        nextWord(bytes, wordEnd, end);
        keyHere(request);
      }
      return;
    case VERB.delete:
      request.noreply = endsInNoreply(bytes, wordEnd, end);
      if (!keyHere(request)) return;
      nextWord(bytes, wordEnd, end);
      // Historic clients send a time here; only 0 was ever honoured.
      if (wordEnd - wordStart === 1 && bytes[wordStart] === 48) nextWord(bytes, wordEnd, end);
      if (wordEnd > wordStart && !(request.noreply && wordEnd === end))
        request.error = LINE_ERROR.deleteUsage;
      return;
    case VERB.incr:
    case VERB.decr:
      request.noreply = endsInNoreply(bytes, wordEnd, end);
      if (!keyHere(request)) return;
      nextWord(bytes, wordEnd, end);
      if (wordStart === wordEnd) request.error = LINE_ERROR.format;
      else {
        parseUint64(bytes, wordStart, wordEnd);
        if (!parsed.valid) request.error = LINE_ERROR.delta;
        request.deltaHigh = parsed.high;
        request.deltaLow = parsed.low;
      }
      return;
    case VERB.touch:
      request.noreply = endsInNoreply(bytes, wordEnd, end);
      if (!keyHere(request)) return;
      nextWord(bytes, wordEnd, end);
      if (wordStart === wordEnd) request.error = LINE_ERROR.format;
      else if (wordIsInt32(bytes)) request.exptime = wordNumber;
      else request.error = LINE_ERROR.exptime;
      return;
    case VERB.flushAll:
      request.noreply = endsInNoreply(bytes, start, end);
      request.exptime = 0;
      if (wordStart === wordEnd || (request.noreply && wordEnd === end)) return;
      if (wordIsInt32(bytes)) request.exptime = wordNumber;
      else request.error = LINE_ERROR.exptime;
      return;
    case VERB.verbosity:
      request.noreply = endsInNoreply(bytes, start, end);
      if (wordStart === wordEnd) request.error = LINE_ERROR.format;
      else if (wordIsUint32(bytes)) request.exptime = wordNumber;
      else if (!request.noreply) request.error = LINE_ERROR.format;
      return;
    case VERB.slabs:
      // Heeded by `slabs automove` alone.
      request.noreply = bytes[wordStart] === 97 && endsInNoreply(bytes, start, end);
      return;
    case VERB.lru:
    case VERB.cacheMemlimit:
    case VERB.refreshCerts:
    case VERB.acks:
      request.noreply = endsInNoreply(bytes, start, end);
      return;
    default:
      return;
  }
}

/**
 * Moves keyStart and keyEnd of a retrieval request to the next key of its line.
 *
 * @returns false when there is none, or when it is too long (then `request.error` is set)
 */
export function nextKey(bytes: Uint8Array, request: TextRequest): boolean {
  nextWord(bytes, request.keyEnd, request.lineEnd);
  return wordStart < wordEnd && keyHere(request);
}

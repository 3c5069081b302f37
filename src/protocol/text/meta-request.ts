import { KEY_BYTES_MAX } from '../../base/limits.ts';
import { parsed, parseUint64 } from '../../base/uint64.ts';
import { base64KeyBytes, decodeBase64Key } from './base64-key.ts';
import { VALUE_BYTES_MAX } from './request-parser.ts';
import { VERB } from './verbs.ts';

/** What is wrong with a meta command; the engine has a reply for each. */
export const META_ERROR = {
  none: 0,
  /** `CLIENT_ERROR bad command line format` */
  format: 1,
  duplicateFlag: 2,
  invalidFlag: 3,
  /** A number that is none: `CLIENT_ERROR bad token in command line format` */
  badToken: 4,
  badBase64: 5,
  opaqueTooLong: 6,
  tooManyFlags: 7,
  delta: 8,
  initial: 9,
  /** Any of the above that is about a flag, for `ma`. */
  invalidOrDuplicateFlag: 10,
} as const;

/** Most flags of one command. */
export const META_FLAGS_MAX = 20;
/** Most bytes of an opaque token, with its O. */
const OPAQUE_BYTES_MAX = 32;

/** Bytes of a key and an opaque token. */
export const META_KEPT_BYTES: number = KEY_BYTES_MAX + OPAQUE_BYTES_MAX;

const SPACE = 32;

// A letter's bit: a or A 1, b or B 2, and so on.

/** Bits of `MetaRequest.lower`, by what the flag asks for. */
export const LOWER = {
  base64: 0x2,
  cas: 0x4,
  clientFlags: 0x20,
  hitBefore: 0x80,
  key: 0x400,
  lastAccess: 0x800,
  quiet: 0x10000,
  size: 0x40000,
  ttl: 0x80000,
  noBump: 0x100000,
  value: 0x200000,
  clear: 0x800000,
} as const;

/** Bits of `MetaRequest.upper`. */
export const UPPER = {
  compareCas: 0x4,
  delta: 0x8,
  explicitCas: 0x10,
  clientFlags: 0x20,
  invalidate: 0x100,
  initial: 0x200,
  ignoredL: 0x800,
  mode: 0x1000,
  autoCreate: 0x2000,
  opaque: 0x4000,
  ignoredP: 0x8000,
  recache: 0x20000,
  ttl: 0x80000,
} as const;

/** Every flag is known to every command, which takes no notice of those that are not for it. */
const LOWER_ALL: number = Object.values(LOWER).reduce((all, one) => all | one, 0);
const UPPER_ALL: number = Object.values(UPPER).reduce((all, one) => all | one, 0);

/**
 * One parsed meta command. Made once for a thread and overwritten by each `parseMetaRequest`, so parsing allocates nothing. Positions
 * are indexes into the bytes that were parsed. A number is only meaningful when its flag is there.
 */
export class MetaRequest {
  verb = 0;
  /** One of META_ERROR. */
  error = 0;
  keyStart = 0;
  /** With base64 the key is still encoded, until `decodeKey`. */
  keyEnd = 0;
  /** Of ms: the announced length, -1 when there is no usable one, so that nothing may be swallowed. */
  valueBytes = -1;
  /** Which flags there are. */
  lower = 0;
  upper = 0;
  /** The flags' letters in the order of the request. */
  readonly flags: Uint8Array = new Uint8Array(META_FLAGS_MAX);
  flagCount = 0;
  /** O, its letter included. */
  opaqueStart = 0;
  opaqueEnd = 0;
  /** C, D, E and J: unsigned, in two halves. */
  compareHigh = 0;
  compareLow = 0;
  deltaHigh = 0;
  deltaLow = 1;
  newCasHigh = 0;
  newCasLow = 0;
  initialHigh = 0;
  initialLow = 0;
  /** F, unsigned 32 bits; 0 without. */
  clientFlags = 0;
  /** T (0 without), N and R as sent: signed 32 bits. */
  exptime = 0;
  autoExptime = 0;
  recacheSeconds = 0;
  /** The first character of M, 0 when there is none, -1 when there is no M. */
  mode = -1;

  /**
   * Becomes a copy of `other` that outlives its bytes: key and opaque token are copied to the beginning of `kept`.
   *
   * @param kept holds at least META_KEPT_BYTES
   */
  copyFrom(other: MetaRequest, bytes: Uint8Array, kept: Uint8Array): void {
    let at = 0;
    for (let i = other.keyStart; i < other.keyEnd; i++) kept[at++] = bytes[i]!;
    this.keyStart = 0;
    this.keyEnd = at;
    this.opaqueStart = at;
    if ((other.upper & UPPER.opaque) !== 0) {
      for (let i = other.opaqueStart; i < other.opaqueEnd; i++) kept[at++] = bytes[i]!;
    }
    this.opaqueEnd = at;
    this.verb = other.verb;
    this.error = other.error;
    this.valueBytes = other.valueBytes;
    this.lower = other.lower;
    this.upper = other.upper;
    this.flags.set(other.flags);
    this.flagCount = other.flagCount;
    this.compareHigh = other.compareHigh;
    this.compareLow = other.compareLow;
    this.newCasHigh = other.newCasHigh;
    this.newCasLow = other.newCasLow;
    this.mode = other.mode;
  }

  /** Whether the key is what the flag `b`, if it is there, says. Another error may have taken that one's place in `error`. */
  isKeyDecodable(bytes: Uint8Array): boolean {
    return (this.lower & LOWER.base64) === 0 || base64KeyBytes(bytes, this.keyStart, this.keyEnd) > 0;
  }

  /** Decodes a base64 key where it stands; it is decodable. The bytes of the request are spoiled by that: it must be executed now. */
  decodeKey(bytes: Uint8Array): void {
    if ((this.lower & LOWER.base64) !== 0) this.keyEnd = decodeBase64Key(bytes, this.keyStart, this.keyEnd);
  }
}

/** Reads [start, end) as a signed 32-bit number. */
let signedValue = 0;
function isInt32(bytes: Uint8Array, start: number, end: number): boolean {
  const first = bytes[start];
  const isSigned = start < end && (first === 45 || first === 43);
  const digitsStart = isSigned ? start + 1 : start;
  if (digitsStart >= end || end - digitsStart > 15) return false;
  let value = 0;
  for (let i = digitsStart; i < end; i++) {
    const digit = bytes[i]! - 48;
    if (digit < 0 || digit > 9) return false;
    value = value * 10 + digit;
  }
  signedValue = isSigned && first === 45 ? -value : value;
  return signedValue >= -0x80000000 && signedValue <= 0x7fffffff;
}

/**
 * Parses the words behind the verb of mg, ms, md, ma or me. Nothing is thrown: what is wrong is in `request.error`.
 *
 * @param verb one of VERB
 * @param start the first byte behind the verb
 * @param end the end of the line, without CR, LF and trailing spaces
 * @param request is overwritten
 */
export function parseMetaRequest(
  bytes: Uint8Array,
  verb: number,
  start: number,
  end: number,
  request: MetaRequest,
): void {
  request.verb = verb;
  request.error = META_ERROR.none;
  request.lower = 0;
  request.upper = 0;
  request.flagCount = 0;
  request.valueBytes = -1;
  request.deltaHigh = 0;
  request.deltaLow = 1;
  request.clientFlags = 0;
  request.exptime = 0;
  request.initialHigh = 0;
  request.initialLow = 0;
  request.mode = -1;
  let at = start;
  while (at < end && bytes[at] === SPACE) at++;
  request.keyStart = at;
  while (at < end && bytes[at] !== SPACE) at++;
  request.keyEnd = at;
  const isKeyRight = at > request.keyStart && at - request.keyStart <= KEY_BYTES_MAX;
  if (!isKeyRight) request.error = META_ERROR.format;
  if (verb === VERB.metaSet) {
    while (at < end && bytes[at] === SPACE) at++;
    const lengthStart = at;
    while (at < end && bytes[at] !== SPACE) at++;
    if (isInt32(bytes, lengthStart, at) && signedValue >= 0 && signedValue <= VALUE_BYTES_MAX) {
      request.valueBytes = signedValue;
    } else {
      request.error = META_ERROR.format;
    }
  }
  if (request.error !== META_ERROR.none) return;
  const error = parseFlags(bytes, at, end, request);
  if (error === META_ERROR.none) return;
  const isTold = error === META_ERROR.tooManyFlags || error === META_ERROR.opaqueTooLong;
  request.error = verb === VERB.metaArithmetic && !isTold ? META_ERROR.invalidOrDuplicateFlag : error;
}

/**
 * Reads the flags. An unknown or repeated one ends it; a wrong number does not, and of several the last counts, as in memcached.
 *
 * @returns one of META_ERROR
 */
function parseFlags(bytes: Uint8Array, start: number, end: number, request: MetaRequest): number {
  let error: number = META_ERROR.none;
  let opaqueError: number = META_ERROR.none;
  let at = start;
  for (;;) {
    while (at < end && bytes[at] === SPACE) at++;
    if (at >= end) break;
    if (request.flagCount === META_FLAGS_MAX) return META_ERROR.tooManyFlags;
    const letter = bytes[at]!;
    const argument = at + 1;
    at = argument;
    while (at < end && bytes[at] !== SPACE) at++;
    request.flags[request.flagCount++] = letter;
    const mask = 1 << ((letter & 31) - 1);
    if (letter >= 97 && letter <= 122) {
      if ((LOWER_ALL & mask) === 0) return META_ERROR.invalidFlag;
      if ((request.lower & mask) !== 0) return META_ERROR.duplicateFlag;
      request.lower |= mask;
      if (mask === LOWER.base64 && base64KeyBytes(bytes, request.keyStart, request.keyEnd) < 0) {
        error = META_ERROR.badBase64;
      }
      continue;
    }
    if (letter < 65 || letter > 90 || (UPPER_ALL & mask) === 0) return META_ERROR.invalidFlag;
    if ((request.upper & mask) !== 0) return META_ERROR.duplicateFlag;
    request.upper |= mask;
    if (mask === UPPER.opaque) {
      request.opaqueStart = argument - 1;
      request.opaqueEnd = at;
      if (at - request.opaqueStart > OPAQUE_BYTES_MAX) opaqueError = META_ERROR.opaqueTooLong;
      continue;
    }
    const wrong = readArgument(bytes, mask, argument, at, request);
    // What is wrong with F counts only where nothing else is.
    if (wrong !== META_ERROR.none && (error === META_ERROR.none || wrong !== META_ERROR.format))
      error = wrong;
  }
  return error === META_ERROR.none ? opaqueError : error;
}

/** Reads what is glued to an upper-case flag. @returns one of META_ERROR */
function readArgument(
  bytes: Uint8Array,
  mask: number,
  start: number,
  end: number,
  request: MetaRequest,
): number {
  switch (mask) {
    case UPPER.ttl:
      if (!isInt32(bytes, start, end)) return META_ERROR.badToken;
      request.exptime = signedValue;
      return META_ERROR.none;
    case UPPER.autoCreate:
      if (!isInt32(bytes, start, end)) return META_ERROR.badToken;
      request.autoExptime = signedValue;
      return META_ERROR.none;
    case UPPER.recache:
      if (!isInt32(bytes, start, end)) return META_ERROR.badToken;
      request.recacheSeconds = signedValue;
      return META_ERROR.none;
    case UPPER.mode:
      request.mode = start < end ? bytes[start]! : 0;
      return META_ERROR.none;
    case UPPER.clientFlags:
      parseUint64(bytes, start, end);
      if (!parsed.valid || parsed.high !== 0) return META_ERROR.format;
      request.clientFlags = parsed.low;
      return META_ERROR.none;
    case UPPER.compareCas:
      parseUint64(bytes, start, end);
      request.compareHigh = parsed.high;
      request.compareLow = parsed.low;
      return parsed.valid ? META_ERROR.none : META_ERROR.badToken;
    case UPPER.explicitCas:
      parseUint64(bytes, start, end);
      request.newCasHigh = parsed.high;
      request.newCasLow = parsed.low;
      return parsed.valid ? META_ERROR.none : META_ERROR.badToken;
    case UPPER.delta:
      parseUint64(bytes, start, end);
      request.deltaHigh = parsed.high;
      request.deltaLow = parsed.low;
      return parsed.valid ? META_ERROR.none : META_ERROR.delta;
    case UPPER.initial:
      parseUint64(bytes, start, end);
      request.initialHigh = parsed.high;
      request.initialLow = parsed.low;
      return parsed.valid ? META_ERROR.none : META_ERROR.initial;
    default:
      return META_ERROR.none;
  }
}

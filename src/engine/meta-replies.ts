import type { Output } from '../base/output.ts';
import { writeDecimal, writeUint64 } from '../base/uint64.ts';
import { encodeBase64Key } from '../protocol/text/base64-key.ts';
import { META_ERROR, type MetaRequest, UPPER } from '../protocol/text/meta-request.ts';
import type { Cache } from '../store/cache.ts';
import { line, REPLY } from './replies.ts';

const CR = 13;
const LF = 10;
const SPACE = 32;
const MINUS = 45;
const ONE = 49;

/** The letters of flags. */
export const FLAG = {
  base64: 98,
  cas: 99,
  clientFlags: 102,
  hitBefore: 104,
  key: 107,
  lastAccess: 108,
  size: 115,
  ttl: 116,
  autoCreate: 78,
  opaque: 79,
  recache: 82,
  setTtl: 84,
} as const;

/**
 * Room for a reply without its data: a key in base64 (340 bytes), an opaque token (33), a cas id (22) and up to twenty small
 * numbers.
 */
export const META_LINE_BYTES_MAX = 768;

/** Replies to a wrong meta command, by META_ERROR. */
export const META_ERROR_REPLY: readonly Uint8Array[] = (() => {
  const replies: Uint8Array[] = [];
  replies[META_ERROR.format] = REPLY.badFormat;
  replies[META_ERROR.duplicateFlag] = line('CLIENT_ERROR duplicate flag');
  replies[META_ERROR.invalidFlag] = line('CLIENT_ERROR invalid flag');
  replies[META_ERROR.badToken] = line('CLIENT_ERROR bad token in command line format');
  replies[META_ERROR.badBase64] = line('CLIENT_ERROR error decoding key');
  replies[META_ERROR.opaqueTooLong] = line('CLIENT_ERROR opaque token too long');
  replies[META_ERROR.tooManyFlags] = line('CLIENT_ERROR options flags are too long');
  replies[META_ERROR.delta] = line('CLIENT_ERROR invalid numeric delta value');
  replies[META_ERROR.initial] = line('CLIENT_ERROR invalid numeric initial value');
  replies[META_ERROR.invalidOrDuplicateFlag] = line('CLIENT_ERROR invalid or duplicate flag');
  return replies;
})();

/** The other fixed replies of the meta commands. */
export const META_REPLY: {
  readonly invalidSetMode: Uint8Array;
  readonly invalidArithmeticMode: Uint8Array;
  readonly noMemoryForItem: Uint8Array;
  readonly miss: Uint8Array;
} = {
  invalidSetMode: line('CLIENT_ERROR invalid mode for ms M token'),
  invalidArithmeticMode: line('CLIENT_ERROR invalid mode for ma M token'),
  noMemoryForItem: line('SERVER_ERROR Out of memory allocating new item'),
  miss: line('EN'),
};

/** The first two letters of a reply line, as one number: what stands before the flags. */
export const CODE = {
  hd: 0x4844,
  ns: 0x4e53,
  ex: 0x4558,
  nf: 0x4e46,
  va: 0x5641,
  en: 0x454e,
} as const;

// The functions below write at `at` and return the index behind. Their callers have reserved META_LINE_BYTES_MAX.

/** Writes one of CODE. */
export function writeCode(bytes: Uint8Array, at: number, code: number): number {
  bytes[at] = code >>> 8;
  bytes[at + 1] = code;
  return at + 2;
}

/** Writes `VA <bytes>`. */
export function writeValueCode(bytes: Uint8Array, at: number, valueBytes: number): number {
  bytes[at] = 86;
  bytes[at + 1] = 65;
  bytes[at + 2] = SPACE;
  return writeDecimal(bytes, at + 3, valueBytes);
}

/** Writes a space and a letter. */
export function writeLetter(bytes: Uint8Array, at: number, letter: number): number {
  bytes[at] = SPACE;
  bytes[at + 1] = letter;
  return at + 2;
}

/** Ends a line. */
export function writeLineEnd(bytes: Uint8Array, at: number): number {
  bytes[at] = CR;
  bytes[at + 1] = LF;
  return at + 2;
}

/** Writes the key of the request, which is decoded, as it is or in base64. */
export function writeKey(
  bytes: Uint8Array,
  at: number,
  request: MetaRequest,
  input: Uint8Array,
  base64: boolean,
): number {
  const { keyStart, keyEnd } = request;
  if (base64) return encodeBase64Key(input, keyStart, keyEnd, bytes, at);
  for (let i = keyStart; i < keyEnd; i++) bytes[at++] = input[i]!;
  return at;
}

/** Writes ` k<key>`, or ` k<base64> b`. */
export function writeKeyFlag(
  bytes: Uint8Array,
  at: number,
  request: MetaRequest,
  input: Uint8Array,
  base64: boolean,
): number {
  at = writeKey(bytes, writeLetter(bytes, at, FLAG.key), request, input, base64);
  return base64 ? writeLetter(bytes, at, FLAG.base64) : at;
}

/** Writes the opaque token as it came. */
export function writeOpaque(bytes: Uint8Array, at: number, request: MetaRequest, input: Uint8Array): number {
  bytes[at++] = SPACE;
  for (let i = request.opaqueStart; i < request.opaqueEnd; i++) bytes[at++] = input[i]!;
  return at;
}

/**
 * Writes ` t` with the seconds that are left, -1 for no end.
 *
 * @param exptime 0: no end
 */
export function writeTtl(bytes: Uint8Array, at: number, exptime: number, nowSeconds: number): number {
  at = writeLetter(bytes, at, FLAG.ttl);
  if (exptime !== 0) return writeDecimal(bytes, at, Math.max(0, exptime - nowSeconds));
  bytes[at] = MINUS;
  bytes[at + 1] = ONE;
  return at + 2;
}

/**
 * Writes ` c<cas id>` for the item of the request that has just been written: the id that the client chose, or the version. (Versions are not
 * passed in halves: the engine would have to make objects of them.)
 *
 * @param isStored otherwise it is 0, as with -C
 */
export function writeNewCas(
  bytes: Uint8Array,
  at: number,
  request: MetaRequest,
  cache: Cache,
  isStored: boolean,
): number {
  at = writeLetter(bytes, at, FLAG.cas);
  if (!isStored) return writeDecimal(bytes, at, 0);
  if ((request.upper & UPPER.explicitCas) === 0) return writeDecimal(bytes, at, cache.lastVersion);
  return writeUint64(bytes, at, request.newCasHigh, request.newCasLow);
}

/**
 * Writes a line that holds a code and what every reply may return: key and opaque token, in the request's order.
 *
 * @param base64 whether the key is told in base64
 */
export function writeShortReply(
  output: Output,
  code: number,
  request: MetaRequest,
  input: Uint8Array,
  base64: boolean,
): void {
  output.reserve(META_LINE_BYTES_MAX);
  const { bytes } = output;
  let at = writeCode(bytes, output.at, code);
  for (let i = 0; i < request.flagCount; i++) {
    const flag = request.flags[i];
    if (flag === FLAG.key) at = writeKeyFlag(bytes, at, request, input, base64);
    else if (flag === FLAG.opaque) at = writeOpaque(bytes, at, request, input);
  }
  output.at = writeLineEnd(bytes, at);
}

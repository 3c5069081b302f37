import { VERB } from '../protocol/text/verbs.ts';
import { wordEnd } from './line-words.ts';
import { placeBase64Key } from './meta-front.ts';
import type { Request } from './request.ts';

const SPACE = 32;
const CR = 13;
const LETTER_T = 84;

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const TOUCH = ascii('touch ');
const META = ascii('mg ');
const ONE_SPACE = ascii(' ');
const BASE64 = ascii(' b');
const LINE_END = ascii('\r\n');

/** Whether a request reads items and moves their exptime: `gat SECONDS KEY...`, `gats`, and `mg KEY ... TSECONDS ...`. */
export function movesExptime(request: Request): boolean {
  const { verb } = request;
  if (verb === VERB.metaGet) return metaExptimeStart(request) >= 0;
  return verb === VERB.gat || verb === VERB.gats;
}

/**
 * Makes a request that does to another copy of an item what such a request does to the one that is read, and asks for nothing: `touch KEY SECONDS`, or
 * `mg KEY TSECONDS` where the key may be in base64.
 *
 * @param moved an empty request, whose verb is that of `exptimeVerb`
 * @param source of which `movesExptime`
 * @returns false when the buffers are used up
 */
export function writeMovedExptime(moved: Request, source: Request, key: number): boolean {
  const isMeta = source.verb === VERB.metaGet;
  const { bytes, hasBase64Key } = source;
  const from = isMeta ? metaExptimeStart(source) : gatExptimeStart(source);
  const to = isMeta ? wordEnd(bytes, from) : source.prefixEnd;
  // As it was sent: of a key in base64 the record has what that stands for.
  const keyStart = isMeta ? META.length : source.keyStart[key]!;
  const keyEnd = isMeta ? wordEnd(bytes, keyStart) : source.keyEnd[key]!;
  const word = isMeta ? META : TOUCH;
  const keyBytes = keyEnd - keyStart;
  const room = word.length + keyBytes + ONE_SPACE.length + to - from + BASE64.length + LINE_END.length;
  if (!moved.reserve(room + (hasBase64Key ? keyBytes : 0))) return false;
  moved.append(word, 0, word.length);
  moved.prefixEnd = word.length - 1;
  const start = moved.length;
  moved.append(bytes, keyStart, keyEnd);
  moved.addKey(start, moved.length);
  moved.append(ONE_SPACE, 0, ONE_SPACE.length);
  moved.append(bytes, from, to);
  if (hasBase64Key) moved.append(BASE64, 0, BASE64.length);
  moved.append(LINE_END, 0, LINE_END.length);
  moved.hasBase64Key = hasBase64Key;
  if (hasBase64Key) placeBase64Key(moved);
  return true;
}

/** The command that `writeMovedExptime` makes of a request. */
export function exptimeVerb({ verb }: Request): number {
  return verb === VERB.metaGet ? VERB.metaGet : VERB.touch;
}

/** Where the seconds begin in `gat SECONDS KEY...`. */
function gatExptimeStart({ bytes, prefixEnd }: Request): number {
  let start = 0;
  while (start < prefixEnd && bytes[start] !== SPACE) start++;
  return start + 1;
}

/** Where `TSECONDS` begins among the flags of an `mg`, which has single spaces; -1: it has none. */
function metaExptimeStart({ bytes, length }: Request): number {
  for (let at = wordEnd(bytes, META.length) + 1; at < length; at = wordEnd(bytes, at) + 1) {
    if (bytes[at] === LETTER_T) return at;
    if (bytes[at] === CR || bytes[at - 1] === CR) return -1;
  }
  return -1;
}

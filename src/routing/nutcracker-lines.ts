import { VERB } from '../protocol/text/verbs.ts';

const SPACE = 32;
const CR = 13;
const MINUS = 45;
const KEY_BYTES_MAX = 250;
const NOREPLY = Uint8Array.from('noreply', (character) => character.charCodeAt(0));

/** What stands in a place of a line. */
const KEY = 0;
const DIGITS = 1;
/** Digits, maybe with a minus in front. */
const SIGNED = 2;

/** The words behind the verb, by verb: which must be there; `noreply` may follow. Null: not for twemproxy, or without arguments. */
const SHAPES: (readonly number[] | null)[] = new Array<readonly number[] | null>(32).fill(null);
for (const verb of [VERB.set, VERB.add, VERB.replace, VERB.append, VERB.prepend])
  SHAPES[verb] = [KEY, DIGITS, DIGITS, DIGITS];
SHAPES[VERB.cas] = [KEY, DIGITS, DIGITS, DIGITS, DIGITS];
// A minus is for the server to refuse.
SHAPES[VERB.incr] = SHAPES[VERB.decr] = [KEY, SIGNED];
SHAPES[VERB.touch] = [KEY, SIGNED];
SHAPES[VERB.delete] = [KEY];

/**
 * Whether twemproxy would take a command line. It is stricter than memcached, and closes the connection of who sends another: words too many or
 * too few, a negative exptime in a set, an LF without its CR.
 *
 * @param argumentsStart behind the verb
 * @param end of the line, at its LF
 */
export function isNutcrackerLine(
  input: Uint8Array,
  verb: number,
  argumentsStart: number,
  end: number,
): boolean {
  if (end === argumentsStart - 1 || input[end - 1] !== CR) return false;
  const lineEnd = end - 1;
  for (let at = argumentsStart; at < lineEnd; at++) if (input[at] === CR) return false;
  const isGet = verb === VERB.get || verb === VERB.gets;
  const shape = SHAPES[verb] ?? null;
  if (shape === null && !isGet && verb !== VERB.version && verb !== VERB.quit) return false;
  let words = 0;
  let at = argumentsStart;
  for (;;) {
    while (at < lineEnd && input[at] === SPACE) at++;
    if (at >= lineEnd) break;
    const start = at;
    while (at < lineEnd && input[at] !== SPACE) at++;
    if (isGet || words < (shape?.length ?? 0)) {
      if (!isWord(input, start, at, isGet ? KEY : (shape?.[words] ?? KEY))) return false;
    } else if (shape === null || words > shape.length || !isNoreply(input, start, at)) return false;
    words++;
  }
  return isGet ? words > 0 : words >= (shape?.length ?? 0);
}

function isWord(input: Uint8Array, start: number, end: number, kind: number): boolean {
  if (kind === KEY) return end - start <= KEY_BYTES_MAX;
  let at = start;
  if (kind === SIGNED && input[at] === MINUS) at++;
  if (at === end) return false;
  for (; at < end; at++) if (input[at]! < 48 || input[at]! > 57) return false;
  return true;
}

function isNoreply(input: Uint8Array, start: number, end: number): boolean {
  if (end - start !== NOREPLY.length) return false;
  for (let i = 0; i < NOREPLY.length; i++) if (input[start + i] !== NOREPLY[i]) return false;
  return true;
}

import { VERB } from '../protocol/text/verbs.ts';

const LF = 10;

/** `EX`: the cas id is another one. */
const LETTER_E = 69;
const LETTER_X = 88;
const LETTER_S = 83;

/** Commands of which two servers may say different things without having different items then: gone is gone, and what is not there cannot be touched. */
const REMOVES_OR_TOUCHES: ReadonlySet<number> = new Set<number>([VERB.delete, VERB.touch]);

const META: ReadonlySet<number> = new Set<number>([
  VERB.metaGet,
  VERB.metaSet,
  VERB.metaDelete,
  VERB.metaArithmetic,
]);

/**
 * Whether two servers that had the same item of a key have the same one after a write, by what they have answered. They had different ones, or this write has made
 * them so, when one has stored and the other has not (evicted, expired, another cas id), or when they count differently.
 *
 * @param verb of the write
 * @param one the answer of one of them, bytes [oneFrom, oneTo)
 * @param other the answer of the other one, bytes [otherFrom, otherTo)
 */
export function leavesTheSame(
  verb: number,
  one: Uint8Array,
  oneFrom: number,
  oneTo: number,
  other: Uint8Array,
  otherFrom: number,
  otherTo: number,
): boolean {
  if (REMOVES_OR_TOUCHES.has(verb)) return (one[oneFrom] === LETTER_S) === (other[otherFrom] === LETTER_S);
  if (!META.has(verb)) return isEqual(one, oneFrom, oneTo, other, otherFrom, otherTo);
  if (verb === VERB.metaDelete) return isRefusal(one, oneFrom) === isRefusal(other, otherFrom);
  // The words behind the code tell cas ids and times, which are each server's own; a number stands in the line behind.
  if (one[oneFrom] !== other[otherFrom] || one[oneFrom + 1] !== other[otherFrom + 1]) return false;
  return isEqual(
    one,
    lineEnd(one, oneFrom, oneTo),
    oneTo,
    other,
    lineEnd(other, otherFrom, otherTo),
    otherTo,
  );
}

/** `EX`, or `SERVER_ERROR`. */
function isRefusal(reply: Uint8Array, from: number): boolean {
  return reply[from] === LETTER_S || (reply[from] === LETTER_E && reply[from + 1] === LETTER_X);
}

function lineEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] !== LF) at++;
  return at;
}

function isEqual(
  one: Uint8Array,
  oneFrom: number,
  oneTo: number,
  other: Uint8Array,
  otherFrom: number,
  otherTo: number,
): boolean {
  if (oneTo - oneFrom !== otherTo - otherFrom) return false;
  for (let i = 0; i < oneTo - oneFrom; i++) if (one[oneFrom + i] !== other[otherFrom + i]) return false;
  return true;
}

import { beginsWith } from '../protocol/text/reply-parser.ts';

/** What a reply says, in the order of severity: of several replies the worst is the one with the highest number. */
export const RESULT = {
  pending: -1,
  /** A value, STORED, DELETED, TOUCHED, a number. */
  good: 0,
  notStored: 1,
  exists: 2,
  /** Also a miss. */
  notFound: 3,
  /** No answer. */
  failed: 4,
  serverError: 5,
  clientError: 6,
} as const;

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const WORDS: readonly (readonly [Uint8Array, number])[] = [
  [ascii('NOT_STORED'), RESULT.notStored],
  [ascii('NS'), RESULT.notStored],
  [ascii('EXISTS'), RESULT.exists],
  [ascii('EX'), RESULT.exists],
  [ascii('NOT_FOUND'), RESULT.notFound],
  [ascii('NF'), RESULT.notFound],
  [ascii('EN'), RESULT.notFound],
  [ascii('SERVER_ERROR'), RESULT.serverError],
  [ascii('CLIENT_ERROR'), RESULT.clientError],
  [ascii('ERROR'), RESULT.clientError],
];

/** Reads the line in bytes [start, end), the answer to anything but a retrieval. @returns one of RESULT */
export function resultOf(bytes: Uint8Array, start: number, end: number): number {
  for (const [word, result] of WORDS) if (beginsWith(bytes, start, end, word)) return result;
  return RESULT.good;
}

import { VERB } from '../protocol/text/verbs.ts';
import type { Call, CallPool } from './call.ts';
import { isRead } from './failure.ts';
import type { RouteHandle } from './route-handle.ts';

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const NOT_FOUND = ascii('NOT_FOUND\r\n');

const LINES: readonly Uint8Array[] = Array.from({ length: 64 }, (_, verb) => {
  if (verb >= VERB.set && verb <= VERB.cas) return ascii('NOT_STORED\r\n');
  if (verb === VERB.metaGet) return ascii('EN\r\n');
  if (verb === VERB.metaSet) return ascii('NS\r\n');
  return verb === VERB.metaDelete || verb === VERB.metaArithmetic ? ascii('NF\r\n') : NOT_FOUND;
});

/** Answers a call where nothing was done: a storage command NOT_STORED, all else not found. @param handle where it is now */
export function replyByDefault(call: Call, handle: RouteHandle, calls: CallPool): void {
  const { verb } = call.request;
  if (isRead(verb)) {
    handle.missHere(call);
    return;
  }
  const line = LINES[verb] ?? NOT_FOUND;
  calls.answer(call, line, 0, line.length);
}

import { wordEnd } from './line-words.ts';
import type { Request } from './request.ts';

const LF = 10;

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const ADD = ascii('add ');
const ONE_SPACE = ascii(' ');
const LINE_END = ascii('\r\n');
const KEY_OFFSET = 'VALUE '.length;

/**
 * Makes `add KEY FLAGS EXPTIME BYTES` with its value, or with as much of it as there is, out of a found block.
 *
 * @param add an empty request
 * @param from the block, bytes [from, to) of `source`: `VALUE KEY FLAGS BYTES [CAS]`, the value, CR LF
 * @param exptime as it is sent
 * @param blockBytes the length of the whole block; room for what is missing of it is reserved
 * @returns false when the buffers are used up
 */
export function writeAdd(
  add: Request,
  source: Uint8Array,
  from: number,
  to: number,
  exptime: number,
  blockBytes: number = to - from,
): boolean {
  const text = String(exptime);
  if (!add.reserve(ADD.length + blockBytes + text.length + 1)) return false;
  const keyEnd = wordEnd(source, from + KEY_OFFSET);
  const flagsEnd = wordEnd(source, keyEnd + 1);
  const bytesEnd = wordEnd(source, flagsEnd + 1);
  let valueStart = bytesEnd;
  while (source[valueStart] !== LF) valueStart++;
  valueStart++;
  add.append(ADD, 0, ADD.length);
  add.prefixEnd = ADD.length - 1;
  const keyStart = add.length;
  add.append(source, from + KEY_OFFSET, keyEnd);
  add.addKey(keyStart, add.length);
  add.append(source, keyEnd, flagsEnd);
  add.append(ONE_SPACE, 0, 1);
  for (let i = 0; i < text.length; i++) add.bytes[add.length++] = text.charCodeAt(i);
  add.append(source, flagsEnd, bytesEnd);
  add.append(LINE_END, 0, LINE_END.length);
  add.append(source, valueStart, to);
  return true;
}

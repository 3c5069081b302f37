import type { Output } from '../base/output.ts';
import type { Random } from '../base/random.ts';
import { KEY_BYTES, type LoadPlan } from './load-plan.ts';

/**
 * Writes the requests of one load. Keys all have one length and values one size, so the length of every reply is known in advance, and a
 * reply is checked by its length, first byte and last byte only, lest the client cost more than the server.
 */
export interface RequestWriter {
  /** Length and first byte of the reply to a get that hits, and to a set. */
  readonly getReplyBytes: number;
  readonly getReplyFirst: number;
  readonly setReplyBytes: number;
  readonly setReplyFirst: number;
  /** What every reply ends with; null where a value may stand last. */
  readonly replyLast: number | null;
  /** @param key the first; a get of several takes the others at random */
  writeGet(output: Output, key: number): void;
  writeSet(output: Output, key: number): void;
}

/** @param random for the further keys of a get of several */
export function requestWriter(plan: LoadPlan, random: Random): RequestWriter {
  if (plan.protocol === 'text') return new TextWriter(plan, random);
  return plan.protocol === 'meta' ? new MetaWriter(plan) : new BinaryWriter(plan);
}

const LF = 10;
const SPACE = 32;

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** A value and the line end behind it. */
function valueLine(plan: LoadPlan): string {
  return `${'v'.repeat(plan.valueBytes)}\r\n`;
}

const CRLF = latin1('\r\n');
const KEY_START = latin1('load:');
const GET = latin1('get');
const SET = latin1('set ');

class TextWriter implements RequestWriter {
  readonly getReplyBytes: number;
  readonly getReplyFirst = 86;
  readonly setReplyBytes = 'STORED\r\n'.length;
  readonly setReplyFirst = 83;
  readonly replyLast = LF;
  readonly #plan: LoadPlan;
  readonly #random: Random;
  /** Behind the key of a set: flags, exptime, length, value. */
  readonly #setRest: Uint8Array;

  constructor(plan: LoadPlan, random: Random) {
    this.#plan = plan;
    this.#random = random;
    this.#setRest = latin1(` 0 ${plan.exptimeSeconds ?? 0} ${plan.valueBytes}\r\n${valueLine(plan)}`);
    const block = `VALUE ${'k'.repeat(KEY_BYTES)} 0 ${plan.valueBytes}\r\n${valueLine(plan)}`;
    this.getReplyBytes = block.length * plan.keysPerGet + 'END\r\n'.length;
  }

  writeGet(output: Output, key: number): void {
    const { keys, keysPerGet } = this.#plan;
    output.reserve(GET.length + keysPerGet * (KEY_BYTES + 1) + CRLF.length);
    output.append(GET, 0, GET.length);
    const { bytes } = output;
    let { at } = output;
    let next = key;
    for (let i = 0; i < keysPerGet; i++) {
      bytes[at++] = SPACE;
      at = writeKey(bytes, at, next);
      next = this.#random.below(keys);
    }
    output.at = at;
    output.append(CRLF, 0, CRLF.length);
  }

  writeSet(output: Output, key: number): void {
    appendAround(output, SET, key, this.#setRest);
  }
}

/** Gets ask for the value, as clients do: `mg KEY v`. */
class MetaWriter implements RequestWriter {
  readonly getReplyBytes: number;
  readonly getReplyFirst = 86;
  readonly setReplyBytes = 'HD\r\n'.length;
  readonly setReplyFirst = 72;
  readonly replyLast = LF;
  readonly #get: Uint8Array = latin1('mg ');
  readonly #getRest: Uint8Array = latin1(' v\r\n');
  readonly #set: Uint8Array = latin1('ms ');
  readonly #setRest: Uint8Array;

  constructor(plan: LoadPlan) {
    const lifetime = plan.exptimeSeconds === undefined ? '' : ` T${plan.exptimeSeconds}`;
    this.#setRest = latin1(` ${plan.valueBytes}${lifetime}\r\n${valueLine(plan)}`);
    this.getReplyBytes = `VA ${plan.valueBytes}\r\n${valueLine(plan)}`.length;
  }

  writeGet(output: Output, key: number): void {
    appendAround(output, this.#get, key, this.#getRest);
  }

  writeSet(output: Output, key: number): void {
    appendAround(output, this.#set, key, this.#setRest);
  }
}

const BINARY_HEADER_BYTES = 24;
const BINARY_RESPONSE = 0x81;
/** A set carries flags and exptime; the reply to a get, flags. */
const BINARY_SET_EXTRA_BYTES = 8;
const BINARY_GET_EXTRA_BYTES = 4;

class BinaryWriter implements RequestWriter {
  readonly getReplyBytes: number;
  readonly getReplyFirst = BINARY_RESPONSE;
  readonly setReplyBytes = BINARY_HEADER_BYTES;
  readonly setReplyFirst = BINARY_RESPONSE;
  readonly replyLast = null;
  readonly #get: Uint8Array = binaryHeader(0x00, 0, 0);
  readonly #set: Uint8Array;
  readonly #value: Uint8Array;

  constructor(plan: LoadPlan) {
    this.getReplyBytes = BINARY_HEADER_BYTES + BINARY_GET_EXTRA_BYTES + plan.valueBytes;
    this.#value = latin1('v'.repeat(plan.valueBytes));
    const set = binaryHeader(0x01, BINARY_SET_EXTRA_BYTES, plan.valueBytes);
    this.#set = new Uint8Array(set.length + BINARY_SET_EXTRA_BYTES);
    this.#set.set(set);
    new DataView(this.#set.buffer).setUint32(BINARY_HEADER_BYTES + 4, plan.exptimeSeconds ?? 0);
  }

  writeGet(output: Output, key: number): void {
    appendAround(output, this.#get, key, NOTHING);
  }

  writeSet(output: Output, key: number): void {
    appendAround(output, this.#set, key, this.#value);
  }
}

const NOTHING = new Uint8Array(0);

function binaryHeader(opcode: number, extraBytes: number, valueBytes: number): Uint8Array {
  const header = new Uint8Array(BINARY_HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint8(0, 0x80);
  view.setUint8(1, opcode);
  view.setUint16(2, KEY_BYTES);
  view.setUint8(4, extraBytes);
  view.setUint32(8, extraBytes + KEY_BYTES + valueBytes);
  return header;
}

/** Appends `before`, a key and `behind`. */
function appendAround(output: Output, before: Uint8Array, key: number, behind: Uint8Array): void {
  output.reserve(before.length + KEY_BYTES + behind.length);
  output.append(before, 0, before.length);
  output.at = writeKey(output.bytes, output.at, key);
  output.append(behind, 0, behind.length);
}

/** Writes `load:` and seven digits. */
function writeKey(bytes: Uint8Array, at: number, key: number): number {
  for (let i = 0; i < KEY_START.length; i++) bytes[at + i] = KEY_START[i]!;
  let rest = key;
  for (let i = at + KEY_BYTES - 1; i >= at + KEY_START.length; i--) {
    const quotient = (rest / 10) | 0;
    bytes[i] = 48 + rest - quotient * 10;
    rest = quotient;
  }
  return at + KEY_BYTES;
}

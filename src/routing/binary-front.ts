/**
 * The binary protocol in front of servers that speak the text protocol: each request goes on as the meta command that does the same, and that
 * command's answer comes back as the binary reply. Only meta commands say all that a binary reply tells, the cas id above all.
 *
 *     get, getk, gat     mg KEY f c v [T]          delete          md KEY [C]
 *     touch              mg KEY f c T              incr, decr      ma KEY v c MI|MD D [N J] [C]
 *     set, add, ...      ms KEY LENGTH c F T [M] [C]
 */

import { KEY_BYTES_MAX } from '../base/limits.ts';
import { writeDecimal, writeUint64 } from '../base/uint64.ts';
import { HEADER_BYTES, OPCODE, OPCODE_TRAITS, SHAPE, STATUS } from '../protocol/binary/opcodes.ts';
import {
  BinaryRequest,
  HEADER_FAULT,
  parseRequestHeader,
  readUint32,
} from '../protocol/binary/request-header.ts';
import { base64Bytes, encodeBase64Key } from '../protocol/text/base64-key.ts';
import { VERB } from '../protocol/text/verbs.ts';
import { BinaryAnswers } from './binary-answers.ts';
import type { BinaryHost } from './binary-host.ts';
import { BASE64_KEY_BYTES_MAX } from './meta-front.ts';
import type { Request } from './request.ts';

/** Verb, flags with their numbers, spaces, line end: more than any translated line has besides its key. */
const LINE_ROOM = 160;

/** An exptime with which an incr makes no item. */
const NO_CREATION = 0xffffffff;

/** The largest header, extras and key, which are waited for before anything is done. */
const HEAD_BYTES_MAX: number = HEADER_BYTES + 20 + KEY_BYTES_MAX;

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const FLUSH_ALL = ascii('flush_all');
const MG = ascii('mg ');
const MS = ascii('ms ');
const MD = ascii('md ');
const MA = ascii('ma ');
const MODES: ReadonlyMap<number, Uint8Array> = new Map([
  [OPCODE.add, ascii(' ME')],
  [OPCODE.replace, ascii(' MR')],
  [OPCODE.append, ascii(' MA')],
  [OPCODE.prepend, ascii(' MP')],
]);
const RETURN_ITEM = ascii(' f c v');
const RETURN_FLAGS = ascii(' f c');
const RETURN_CAS = ascii(' c');
const RETURN_NUMBER = ascii(' v c');
const INCREMENT = ascii(' MI');
const DECREMENT = ascii(' MD');
const LINE_END = ascii('\r\n');
const BASE64 = ascii(' b');
const SPACE = 32;
const DELETE = 127;

export class BinaryFront {
  readonly #host: BinaryHost;
  readonly #answers: BinaryAnswers;
  readonly #header = new BinaryRequest();

  constructor(host: BinaryHost) {
    this.#host = host;
    this.#answers = new BinaryAnswers(host);
  }

  /** Takes the head of one request. @returns the index behind what was taken, or `start` when more is needed */
  take(input: Uint8Array, start: number, end: number): number {
    if (end - start < HEADER_BYTES) return start;
    const header = this.#header;
    const host = this.#host;
    parseRequestHeader(input, start, header);
    const { fault, bodyBytes } = header;
    if (fault === HEADER_FAULT.magic || fault === HEADER_FAULT.overrun) {
      host.destroy();
      return end;
    }
    const headEnd = start + HEADER_BYTES + header.extrasBytes + header.keyBytes;
    if (fault !== HEADER_FAULT.none) {
      this.#refuse(fault === HEADER_FAULT.lengths ? STATUS.invalidArguments : STATUS.unknownCommand);
      // As memcached: lengths that cannot be right make the rest unreadable.
      if (fault === HEADER_FAULT.lengths) host.close();
      else host.swallow(bodyBytes);
      return start + HEADER_BYTES;
    }
    if (headEnd > end) return headEnd - start <= HEAD_BYTES_MAX ? start : this.#cut(end);
    return this.#request(input, start + HEADER_BYTES, headEnd);
  }

  #cut(end: number): number {
    this.#host.destroy();
    return end;
  }

  #request(input: Uint8Array, extras: number, headEnd: number): number {
    const header = this.#header;
    const host = this.#host;
    const { opcode, bodyBytes, extrasBytes, keyBytes } = header;
    const { shape, loud } = OPCODE_TRAITS[opcode]!;
    const valueBytes = bodyBytes - extrasBytes - keyBytes;
    const key = extras + extrasBytes;
    switch (shape) {
      case SHAPE.bare:
        this.#bare(loud);
        return headEnd;
      case SHAPE.stat:
        this.#statistics(latin1(input, key, headEnd));
        return headEnd;
      case SHAPE.key:
      case SHAPE.touch:
      case SHAPE.arithmetic:
      case SHAPE.store:
      case SHAPE.join: {
        const request = this.#begin(input, key, headEnd, shape, loud, valueBytes);
        if (request === null) {
          host.swallow(valueBytes);
          return headEnd;
        }
        this.#writeFlags(request, input, extras, shape, loud);
        request.append(LINE_END, 0, LINE_END.length);
        if (shape === SHAPE.store || shape === SHAPE.join) host.collect(request, valueBytes);
        else host.submit(request);
        return headEnd;
      }
      case SHAPE.flush:
        this.#flush(input, extras, extrasBytes);
        return headEnd;
      default:
        // Logins are not for proxies.
        this.#refuse(STATUS.unknownCommand);
        host.swallow(valueBytes);
        return headEnd;
    }
  }

  #statistics(words: string): void {
    // The record is used for the next request when the answer comes.
    const { opcode, opaque } = this.#header;
    this.#host.answerStatistics(words, (text) => this.#answers.statistics({ opcode, opaque }, text));
  }

  #bare(loud: number): void {
    const header = this.#header;
    const host = this.#host;
    if (loud === OPCODE.quit) {
      if (header.opcode === OPCODE.quit) host.answer(this.#answers.plain(header, ''));
      host.close();
    } else if (loud === OPCODE.noop) host.answer(this.#answers.plain(header, ''));
    else if (loud === OPCODE.version) host.answer(this.#answers.plain(header, host.version));
    else this.#refuse(STATUS.unknownCommand);
  }

  #flush(input: Uint8Array, extras: number, extrasBytes: number): void {
    const host = this.#host;
    if (host.flush !== 'everywhere') {
      this.#refuse(host.flush === 'refused' ? STATUS.authError : STATUS.unknownCommand);
      return;
    }
    const request = host.requests.acquire(this.#answers, VERB.flushAll, false);
    request.append(FLUSH_ALL, 0, FLUSH_ALL.length);
    request.addKey(0, FLUSH_ALL.length);
    if (extrasBytes > 0) {
      request.bytes[request.length++] = SPACE;
      request.length = writeDecimal(request.bytes, request.length, exptimeAt(input, extras));
    }
    request.append(LINE_END, 0, LINE_END.length);
    request.opcode = this.#header.opcode;
    request.opaque = this.#header.opaque | 0;
    host.submitEverywhere(request);
  }

  #refuse(status: number): void {
    this.#host.answer(this.#answers.error(this.#header, status));
  }

  /** The value of a store was too much for the buffers. */
  noMemoryFor(request: Request): void {
    this.#host.answer(this.#answers.error(request, STATUS.noMemory));
  }

  /** A request with its verb and key. @returns null when it is refused, which is answered then */
  #begin(
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    shape: number,
    loud: number,
    valueBytes: number,
  ): Request | null {
    const host = this.#host;
    const isPlain = isPlainKey(input, keyStart, keyEnd);
    const keyBytes = keyEnd - keyStart;
    if (!isPlain && base64Bytes(keyBytes) > KEY_BYTES_MAX) {
      this.#refuse(STATUS.invalidArguments);
      return null;
    }
    if (valueBytes > host.valueBytesMax) {
      this.#refuse(STATUS.tooLarge);
      return null;
    }
    const isStore = shape === SHAPE.store || shape === SHAPE.join;
    const verb = isStore
      ? VERB.metaSet
      : shape === SHAPE.arithmetic
        ? VERB.metaArithmetic
        : loud === OPCODE.delete
          ? VERB.metaDelete
          : VERB.metaGet;
    const request = host.requests.acquire(this.#answers, verb, false);
    if (!request.reserve(LINE_ROOM + 2 * BASE64_KEY_BYTES_MAX)) {
      host.requests.release(request);
      this.#refuse(STATUS.noMemory);
      return null;
    }
    const word = isStore ? MS : verb === VERB.metaArithmetic ? MA : verb === VERB.metaDelete ? MD : MG;
    request.append(word, 0, word.length);
    request.prefixEnd = word.length - 1;
    const start = request.length;
    if (isPlain) request.append(input, keyStart, keyEnd);
    else request.length = encodeBase64Key(input, keyStart, keyEnd, request.bytes, start);
    request.addKey(start, request.length);
    request.hasBase64Key = !isPlain;
    request.opcode = this.#header.opcode;
    request.opaque = this.#header.opaque | 0;
    const hasCas = this.#header.casHigh !== 0 || this.#header.casLow !== 0;
    request.isRetrySafe = isRetrySafe(verb, loud, hasCas);
    if (isStore) {
      request.bytes[request.length++] = SPACE;
      request.length = writeDecimal(request.bytes, request.length, valueBytes);
    }
    if (!isPlain) request.append(BASE64, 0, BASE64.length);
    return request;
  }

  #writeFlags(request: Request, input: Uint8Array, extras: number, shape: number, loud: number): void {
    const header = this.#header;
    switch (shape) {
      case SHAPE.store:
        request.append(RETURN_CAS, 0, RETURN_CAS.length);
        appendNumber(request, 70, readUint32(input, extras));
        appendNumber(request, 84, exptimeAt(input, extras + 4));
        break;
      case SHAPE.join:
        request.append(RETURN_CAS, 0, RETURN_CAS.length);
        break;
      case SHAPE.touch: {
        const wanted = loud === OPCODE.touch ? RETURN_FLAGS : RETURN_ITEM;
        request.append(wanted, 0, wanted.length);
        appendNumber(request, 84, exptimeAt(input, extras));
        return;
      }
      case SHAPE.arithmetic: {
        request.append(RETURN_NUMBER, 0, RETURN_NUMBER.length);
        const mode = loud === OPCODE.increment ? INCREMENT : DECREMENT;
        request.append(mode, 0, mode.length);
        appendUint64(request, 68, readUint32(input, extras), readUint32(input, extras + 4));
        const exptime = readUint32(input, extras + 16);
        if (exptime !== NO_CREATION) {
          appendNumber(request, 78, exptimeAt(input, extras + 16));
          appendUint64(request, 74, readUint32(input, extras + 8), readUint32(input, extras + 12));
        }
        break;
      }
      default:
        if (loud !== OPCODE.delete) {
          request.append(RETURN_ITEM, 0, RETURN_ITEM.length);
          return;
        }
    }
    const hasCas = header.casHigh !== 0 || header.casLow !== 0;
    // With a cas id an add and a replace are what a set is: they store over the item that has it.
    const mode = hasCas && shape === SHAPE.store ? undefined : MODES.get(loud);
    if (mode !== undefined) request.append(mode, 0, mode.length);
    if (hasCas) appendUint64(request, 67, header.casHigh, header.casLow);
  }
}

/** Here exptimes are unsigned; a line of text has none beyond 2038, and what lives longer lives for ever as far as a cache is concerned. */
function exptimeAt(input: Uint8Array, at: number): number {
  return Math.min(readUint32(input, at), 0x7fffffff);
}

function isRetrySafe(verb: number, loud: number, hasCas: boolean): boolean {
  if (verb === VERB.metaGet) return true;
  if (hasCas || verb === VERB.metaArithmetic) return false;
  return loud === OPCODE.set || loud === OPCODE.replace || loud === OPCODE.delete;
}

/** Whether a key can stand in a line of text. */
function isPlainKey(input: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (input[at]! <= SPACE || input[at] === DELETE) return false;
  return true;
}

/** A space, a flag's letter and a number. */
function appendNumber(request: Request, letter: number, value: number): void {
  const { bytes } = request;
  bytes[request.length++] = SPACE;
  bytes[request.length++] = letter;
  request.length = writeDecimal(bytes, request.length, value);
}

function appendUint64(request: Request, letter: number, high: number, low: number): void {
  const { bytes } = request;
  bytes[request.length++] = SPACE;
  bytes[request.length++] = letter;
  request.length = writeUint64(bytes, request.length, high, low);
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at]!);
  return text;
}

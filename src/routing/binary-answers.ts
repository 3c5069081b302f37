import { parsed, parseUint64 } from '../base/uint64.ts';
import {
  HEADER_BYTES,
  OPCODE,
  OPCODE_TRAITS,
  REPLY_MAGIC,
  SHAPE,
  STATUS,
} from '../protocol/binary/opcodes.ts';
import type { BinaryRequest } from '../protocol/binary/request-header.ts';
import { beginsWith } from '../protocol/text/reply-parser.ts';
import type { BinaryHost } from './binary-host.ts';
import type { Request } from './request.ts';
import type { RequestOwner } from './request-owner.ts';

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const NO_TEXT = new Uint8Array(0);

/** What the body of an error says, by status. */
const ERROR_TEXT: ReadonlyMap<number, Uint8Array> = new Map([
  [STATUS.notFound, ascii('Not found')],
  [STATUS.exists, ascii('Data exists for key.')],
  [STATUS.tooLarge, ascii('Too large.')],
  [STATUS.invalidArguments, ascii('Invalid arguments')],
  [STATUS.notStored, ascii('Not stored.')],
  [STATUS.nonNumeric, ascii('Non-numeric server-side value for incr or decr')],
  [STATUS.authError, ascii('Auth failure.')],
  [STATUS.unknownCommand, ascii('Unknown command')],
  [STATUS.noMemory, ascii('Out of memory')],
]);

const SERVER_ERROR = ascii('SERVER_ERROR ');
const TOO_LARGE = ascii('object too large');
const NO_MEMORY = ascii('out of memory');
const CLIENT_ERROR = ascii('CLIENT_ERROR');
const NOT_A_NUMBER = ascii('CLIENT_ERROR cannot increment');

const FLAGS_BYTES = 4;
const NUMBER_BYTES = 8;
const LINE_END_BYTES = 2;
const SPACE = 32;
const LF = 10;
const CR = 13;

/** Longest line that is shown to a client as it is. */
const TEXT_BYTES_MAX = 256;

/**
 * Turns the answers to translated requests into binary replies. It stands between the requests and the client's session: they come in the order
 * of the requests, whole, save for large values, which come in pieces.
 */
export class BinaryAnswers implements RequestOwner {
  readonly #host: BinaryHost;
  /** Header, extras, key and short bodies. */
  readonly #head: Uint8Array = new Uint8Array(HEADER_BYTES + FLAGS_BYTES + 256 + TEXT_BYTES_MAX);
  /** Of a value that comes in pieces, with its line end. */
  #valueRest = 0;
  /** Of the line that was read last. */
  #flags = 0;
  #casHigh = 0;
  #casLow = 0;

  constructor(host: BinaryHost) {
    this.#host = host;
  }

  get lane(): number {
    return this.#host.lane;
  }

  get sendsElsewhere(): boolean {
    return false;
  }

  write(source: Uint8Array, from: number, to: number): void {
    let at = from;
    if (this.#valueRest === 0) {
      const request = this.#host.oldest;
      if (request === undefined) return;
      at = this.#line(request, source, from, to);
    }
    if (at < to) this.#value(source, at, to);
  }

  writeRuns(source: Uint8Array, offset: number, runs: Int32Array, count: number): void {
    for (let i = 0; i < 2 * count; i += 2) this.write(source, offset + runs[i]!, offset + runs[i + 1]!);
  }

  /** The next piece of a value, without its line end. */
  #value(source: Uint8Array, from: number, to: number): void {
    const count = Math.min(to - from, this.#valueRest);
    const shown = Math.min(count, Math.max(0, this.#valueRest - LINE_END_BYTES));
    this.#valueRest -= count;
    if (shown > 0) this.#host.write(source, from, from + shown);
  }

  /** The line of an answer. @returns the index behind it; what follows is the value */
  #line(request: Request, source: Uint8Array, from: number, to: number): number {
    let lf = from;
    while (lf < to && source[lf] !== LF) lf++;
    const end = lf > from && source[lf - 1] === CR ? lf - 1 : lf;
    const { opcode } = request;
    const { isQuiet, loud, shape } = OPCODE_TRAITS[opcode]!;
    switch ((source[from]! << 8) | source[from + 1]!) {
      case 0x4f4b: // OK, of a flush
      case 0x4844: // HD
        this.#readFlags(source, from + 2, end);
        if (!isQuiet) this.#begin(request, STATUS.ok, shape === SHAPE.touch ? FLAGS_BYTES : 0, false, 0);
        break;
      case 0x5641: // VA
        return this.#found(request, source, from, end, lf + 1, to);
      case 0x454e: // EN
        if (!isQuiet) this.#missed(request);
        break;
      case 0x4e46: // NF
        this.#fail(request, STATUS.notFound);
        break;
      case 0x4e53: // NS
        this.#fail(request, statusOfNotStored(loud));
        break;
      case 0x4558: // EX
        this.#fail(request, STATUS.exists);
        break;
      default:
        this.#error(request, source, from, end);
    }
    return to;
  }

  #found(request: Request, source: Uint8Array, from: number, end: number, value: number, to: number): number {
    const { opcode } = request;
    const { isQuiet, shape } = OPCODE_TRAITS[opcode]!;
    let valueBytes = 0;
    let at = from + 3;
    for (; at < end && source[at] !== SPACE; at++) valueBytes = valueBytes * 10 + source[at]! - 48;
    this.#readFlags(source, at, end);
    if (shape === SHAPE.arithmetic) {
      if (!isQuiet) this.#number(request, source, value, value + valueBytes);
      return to;
    }
    this.#begin(request, STATUS.ok, FLAGS_BYTES, returnsKey(opcode), valueBytes);
    this.#valueRest = valueBytes + LINE_END_BYTES;
    return value;
  }

  #number(request: Request, source: Uint8Array, from: number, to: number): void {
    // A number that has become shorter may be padded with spaces.
    let end = to;
    while (end > from && source[end - 1] === SPACE) end--;
    parseUint64(source, from, end);
    const { high, low } = parsed;
    const head = this.#head;
    const at = writeBinaryHeader(
      head,
      request.opcode,
      request.opaque,
      STATUS.ok,
      0,
      0,
      NUMBER_BYTES,
      this.#casHigh,
      this.#casLow,
    );
    writeUint32(head, at, high);
    writeUint32(head, at + 4, low);
    this.#host.write(head, 0, at + NUMBER_BYTES);
  }

  /** Reads f and c of a line. */
  #readFlags(source: Uint8Array, from: number, end: number): void {
    this.#flags = this.#casHigh = this.#casLow = 0;
    for (let at = from; at < end; ) {
      while (at < end && source[at] === SPACE) at++;
      const letter = source[at];
      const start = at + 1;
      while (at < end && source[at] !== SPACE) at++;
      if (letter === 102) {
        parseUint64(source, start, at);
        this.#flags = parsed.low;
      } else if (letter === 99) {
        parseUint64(source, start, at);
        this.#casHigh = parsed.high;
        this.#casLow = parsed.low;
      }
    }
  }

  /** Header, flags if there are any, and the key if it is wanted; the value follows. */
  #begin(request: Request, status: number, extrasBytes: number, withKey: boolean, valueBytes: number): void {
    const head = this.#head;
    const keyStart = request.keyStart[0]!;
    const keyBytes = withKey ? request.keyEnd[0]! - keyStart : 0;
    const body = extrasBytes + keyBytes + valueBytes;
    let at = writeBinaryHeader(
      head,
      request.opcode,
      request.opaque,
      status,
      extrasBytes,
      keyBytes,
      body,
      this.#casHigh,
      this.#casLow,
    );
    if (extrasBytes > 0) {
      writeUint32(head, at, this.#flags);
      at += FLAGS_BYTES;
    }
    for (let i = 0; i < keyBytes; i++) head[at++] = request.bytes[keyStart + i]!;
    this.#host.write(head, 0, at);
  }

  #missed(request: Request): void {
    this.#casHigh = this.#casLow = 0;
    if (returnsKey(request.opcode)) this.#begin(request, STATUS.notFound, 0, true, 0);
    else this.#fail(request, STATUS.notFound);
  }

  #fail(request: Request, status: number): void {
    this.#write(request, status, ERROR_TEXT.get(status) ?? NO_TEXT);
  }

  #error(request: Request, source: Uint8Array, from: number, end: number): void {
    if (!beginsWith(source, from, end, SERVER_ERROR)) {
      if (beginsWith(source, from, end, NOT_A_NUMBER)) this.#fail(request, STATUS.nonNumeric);
      else if (beginsWith(source, from, end, CLIENT_ERROR)) this.#fail(request, STATUS.invalidArguments);
      else this.#fail(request, STATUS.unknownCommand);
      return;
    }
    const at = from + SERVER_ERROR.length;
    if (beginsWith(source, at, end, TOO_LARGE)) this.#fail(request, STATUS.tooLarge);
    else if (beginsWith(source, at, end, NO_MEMORY)) this.#fail(request, STATUS.noMemory);
    else
      this.#write(request, STATUS.temporaryFailure, source.subarray(at, Math.min(end, at + TEXT_BYTES_MAX)));
  }

  #write(request: Request, status: number, text: Uint8Array): void {
    const head = this.#head;
    const at = writeBinaryHeader(head, request.opcode, request.opaque, status, 0, 0, text.length, 0, 0);
    head.set(text, at);
    this.#host.write(head, 0, at + text.length);
  }

  // --- answers that need no server; they are kept until it is their turn, so each has bytes of its own

  /** Status 0 and a text. */
  plain({ opcode, opaque }: BinaryRequest, text: string): Uint8Array {
    const reply = new Uint8Array(HEADER_BYTES + text.length);
    writeBinaryHeader(reply, opcode, opaque, STATUS.ok, 0, 0, text.length, 0, 0);
    reply.set(ascii(text), HEADER_BYTES);
    return reply;
  }

  /** @param asked the header, or the request that was made of it */
  error(
    { opcode, opaque }: { readonly opcode: number; readonly opaque: number },
    status: number,
  ): Uint8Array {
    const text = ERROR_TEXT.get(status) ?? NO_TEXT;
    const reply = new Uint8Array(HEADER_BYTES + text.length);
    writeBinaryHeader(reply, opcode, opaque, status, 0, 0, text.length, 0, 0);
    reply.set(text, HEADER_BYTES);
    return reply;
  }

  /** A reply for each `STAT` line of a text, and one without a key behind them. */
  statistics({ opcode, opaque }: Pick<BinaryRequest, 'opcode' | 'opaque'>, text: string): Uint8Array {
    if (text.startsWith('SERVER_ERROR ')) {
      const failure = ascii(text.slice('SERVER_ERROR '.length, -'\r\n'.length));
      const reply = new Uint8Array(HEADER_BYTES + failure.length);
      writeBinaryHeader(reply, opcode, opaque, STATUS.temporaryFailure, 0, 0, failure.length, 0, 0);
      reply.set(failure, HEADER_BYTES);
      return reply;
    }
    const pairs = [...text.matchAll(/^STAT (\S+) (.*?)\r?$/gm)].map(
      ([, name = '', value = '']) => [name, value] as const,
    );
    const replies = [...pairs, ['', ''] as const].map(([name, value]) => {
      const reply = new Uint8Array(HEADER_BYTES + name.length + value.length);
      writeBinaryHeader(reply, opcode, opaque, STATUS.ok, 0, name.length, name.length + value.length, 0, 0);
      reply.set(ascii(name + value), HEADER_BYTES);
      return reply;
    });
    const all = new Uint8Array(replies.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const reply of replies) {
      all.set(reply, at);
      at += reply.length;
    }
    return all;
  }

  // --- what requests ask of their client besides

  headProgressed(): void {
    this.#host.headProgressed();
  }

  failedWhole(): void {
    this.#host.failedWhole();
  }

  abort(): void {
    this.#host.abort();
  }

  get congested(): boolean {
    return this.#host.congested;
  }

  grant(bytes: number): boolean {
    return this.#host.grant(bytes);
  }
}

function returnsKey(opcode: number): boolean {
  const { loud } = OPCODE_TRAITS[opcode]!;
  return loud === OPCODE.getK || loud === OPCODE.getAndTouchK;
}

function statusOfNotStored(loud: number): number {
  if (loud === OPCODE.add) return STATUS.exists;
  return loud === OPCODE.replace ? STATUS.notFound : STATUS.notStored;
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Writes a reply's header to the beginning of `bytes`. @returns the index behind it */
function writeBinaryHeader(
  bytes: Uint8Array,
  opcode: number,
  opaque: number,
  status: number,
  extrasBytes: number,
  keyBytes: number,
  bodyBytes: number,
  casHigh: number,
  casLow: number,
): number {
  bytes[0] = REPLY_MAGIC;
  bytes[1] = opcode;
  bytes[2] = keyBytes >>> 8;
  bytes[3] = keyBytes;
  bytes[4] = extrasBytes;
  bytes[5] = 0;
  bytes[6] = status >>> 8;
  bytes[7] = status;
  writeUint32(bytes, 8, bodyBytes);
  writeUint32(bytes, 12, opaque);
  writeUint32(bytes, 16, casHigh);
  writeUint32(bytes, 20, casLow);
  return HEADER_BYTES;
}

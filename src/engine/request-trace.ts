/**
 * What `-vv` prints: each request as it is taken and the beginning of each reply, in memcached's form.
 *
 * A traced session is fed one request at a time, so that requests and replies stand in order. Sessions know nothing of it, and when
 * it is off it costs a comparison for each piece of input.
 */
import type { Output } from '../base/output.ts';
import type { Connection, Session } from '../base/session.ts';
import { HEADER_BYTES, REQUEST_MAGIC } from '../protocol/binary/opcodes.ts';

const LF = 10;
const CR = 13;

/** Of a line that is longer only so much is shown; a key has 250 bytes at most. */
const LINE_BYTES_SHOWN = 512;

/** A protocol's session as the trace needs it. */
export interface TracedSession extends Session {
  /** The next byte begins a request. */
  readonly isBetweenRequests: boolean;
  /** memcached's name of what the connection is doing. */
  readonly connectionState?: string;
}

/** Where the output stood before a request. */
interface Mark {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly at: number;
}

/** The lines of requests with a value, and its length. */
const VALUE_FOLLOWS =
  /^ *(?:(?:set|add|replace|append|prepend|cas) +\S+ +\S+ +\S+ +(\d{1,10})|ms +\S+ +(\d{1,10}))(?: |$)/;

const PROTOCOL_NAME = { auto: 'auto-negotiating', ascii: 'ascii', binary: 'binary' } as const;

export class RequestTrace {
  /** The verbosity now; traces from 2 on. Set once a turn. */
  level = 0;
  readonly #write: (line: string) => void;

  /** @param write takes a line without its end */
  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  get isOn(): boolean {
    return this.level > 1;
  }

  opened(connection: Connection, protocol: keyof typeof PROTOCOL_NAME): void {
    const point = protocol === 'auto' ? '' : '.';
    this.#write(`<${connection.descriptor} new ${PROTOCOL_NAME[protocol]} client connection${point}`);
  }

  decided(connection: Connection, isBinary: boolean): void {
    this.#write(`${connection.descriptor}: Client using the ${isBinary ? 'binary' : 'ascii'} protocol`);
  }

  closed(connection: Connection): void {
    this.#write(`<${connection.descriptor} connection closed.`);
  }

  /** As Session.feed. */
  feed(
    session: TracedSession,
    connection: Connection,
    input: Uint8Array,
    start: number,
    end: number,
  ): number {
    const { output, descriptor } = connection;
    let at = start;
    let pieceEnd = start;
    while (at < end && !output.blocked) {
      const isRequest = session.isBetweenRequests;
      const isBinary = input[at] === REQUEST_MAGIC;
      // A request that is not complete is offered again with more behind it, up to all there is.
      if (pieceEnd <= at)
        pieceEnd = isRequest ? requestEnd(input, at, end, isBinary) : lineEnd(input, at, end);
      const mark: Mark = { bytes: output.bytes, start: output.start, at: output.at };
      const before = session.connectionState;
      const next = session.feed(input, at, pieceEnd);
      if (next === at) {
        if (pieceEnd === end) break;
        pieceEnd = end;
        continue;
      }
      if (isRequest) this.#request(descriptor, input, at, next, isBinary);
      this.#reply(descriptor, output, mark);
      const after = session.connectionState;
      if (this.level > 2 && after !== before) this.#write(`${descriptor}: going from ${before} to ${after}`);
      at = next;
    }
    return at;
  }

  #request(descriptor: number, input: Uint8Array, start: number, end: number, isBinary: boolean): void {
    if (isBinary) {
      this.#write(`<${descriptor} Read binary protocol data:`);
      this.#header(`<${descriptor}   `, input, start, end);
      return;
    }
    this.#write(`<${descriptor} ${lineAt(input, start, end)}`);
  }

  /** What the session has written since: lines of a text reply without values, headers of binary ones. */
  #reply(descriptor: number, output: Output, mark: Mark): void {
    const { bytes } = output;
    // A full buffer may have been sent and replaced meanwhile; then what stands in the present one is shown.
    const isSame = bytes === mark.bytes && output.start === mark.start && output.at >= mark.at;
    let at = isSame ? mark.at : output.start;
    while (at < output.at) {
      if (bytes[at] === 0x81) {
        this.#write(`>${descriptor} Writing bin response:`);
        this.#header(`>${descriptor}  `, bytes, at, output.at);
        at += HEADER_BYTES + bodyBytes(bytes, at, output.at);
        continue;
      }
      const line = lineAt(bytes, at, output.at);
      at = lineEnd(bytes, at, output.at);
      const [word, first = '', , length = ''] = line.split(' ');
      if (word === 'VALUE') {
        this.#write(`>${descriptor} sending key ${first}`);
        at += Number(length) + 2;
      } else {
        this.#write(`>${descriptor} ${line}`);
        if (word === 'VA') at += Number(first) + 2;
      }
    }
  }

  #header(prefix: string, bytes: Uint8Array, start: number, end: number): void {
    for (let row = start; row < Math.min(start + HEADER_BYTES, end); row += 4) {
      let line = prefix;
      for (let i = row; i < Math.min(row + 4, end); i++)
        line += ` 0x${(bytes[i] ?? 0).toString(16).padStart(2, '0')}`;
      this.#write(line);
    }
  }
}

/** Where the request at `start` ends, as far as that can be seen: the end of its line or of the value behind it, or that of a packet. */
function requestEnd(input: Uint8Array, start: number, end: number, isBinary: boolean): number {
  if (isBinary) return Math.min(end, start + HEADER_BYTES + bodyBytes(input, start, end));
  const lineEnds = lineEnd(input, start, end);
  const [, classic, meta] = VALUE_FOLLOWS.exec(lineAt(input, start, lineEnds)) ?? [];
  const valueBytes = classic ?? meta;
  return valueBytes === undefined ? lineEnds : Math.min(end, lineEnds + Number(valueBytes) + 2);
}

function bodyBytes(bytes: Uint8Array, start: number, end: number): number {
  if (start + 12 > end) return 0;
  let count = 0;
  for (let i = start + 8; i < start + 12; i++) count = count * 256 + (bytes[i] ?? 0);
  return count;
}

/** Behind the next LF, or `end`. */
function lineEnd(bytes: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end; i++) if (bytes[i] === LF) return i + 1;
  return end;
}

function lineAt(bytes: Uint8Array, start: number, end: number): string {
  let line = '';
  const last = Math.min(end, start + LINE_BYTES_SHOWN);
  for (let i = start; i < last; i++) {
    const byte = bytes[i] ?? 0;
    if (byte === LF || (byte === CR && bytes[i + 1] === LF)) break;
    line += String.fromCharCode(byte);
  }
  return line;
}

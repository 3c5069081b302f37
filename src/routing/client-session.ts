import { assert } from '../base/assert.ts';
import { INPUT_REST_BYTES_MAX, KEY_BYTES_MAX, LINE_BYTES_MAX } from '../base/limits.ts';
import type { Connection, ConnectionError, Session } from '../base/session.ts';
import { META_ERROR, MetaRequest, parseMetaRequest } from '../protocol/text/meta-request.ts';
import { LINE_ERROR, parseTextLine, TextRequest } from '../protocol/text/request-parser.ts';
import { VERB } from '../protocol/text/verbs.ts';
import { ADMIN_PREFIXES } from './admin-keys.ts';
import { BinaryFront } from './binary-front.ts';
import type { BinaryHost } from './binary-host.ts';
import type { ClientHost } from './client-host.ts';
import {
  ascii,
  beginsRetrieval,
  LINE_ERROR_REPLIES,
  META_REFUSALS,
  REPLY_BAD_CHUNK,
  REPLY_ERROR,
  REPLY_FLUSH_REFUSED,
  REPLY_FORMAT,
  REPLY_META_NOOP,
  REPLY_NO_MEMORY,
  REPLY_TOO_LARGE,
  REPLY_TOO_MANY_FLAGS,
  textOf,
} from './client-lines.ts';
import type { ClientManner } from './client-manner.ts';
import { ClientPipeline } from './client-pipeline.ts';
import { ClientUpload, type UploadReceiver } from './client-upload.ts';
import {
  copyCommand,
  copyFlushAll,
  copyMeta,
  copyRetrieval,
  copyVersion,
  forwardedBytesMax,
  hasNul,
  hasNulInKeys,
} from './forwarded-line.ts';
import { BASE64_KEY_BYTES_MAX, hasTooManySetFlags, placeBase64Key } from './meta-front.ts';
import { isNutcrackerLine } from './nutcracker-lines.ts';
import { beginsPlainGet, readPlainGet } from './plain-get.ts';
import type { Request } from './request.ts';
import type { RequestPool } from './request-pool.ts';
import type { RouteHandle } from './route-handle.ts';
import { UnreadAllowance } from './unread-allowance.ts';

const UNDERSCORE = 95;
const LF = 10;
const LINE_END_BYTES = 2;

const BINARY_REQUEST = 0x80;
/** From this length on what has come of a line of many keys is kept here, because the transport keeps no more than it must. */
const KEPT_LINE_BYTES_MIN: number = INPUT_REST_BYTES_MAX / 2;
const MALFORMED: ConnectionError = { code: 'EINVAL', message: 'Invalid argument' };

/** The words of `stats` by which a proxy asks that has no other place for what fails here. */
export const AGENT_WITHOUT_OTHERS = 'agent alone';

/**
 * One client of the proxy: its requests go down the route tree as they come, as many at once as it sends, and their answers come
 * back in the order of the requests.
 */
export class ClientSession implements Session, BinaryHost, UploadReceiver {
  readonly lane: number;
  readonly #host: ClientHost;
  readonly #connection: Connection;
  readonly #gone: (error: ConnectionError | null) => void;
  readonly #line = new TextRequest();
  readonly #metaRequest = new MetaRequest();
  /** Made when the first binary request comes. */
  #binaryFront: BinaryFront | null = null;
  /** Requests that have no answer yet. */
  readonly #pipeline: ClientPipeline;
  /** The value or the long line of which the client has sent a part. */
  readonly #upload: ClientUpload;
  /** How much of an unfinished line has been searched for its end. */
  #searched = 0;
  #feeding = false;
  #paused = false;
  /** Nothing more is taken from the client: it said quit, or its connection is being ended. */
  #closing = false;
  /** Why the connection is being ended, when it is the client's fault. */
  #fault: ConnectionError | null = null;
  /** The client is a proxy that sends elsewhere what it has waited for in vain, and closes the connection then. */
  #isProxy = false;
  #sendsElsewhere = false;
  readonly #unread: UnreadAllowance;

  /** @param gone is called once, when the connection has ended, with an error also where what the client said has ended it */
  constructor(host: ClientHost, connection: Connection, gone: (error: ConnectionError | null) => void) {
    this.#host = host;
    this.lane = host.nextLane();
    this.#connection = connection;
    this.#unread = new UnreadAllowance(connection.output, host);
    this.#pipeline = new ClientPipeline(host, this.#unread);
    this.#upload = new ClientUpload(this, host.requests);
    this.#gone = gone;
  }

  feed(input: Uint8Array, start: number, end: number): number {
    this.#feeding = true;
    const at = this.#feed(input, start, end);
    this.#feeding = false;
    return at;
  }

  #feed(input: Uint8Array, start: number, end: number): number {
    const { output } = this.#connection;
    const upload = this.#upload;
    let at = start;
    while (at < end) {
      if (this.#closing) return end;
      if (upload.isInValue) {
        at = upload.takeValue(input, at, end);
        continue;
      }
      if (output.blocked) return at;
      if (this.#pipeline.isFull) {
        this.#paused = true;
        this.#connection.pause();
        return at;
      }
      if (upload.isInLine) {
        const behind = upload.takeLine(input, at, end);
        at = behind < 0 ? this.#destroy(end) : behind;
        continue;
      }
      const after = input[at] === BINARY_REQUEST ? this.#binary(input, at, end) : this.#text(input, at, end);
      if (after === at) return at;
      at = after;
    }
    return at;
  }

  /** @returns the index behind a line that `readPlainGet` can read, or -1 */
  #plainGet(input: Uint8Array, start: number, end: number): number {
    const { requests, manner } = this.#host;
    const request = requests.acquire(this, VERB.get, false);
    const next = readPlainGet(request, input, start, end);
    if (next < 0) {
      requests.release(request);
      return -1;
    }
    request.isWhole = manner.failsWhole && request.keyCount > 1;
    this.#submit(request);
    return next;
  }

  /** One command line. @returns the index behind it, or `start` when its end has not come yet */
  #text(input: Uint8Array, start: number, end: number): number {
    if (this.#searched === 0 && beginsPlainGet(input, start, end)) {
      const after = this.#plainGet(input, start, end);
      if (after >= 0) return after;
    }
    let lf = start + this.#searched;
    while (lf < end && input[lf] !== LF) lf++;
    if (lf >= end) {
      this.#searched = end - start;
      if (end - start <= LINE_BYTES_MAX) return start;
      if (!beginsRetrieval(input, start, end)) return this.#destroy(end);
      return end - start < KEPT_LINE_BYTES_MIN ? start : this.#keepLine(input, start, end);
    }
    this.#searched = 0;
    const line = this.#line;
    parseTextLine(input, start, lf, line);
    const next = lf + 1;
    if (line.error === LINE_ERROR.none && hasNulInKeys(input, line)) line.error = LINE_ERROR.format;
    const { manner } = this.#host;
    if (manner.closesOnError) {
      // A number that is none is what the server would say it is.
      const isReadable = line.error === LINE_ERROR.none || line.error === LINE_ERROR.delta;
      const isGood = isReadable && isNutcrackerLine(input, line.verb, line.argumentsStart, lf);
      if (!isGood) {
        this.#closeOnError();
        return end;
      }
    }
    if (line.error !== LINE_ERROR.none) return this.#lineError(next, end);
    switch (line.verb) {
      case VERB.get:
      case VERB.gets:
      case VERB.gat:
      case VERB.gats:
        this.#retrieve(input);
        return next;
      case VERB.set:
      case VERB.add:
      case VERB.replace:
      case VERB.append:
      case VERB.prepend:
      case VERB.cas:
        this.#store(input);
        return next;
      case VERB.delete:
      case VERB.incr:
      case VERB.decr:
      case VERB.touch: {
        const request = this.#begin(input);
        if (request !== null) this.#submit(request);
        return next;
      }
      case VERB.version:
        if (manner.version === null) this.#askVersion();
        else this.#answer(manner.version);
        return next;
      case VERB.metaGet:
      case VERB.metaSet:
      case VERB.metaDelete:
      case VERB.metaArithmetic:
      case VERB.metaDebug:
        this.#meta(input);
        return next;
      case VERB.metaNoop:
        this.#answer(REPLY_META_NOOP);
        return next;
      case VERB.stats:
        this.answerStatistics(textOf(input, line.argumentsStart, line.lineEnd), ascii);
        return next;
      case VERB.flushAll:
        this.#flushAll(input);
        return next;
      case VERB.quit:
        this.#close();
        return end;
      default:
        if (!line.noreply) this.#answer(REPLY_ERROR);
        return next;
    }
  }

  #lineError(next: number, end: number): number {
    const line = this.#line;
    if (line.error === LINE_ERROR.http) return this.#destroy(end);
    if (!line.noreply) this.#answer(LINE_ERROR_REPLIES.get(line.error) ?? REPLY_ERROR);
    if (line.valueBytes >= 0) this.#upload.drop(line.valueBytes + LINE_END_BYTES);
    return next;
  }

  /** `get __twincached__.…`: the proxy answers by itself. @returns whether it was that */
  #adminKey(input: Uint8Array): boolean {
    const { keyStart, keyEnd, lineEnd, verb } = this.#line;
    if (input[keyStart] !== UNDERSCORE || input[keyStart + 1] !== UNDERSCORE || verb !== VERB.get)
      return false;
    if (keyEnd !== lineEnd || !this.#host.manner.answersAdminKeys) return false;
    const key = textOf(input, keyStart, keyEnd);
    const prefix = ADMIN_PREFIXES.find((one) => key.startsWith(one));
    if (prefix === undefined) return false;
    const value = this.#host.adminAnswer(key.slice(prefix.length));
    this.#answer(ascii(`VALUE ${key} 0 ${value.length}\r\n${value}\r\nEND\r\n`));
    return true;
  }

  #retrieve(input: Uint8Array): void {
    const line = this.#line;
    if (this.#adminKey(input)) return;
    const request = this.#host.requests.acquire(this, line.verb, false);
    if (!request.reserve(forwardedBytesMax(line))) {
      this.#host.requests.release(request);
      this.#answer(REPLY_NO_MEMORY);
      return;
    }
    if (!copyRetrieval(request, input, line)) {
      this.#host.requests.release(request);
      this.#answer(REPLY_FORMAT);
      return;
    }
    request.isWhole = this.#host.manner.failsWhole && request.keyCount > 1;
    this.#submit(request);
  }

  /** Has all servers forget everything, now or after a delay. */
  #flushAll(input: Uint8Array): void {
    const { noreply } = this.#line;
    if (this.flush !== 'everywhere') {
      if (!noreply) this.#answer(this.flush === 'refused' ? REPLY_FLUSH_REFUSED : REPLY_ERROR);
      return;
    }
    const request = this.#host.requests.acquire(this, VERB.flushAll, noreply);
    copyFlushAll(request, input, this.#line);
    this.submitEverywhere(request);
  }

  /** Has one of the servers say its version. */
  #askVersion(): void {
    const request = this.#host.requests.acquire(this, VERB.version, false);
    copyVersion(request);
    this.#submit(request);
  }

  /** A record for a request with one key, its line copied. @returns null when there is no room; that is answered then */
  #begin(input: Uint8Array): Request | null {
    const line = this.#line;
    const request = this.#host.requests.acquire(this, line.verb, line.noreply);
    if (!request.reserve(forwardedBytesMax(line))) {
      this.#host.requests.release(request);
      if (!line.noreply) this.#answer(REPLY_NO_MEMORY);
      return null;
    }
    copyCommand(request, input, line);
    return request;
  }

  #store(input: Uint8Array): void {
    const { valueBytes, noreply } = this.#line;
    if (valueBytes > this.#host.settings.valueBytesMax) {
      this.#upload.drop(valueBytes + LINE_END_BYTES);
      if (!noreply) this.#answer(REPLY_TOO_LARGE);
      return;
    }
    const request = this.#begin(input);
    if (request === null) this.#upload.drop(valueBytes + LINE_END_BYTES);
    else this.#upload.beginValue(request, valueBytes);
  }

  /** The beginning of a long line. */
  #keepLine(input: Uint8Array, start: number, end: number): number {
    this.#searched = 0;
    const line = this.#host.requests.acquire(this, VERB.get, false);
    const behind = this.#upload.beginLine(line, input, start, end);
    return behind < 0 ? this.#destroy(end) : behind;
  }

  /** A meta command, sent on as one. What is wrong with its flags the server says. */
  #meta(input: Uint8Array): void {
    const line = this.#line;
    const meta = this.#metaRequest;
    parseMetaRequest(input, line.verb, line.argumentsStart, line.lineEnd, meta);
    const { valueBytes } = meta;
    const isStore = line.verb === VERB.metaSet;
    const refusal = this.#metaRefusal(input, isStore);
    if (refusal !== null) {
      if (isStore && valueBytes >= 0) this.#upload.drop(valueBytes + LINE_END_BYTES);
      this.#answer(refusal);
      return;
    }
    const { requests, settings } = this.#host;
    const request = valueBytes > settings.valueBytesMax ? null : requests.acquire(this, line.verb, false);
    const room = forwardedBytesMax(line) + (isStore ? 0 : BASE64_KEY_BYTES_MAX);
    if (request?.reserve(room) !== true) {
      if (request !== null) requests.release(request);
      if (isStore) this.#upload.drop(valueBytes + LINE_END_BYTES);
      this.#answer(request === null ? REPLY_TOO_LARGE : REPLY_NO_MEMORY);
      return;
    }
    copyMeta(request, input, line, meta);
    if (isStore) this.#upload.beginValue(request, valueBytes);
    else this.#submit(request);
  }

  /**
   * What cannot be passed on as it is: without its key or length, or with more than one q, which is not passed on; or so that not every server would
   * swallow the value. Null: it can.
   */
  #metaRefusal(input: Uint8Array, isStore: boolean): Uint8Array | null {
    const { argumentsStart, lineEnd } = this.#line;
    const { keyStart, keyEnd, valueBytes, error } = this.#metaRequest;
    const isKeyWrong = keyEnd - keyStart > KEY_BYTES_MAX || hasNul(input, keyStart, keyEnd);
    if (isKeyWrong) return REPLY_FORMAT;
    if (isStore && hasTooManySetFlags(input, argumentsStart, lineEnd)) return REPLY_TOO_MANY_FLAGS;
    if (isStore && valueBytes >= 0 && error === META_ERROR.format) return null;
    return META_REFUSALS.get(error) ?? null;
  }

  #submit(request: Request): void {
    if (request.hasBase64Key) placeBase64Key(request);
    this.#send(request, this.#host.root);
  }

  #send(request: Request, to: RouteHandle): void {
    this.#pipeline.push(request);
    const { calls, requests } = this.#host;
    requests.figures.commands[request.verb]!++;
    request.beganMs = this.#host.nowMs();
    to.route(calls.acquire(request, 0, request.keyCount));
  }

  /** Answers without asking anybody, when its turn has come. */
  #answer(reply: Uint8Array): void {
    if (this.#pipeline.isEmpty) {
      this.#connection.output.append(reply, 0, reply.length);
      return;
    }
    const request = this.#host.requests.acquire(this, VERB.unknown, false);
    this.#pipeline.push(request);
    request.answer(reply, 0, reply.length);
  }

  #binary(input: Uint8Array, start: number, end: number): number {
    if (!this.#host.manner.answersProbes) {
      this.#closeOnError();
      return end;
    }
    this.#binaryFront ??= new BinaryFront(this);
    return this.#binaryFront.take(input, start, end);
  }

  // --- what the binary front asks of its session

  get requests(): RequestPool {
    return this.#host.requests;
  }

  get valueBytesMax(): number {
    return this.#host.settings.valueBytesMax;
  }

  get version(): string {
    const { version } = this.#host.manner;
    return version === null ? '' : textOf(version, 'VERSION '.length, version.length - LINE_END_BYTES);
  }

  get oldest(): Request | undefined {
    return this.#pipeline.oldest;
  }

  submit(request: Request): void {
    this.#submit(request);
  }

  get flush(): ClientManner['flush'] {
    const { manner, everywhere } = this.#host;
    return manner.flush === 'everywhere' && everywhere === null ? 'refused' : manner.flush;
  }

  submitEverywhere(request: Request): void {
    const { everywhere } = this.#host;
    assert(everywhere !== null, 'there are servers, or it is refused');
    this.#send(request, everywhere);
  }

  collect(request: Request, valueBytes: number): void {
    this.#upload.beginBinaryValue(request, valueBytes);
  }

  swallow(count: number): void {
    this.#upload.drop(count);
  }

  answer(reply: Uint8Array): void {
    this.#answer(reply);
  }

  close(): void {
    this.#close();
  }

  destroy(): void {
    this.#destroy(0);
  }

  answerStatistics(words: string, encode: (text: string) => Uint8Array): void {
    // Who asks this is a proxy, and sends elsewhere what it has waited for in vain, unless it says that it has nobody else.
    if (words === 'agent' || words === AGENT_WITHOUT_OTHERS) {
      this.#isProxy = true;
      this.#sendsElsewhere = words === 'agent';
      this.#connection.voidUnreadOnReset?.();
    }
    let waiting: Request | null = null;
    let isAnswered = false;
    this.#host.askStatistics(words, (text) => {
      isAnswered = true;
      const reply = encode(text);
      if (waiting === null) this.#answer(reply);
      else {
        waiting.answer(reply, 0, reply.length);
        this.#host.requests.release(waiting);
      }
    });
    if (isAnswered) return;
    const request = this.#host.requests.acquire(this, VERB.unknown, false);
    request.references++;
    waiting = request;
    this.#pipeline.push(request);
  }

  /** Ends the connection when the answers that are owed have been sent. */
  #close(): void {
    this.#closing = true;
    if (this.#pipeline.isEmpty) this.#connection.end();
  }

  /** The same of a client that has said what is no request here. */
  #closeOnError(): void {
    this.#fault = MALFORMED;
    this.#close();
  }

  #destroy(consumed: number): number {
    this.#closing = true;
    this.#connection.destroy();
    return consumed;
  }

  // --- what becomes of a value or a long line

  badValue(request: Request): boolean {
    if (this.#host.manner.closesOnError) {
      this.#closeOnError();
      return false;
    }
    if (!request.noreply) this.#answer(REPLY_BAD_CHUNK);
    return true;
  }

  noMemoryFor(request: Request, isBinary: boolean): void {
    if (isBinary) this.#binaryFront?.noMemoryFor(request);
    else if (!request.noreply) this.#answer(REPLY_NO_MEMORY);
    if (!this.#feeding) this.#connection.flush();
  }

  /** It is read like any other. */
  lineCollected(line: Request): void {
    this.#text(line.bytes, 0, line.length);
  }

  lineGivenUp(): void {
    this.#destroy(0);
  }

  // --- what requests ask of their client

  write(source: Uint8Array, from: number, to: number): void {
    this.#connection.output.pass(source, from, to);
    if (!this.#feeding) this.#connection.flush();
  }

  writeRuns(source: Uint8Array, offset: number, runs: Int32Array, count: number): void {
    this.#connection.output.passRuns(source, offset, runs, count);
    if (!this.#feeding) this.#connection.flush();
  }

  headProgressed(): void {
    this.#pipeline.advance();
    if (this.#closing) {
      if (this.#pipeline.isEmpty) this.#connection.end();
    } else if (this.#paused && this.#pipeline.hasRoom) {
      this.#paused = false;
      this.#connection.resume();
    }
  }

  failedWhole(): void {
    this.#closing = true;
    this.#connection.end();
  }

  abort(): void {
    this.#closing = true;
    this.#connection.destroy();
  }

  get sendsElsewhere(): boolean {
    return this.#sendsElsewhere;
  }

  get congested(): boolean {
    return this.#unread.isExceeded;
  }

  grant(bytes: number): boolean {
    return this.#unread.grow(bytes);
  }

  /** The client has taken everything. */
  drained(): void {
    this.#unread.shrink();
    this.headProgressed();
  }

  /** A client may say all it has to say and then wait for the answers, as `nc` does. */
  peerEnded(): void {
    this.#close();
  }

  closed(error: ConnectionError | null): void {
    this.#closing = true;
    this.#unread.shrink();
    this.#pipeline.abandon(this.#isProxy);
    this.#upload.abandon();
    this.#gone(error ?? this.#fault);
  }
}

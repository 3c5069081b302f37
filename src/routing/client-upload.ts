import { BASE64_KEY_BYTES_MAX } from './meta-front.ts';
import type { Request } from './request.ts';
import type { RequestPool } from './request-pool.ts';
import type { Uploader } from './uploads.ts';

const CR = 13;
const LF = 10;
const LINE_END = Uint8Array.of(CR, LF);

/** Longest line of get, gets, gat and gats; a longer one closes the connection. */
export const RETRIEVAL_LINE_BYTES_MAX: number = 4 * 1024 * 1024;
/** Behind a value come its line end and, of a key in base64, its plain text. */
const BEHIND_VALUE_BYTES: number = BASE64_KEY_BYTES_MAX + LINE_END.length;

/** Who goes on with what has come whole, and tells the client of what could not be kept. Requests are the receiver's only where it is said. */
export interface UploadReceiver {
  /** The request has its value and its line end, and is the receiver's. */
  submit(request: Request): void;
  /** Behind the value stood no line end: the request is not done. @returns false when nothing more is taken from the client */
  badValue(request: Request): boolean;
  /** There was no memory for the value. */
  noMemoryFor(request: Request, isBinary: boolean): void;
  /** A long line is there, with its end. */
  lineCollected(line: Request): void;
  /** A long line had to make room; nothing that follows can be read without it. */
  lineGivenUp(): void;
}

/**
 * What a client is in the middle of sending: the value of a request, or a line longer than its transport keeps. It is collected in the buffer of
 * a record, whose growth is charged to the thread's buffers; what does not come at once is one of their uploads, which have to make room for
 * others in the end. A value that was refused, or has made room, is dropped as it comes, so that what follows it is understood.
 *
 * A value is collected whole before its request is sent on. It would not do to pass it on piece by piece: the connection to a server is
 * shared, so that a client which stops in the middle of a value would hold up all others; and what was not kept could not be sent
 * to another server.
 */
export class ClientUpload implements Uploader {
  readonly #receiver: UploadReceiver;
  readonly #requests: RequestPool;
  /** The request whose value is being collected, and how much of it is to come. */
  #request: Request | null = null;
  #rest = 0;
  /** Its value comes without a line end. */
  #isBinary = false;
  /** Some of the value has come, but not all. */
  #isUploading = false;
  /** Bytes that are still to be dropped. */
  #droppedRest = 0;
  /** What has come of a long line. */
  #line: Request | null = null;

  constructor(receiver: UploadReceiver, requests: RequestPool) {
    this.#receiver = receiver;
    this.#requests = requests;
  }

  /** What comes next belongs to a value, kept or dropped: it is for `takeValue`. */
  get isInValue(): boolean {
    return this.#request !== null || this.#droppedRest > 0;
  }

  /** What comes next belongs to a long line: it is for `takeLine`. */
  get isInLine(): boolean {
    return this.#line !== null;
  }

  get collecting(): Request | null {
    return this.#request ?? this.#line;
  }

  /** The value of a request of text follows, and behind it its line end. */
  beginValue(request: Request, valueBytes: number): void {
    this.#request = request;
    this.#rest = valueBytes + LINE_END.length;
  }

  /** The value of a binary request follows; it is given the line end with which it goes on. */
  beginBinaryValue(request: Request, valueBytes: number): void {
    this.#request = request;
    this.#rest = valueBytes;
    this.#isBinary = true;
    if (valueBytes === 0) this.#complete(request);
  }

  /** The next so many bytes are of no use. */
  drop(bytes: number): void {
    this.#droppedRest = bytes;
  }

  /** Takes what there is of a value. @returns the index behind it, or `end` when nothing more is taken from the client */
  takeValue(input: Uint8Array, start: number, end: number): number {
    const request = this.#request;
    if (request === null) {
      const dropped = Math.min(this.#droppedRest, end - start);
      this.#droppedRest -= dropped;
      return start + dropped;
    }
    const taken = Math.min(this.#rest, end - start);
    const lengthMax = request.length + this.#rest + BEHIND_VALUE_BYTES;
    if (!request.reserve(taken + BEHIND_VALUE_BYTES, lengthMax)) {
      this.giveUpValue();
      return start;
    }
    request.append(input, start, start + taken);
    this.#rest -= taken;
    if (this.#rest > 0) {
      if (!this.#isUploading) this.#requests.uploads.begin(this);
      this.#isUploading = true;
    } else if (!this.#complete(request)) return end;
    return start + taken;
  }

  /** The value is there. @returns false when nothing more is taken from the client */
  #complete(request: Request): boolean {
    this.#endValue();
    if (this.#isBinary) {
      this.#isBinary = false;
      // Room for it was kept.
      request.append(LINE_END, 0, LINE_END.length);
      this.#receiver.submit(request);
      return true;
    }
    const { bytes, length } = request;
    if (bytes[length - 2] === CR && bytes[length - 1] === LF) {
      this.#receiver.submit(request);
      return true;
    }
    const goesOn = this.#receiver.badValue(request);
    this.#requests.release(request);
    return goesOn;
  }

  #endValue(): void {
    this.#request = null;
    if (!this.#isUploading) return;
    this.#isUploading = false;
    this.#requests.uploads.end(this);
  }

  /** Takes the beginning of a long line into a record of its own, and is `takeLine` for it. */
  beginLine(line: Request, input: Uint8Array, start: number, end: number): number {
    this.#line = line;
    this.#requests.uploads.begin(this);
    return this.takeLine(input, start, end);
  }

  /** Takes what there is of a long line. @returns the index behind it; -1 when it is longer than any may be, or there is no memory for it */
  takeLine(input: Uint8Array, start: number, end: number): number {
    const line = this.#line;
    if (line === null) return start;
    let at = start;
    while (at < end && input[at] !== LF) at++;
    const hasEnded = at < end;
    if (hasEnded) at++;
    if (line.length + at - start > RETRIEVAL_LINE_BYTES_MAX || !line.reserve(at - start)) return -1;
    line.append(input, start, at);
    if (!hasEnded) return at;
    this.#endLine();
    this.#receiver.lineCollected(line);
    this.#requests.release(line);
    return at;
  }

  #endLine(): void {
    if (this.#line !== null) this.#requests.uploads.end(this);
    this.#line = null;
  }

  giveUpValue(): void {
    const line = this.#line;
    if (line !== null) {
      this.#endLine();
      this.#requests.release(line);
      this.#receiver.lineGivenUp();
      return;
    }
    const request = this.#request;
    if (request === null) return;
    this.#endValue();
    this.#droppedRest = this.#rest;
    this.#receiver.noMemoryFor(request, this.#isBinary);
    this.#isBinary = false;
    this.#requests.release(request);
  }

  /** The client has gone: nothing is kept of what it was sending. */
  abandon(): void {
    const kept = this.collecting;
    this.#endLine();
    this.#endValue();
    if (kept !== null) this.#requests.release(kept);
  }
}

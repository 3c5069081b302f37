import type { DatagramSession, DatagramSocket } from '../base/datagram.ts';
import { Output, type OutputSink } from '../base/output.ts';
import type { Connection, Session } from '../base/session.ts';
import { REQUEST_MAGIC } from '../protocol/binary/opcodes.ts';
import {
  FRAME_BYTES,
  isRequestDatagram,
  PART_BYTES_MAX,
  PARTS_MAX,
  requestId,
  writeFrame,
} from '../protocol/udp/frame.ts';

/** Most bytes of one answer: what can be numbered. */
const ANSWER_BYTES_MAX: number = PARTS_MAX * PART_BYTES_MAX;

/** Room for an answer at first, and again after a long one. */
const ANSWER_BYTES_USUAL: number = 16 * 1024;

/**
 * Requests over UDP: each datagram is a connection of its own, which has sent all it will send. Its requests are executed by an
 * ordinary session; the answer to all of them is one message, cut into datagrams.
 *
 * The answer lies in one piece with room for a frame in front. The frame of each further part is written over the last bytes of the part
 * before it, which has been sent by then: nothing is copied.
 */
export class UdpSession implements DatagramSession, Connection, OutputSink {
  readonly output: Output = new Output(this);
  readonly #socket: DatagramSocket;
  readonly #makeSession: (connection: Connection, isBinary: boolean) => Session;
  /** The session of the last datagram, if it was text and left nothing unfinished: the next one can have it. */
  #session: Session | null = null;
  #buffer: Uint8Array = new Uint8Array(new ArrayBuffer(ANSWER_BYTES_USUAL));
  #isEnding = false;
  /** The answer is longer than can be numbered; what is written further is dropped. */
  #isOverlong = false;
  #id = 0;
  #parts = 0;
  #part = 0;
  #answerBytes = 0;

  /** @param makeSession makes the session that executes the requests of a datagram that begins in binary, or does not */
  constructor(socket: DatagramSocket, makeSession: (connection: Connection, isBinary: boolean) => Session) {
    this.#socket = socket;
    this.#makeSession = makeSession;
  }

  get answer(): Uint8Array {
    return this.#buffer;
  }

  get partStart(): number {
    return this.#part * PART_BYTES_MAX;
  }

  get partEnd(): number {
    return FRAME_BYTES + Math.min(this.#answerBytes, (this.#part + 1) * PART_BYTES_MAX);
  }

  received(input: Uint8Array, start: number, end: number): boolean {
    if (!isRequestDatagram(input, start, end)) {
      this.#socket.noteDropped();
      return false;
    }
    if (this.#buffer.length > ANSWER_BYTES_USUAL) {
      this.#buffer = new Uint8Array(new ArrayBuffer(ANSWER_BYTES_USUAL));
    }
    const { output } = this;
    output.bytes = this.#buffer;
    output.start = output.at = FRAME_BYTES;
    output.limit = this.#buffer.length;
    output.blocked = false;
    this.#isEnding = false;
    this.#isOverlong = false;
    this.#execute(input, start + FRAME_BYTES, end);
    this.#id = requestId(input, start);
    this.#answerBytes = output.at - output.start;
    this.#parts = Math.ceil(this.#answerBytes / PART_BYTES_MAX);
    this.#part = 0;
    if (this.#isOverlong) this.#socket.noteDropped();
    if (this.#parts === 0 || this.#isOverlong) return false;
    writeFrame(this.#buffer, 0, this.#id, 0, this.#parts);
    return true;
  }

  nextPart(): boolean {
    if (this.#part + 1 >= this.#parts) return false;
    this.#part++;
    writeFrame(this.#buffer, this.partStart, this.#id, this.#part, this.#parts);
    return true;
  }

  #execute(input: Uint8Array, start: number, end: number): void {
    const isText = input[start] !== REQUEST_MAGIC;
    let session = isText ? this.#session : null;
    if (isText) this.#session = null;
    session ??= this.#makeSession(this, !isText);
    let at = start;
    // A session may stop in the midst of its input, to be offered the rest again; what it leaves twice is not complete.
    for (let last = -1; at < end && at > last && !this.#isEnding && !this.output.blocked; ) {
      last = at;
      at = session.feed(input, at, end);
    }
    const isReusable = isText && at === end && !this.#isEnding && session.isBetweenRequests === true;
    if (isReusable) this.#session = session;
    else session.closed(null);
  }

  // The connection that the session believes it is on

  get descriptor(): number {
    return this.#socket.descriptor;
  }

  get remote(): string {
    return this.#socket.remote;
  }

  /** What is written after the answer has gone has no one to go to. */
  flush(): void {}

  end(): void {
    this.#isEnding = true;
  }

  destroy(): void {
    this.#isEnding = true;
    this.output.at = this.output.start;
  }

  pause(): void {}

  resume(): void {}

  makeRoom(output: Output, count: number): void {
    if (output.at - FRAME_BYTES + count > ANSWER_BYTES_MAX) {
      this.#isOverlong = true;
      output.blocked = true;
      output.at = FRAME_BYTES;
      if (output.limit - output.at >= count) return;
    }
    const used = output.at;
    const doubled = Math.min(2 * this.#buffer.length, FRAME_BYTES + ANSWER_BYTES_MAX);
    const grown = new Uint8Array(new ArrayBuffer(Math.max(doubled, used + count)));
    grown.set(this.#buffer.subarray(0, used));
    this.#buffer = grown;
    output.bytes = grown;
    output.limit = grown.length;
  }
}

import type { Output } from '../base/output.ts';
import type { Connection } from '../base/session.ts';
import { wordsOf } from '../base/word-view.ts';
import type { Call } from './call.ts';
import type { Request } from './request.ts';
import type { Ring } from './ring.ts';

/** Most bytes that are written in one turn of the loop, though the server takes them: other connections have their turn. */
const TURN_BYTES: number = 8 * 1024 * 1024;

/** A request or an answer from this size on is large: what its bytes need on the way is not counted as time in which nothing comes. */
export const LARGE_BYTES: number = 64 * 1024;

const LINE_END = Uint8Array.of(13, 10);

/** Whose calls are written. */
export interface WriterOwner {
  /** Those that were written stand in front. */
  readonly queue: Ring<Call>;
  /** A call that nobody wants to be done any more is not to be written: it has to go from the queue, which has it at `index`. */
  callIsVoid(index: number): void;
  /** The first bytes of a call, of `bytes` in all, have been written. */
  callBegins(call: Call, bytes: number): void;
}

/**
 * Writes the calls of a queue to a connection, in their order, and no faster than the server takes them: what is not written yet needs no memory but that
 * of its request, is known not to have been done, and can still go elsewhere.
 */
export class CallWriter {
  /** Calls at the end of the queue of which nothing was written. */
  waiting = 0;
  /** Nothing more is begun on this connection. */
  isHeld = false;
  /** Bytes written to this connection. */
  #written = 0;
  /** How many of them the server's host had when it was asked last. */
  #taken = 0;
  /** What is being written in pieces; kept to its last byte, also when its answer comes before: a server may refuse a value when it has read its line. */
  #request: Request | null = null;
  #at = 0;
  readonly #aheadBytes: number;
  readonly #owner: WriterOwner;
  readonly #release: (request: Request) => void;

  /**
   * @param aheadBytes while the server has not taken so many bytes, nothing more is written: calls wait in the queue, where they cost nothing more. A request that is longer goes in pieces
   * of this size
   * @param release gives back a request that was kept
   */
  constructor(owner: WriterOwner, aheadBytes: number, release: (request: Request) => void) {
    this.#aheadBytes = aheadBytes;
    this.#owner = owner;
    this.#release = release;
  }

  /** How many calls at the end of the queue the server cannot have done: not all of their bytes have been sent. */
  undone(output: Output): number {
    const { queue } = this.#owner;
    const sent = this.#written - output.pendingBytes - (output.at - output.start);
    let count = this.waiting;
    while (count < queue.length && queue.at(queue.length - 1 - count)!.endsAt > sent) count++;
    return count;
  }

  /** For a new connection, or none: nothing of what is in the queue has been written. */
  reset(): void {
    const request = this.#request;
    this.#request = null;
    this.isHeld = false;
    this.waiting = this.#owner.queue.length;
    this.#written = this.#taken = 0;
    if (request !== null) this.#release(request);
  }

  /** A call has been taken from the front of the queue. */
  left(): void {
    if (this.waiting > this.#owner.queue.length) this.waiting = this.#owner.queue.length;
  }

  /** The server owes nothing on this connection, and has got all that was begun. */
  get isSettled(): boolean {
    return this.#request === null && this.waiting === this.#owner.queue.length;
  }

  /** A request is being written in pieces. */
  get isPartWritten(): boolean {
    return this.#request !== null;
  }

  /**
   * Writes what may be written now; the rest when the output has drained.
   *
   * @returns false when the server takes everything, but others shall have their turn: to be called again soon
   */
  write(output: Output): boolean {
    const { queue } = this.#owner;
    const end = this.#written + TURN_BYTES;
    while (this.#request !== null || this.waiting > 0) {
      if (output.pendingBytes >= this.#aheadBytes) return true;
      if (this.#written >= end) return false;
      if (this.#request !== null) {
        this.#writePiece(this.#request, output);
        continue;
      }
      if (this.isHeld) return true;
      const index = queue.length - this.waiting;
      const call = queue.at(index)!;
      if (call.request.isVoid) this.#owner.callIsVoid(index);
      else this.#begin(call, output);
    }
    return true;
  }

  #begin(call: Call, output: Output): void {
    const { request } = call;
    const before = this.#written;
    this.waiting--;
    call.written = true;
    if (call.keyCount !== request.lineKeys) {
      output.append(request.bytes, 0, request.prefixEnd);
      const keysLength = appendKeys(output, call);
      output.append(LINE_END, 0, LINE_END.length);
      this.#written += request.prefixEnd + keysLength + LINE_END.length;
      call.endsAt = this.#written;
    } else if (request.length <= this.#aheadBytes) {
      output.pass(request.bytes, 0, request.length);
      this.#written += request.length;
      call.endsAt = this.#written;
    } else {
      request.references++;
      this.#request = request;
      this.#at = 0;
      call.endsAt = this.#written + request.length;
      this.#writePiece(request, output);
    }
    this.#owner.callBegins(call, call.endsAt - before);
  }

  #writePiece(request: Request, output: Output): void {
    const from = this.#at;
    const to = Math.min(request.length, from + this.#aheadBytes);
    output.pass(request.bytes, from, to);
    this.#written += to - from;
    this.#at = to;
    if (to < request.length) return;
    this.#request = null;
    this.#release(request);
  }

  /**
   * Whether bytes of a large call, the oldest one, have come to the server's host since this was asked last. Where the transport cannot tell, it is
   * known only what the kernel has taken.
   */
  hasMoved(oldest: Call, connection: Connection): boolean {
    if (oldest.request.length <= LARGE_BYTES) return false;
    const { output } = connection;
    const onTheWay = connection.unacknowledgedBytes?.() ?? output.pendingBytes;
    const before = this.#taken;
    this.#taken = this.#written - onTheWay - (output.at - output.start);
    return this.#taken > before && before < oldest.endsAt;
  }
}

/** Writes the keys of a call, each with the space that stands before it. A key is a dozen bytes: a loop is faster than any call. @returns how many bytes */
function appendKeys(output: Output, call: Call): number {
  const { bytes, words, keyStart, keyEnd, keyNext } = call.request;
  let { bytes: target, at, limit } = output;
  let targetWords = wordsOf(target);
  let length = 0;
  for (let key = call.firstKey; key >= 0; key = keyNext[key]!) {
    let from = keyStart[key]! - 1;
    const to = keyEnd[key]!;
    length += to - from;
    if (limit - at < to - from) {
      output.at = at;
      output.reserve(to - from);
      ({ bytes: target, at, limit } = output);
      targetWords = wordsOf(target);
    }
    for (; from + 4 <= to; from += 4, at += 4) targetWords.setInt32(at, words.getInt32(from, true), true);
    for (; from < to; from++, at++) target[at] = bytes[from]!;
  }
  output.at = at;
  return length;
}

import { copyInside } from './copy-inside.ts';

/** What stands behind an Output: the transport that sends the bytes. */
export interface OutputSink {
  /**
   * Makes `output` hold at least `count` more bytes without a break: by attaching a buffer, by sending what is there, or by a larger
   * buffer. Sets `output.blocked` when the peer does not take what was sent.
   */
  makeRoom(output: Output, count: number): void;
  /** Whether `sendLong` may be called now. A transport that cannot send from where the bytes lie has neither. */
  canSendLong?(): boolean;
  /**
   * Sends what stands in `output`, bytes [from, to) of `source` and `tail` at once, for which `output` has room. What the peer does not take is
   * copied, so that `source` may change when the call returns.
   */
  sendLong?(output: Output, source: Uint8Array, from: number, to: number, tail: Uint8Array): void;
}

/** The array of an Output that holds nothing yet; shared, never written. */
const NOTHING = new Uint8Array(0);

/** From this length on a run of bytes is worth a call of its own to the kernel, to save the copy. */
export const LONG_BYTES: number = 16 * 1024;

/**
 * Where a session writes its replies: a window [start, limit) of some byte array, filled up to `at`.
 *
 * The writer calls `reserve(n)` and then writes up to n bytes at `bytes[at…]`, moving `at`. `bytes`, `at` and `limit` may change
 * at every `reserve`, so read them after it. The transport sends [start, at) once when the session returns from `feed`.
 *
 * Back-pressure: when the peer reads too slowly `blocked` becomes true; the session stops between two requests (or two
 * values of one request) and returns what it has consumed. It is fed the rest when the output has drained. Writing while blocked
 * is allowed but is memory: at most one reply may be added.
 */
export class Output {
  bytes: Uint8Array = NOTHING;
  start = 0;
  at = 0;
  limit = 0;
  /** The peer has not taken what was sent before: stop producing. */
  blocked = false;
  /** Bytes that were sent and that the peer has not taken, as the transport counted them last; what stands in the window is not among them. */
  pendingBytes = 0;
  readonly #sink: OutputSink;

  constructor(sink: OutputSink) {
    this.#sink = sink;
  }

  /** Makes room for `count` bytes at `at`. Never fails; the size of one reply is bounded by the largest item. */
  reserve(count: number): void {
    if (this.limit - this.at < count) this.#sink.makeRoom(this, count);
  }

  /** Appends bytes [from, to) of `source`. */
  append(source: Uint8Array, from: number, to: number): void {
    const count = to - from;
    this.reserve(count);
    const { bytes, at } = this;
    if (bytes === source) copyInside(bytes, at, from, to);
    else if (count < 48) for (let i = 0; i < count; i++) bytes[at + i] = source[from + i]!;
    else bytes.set(source.subarray(from, to), at);
    this.at = at + count;
  }

  /**
   * Whether `sendLong` may be called now: a long value can go from where it lies to the kernel without a copy in between. It
   * may be true only until the next byte is written or sent.
   */
  get sendsLong(): boolean {
    return this.#sink.canSendLong?.() === true;
  }

  /**
   * Appends bytes [from, to) of `source`, which may change afterwards, and `tail`, for which there is room; and sends everything.
   * To be called only when `sendsLong`.
   */
  sendLong(source: Uint8Array, from: number, to: number, tail: Uint8Array): void {
    this.#sink.sendLong?.(this, source, from, to, tail);
  }

  /**
   * Appends bytes [from, to) of `source`, which may change afterwards. Unlike with `append`, many of them go to the kernel at once, together with what stands before
   * them, from where they lie.
   */
  pass(source: Uint8Array, from: number, to: number): void {
    if (to - from >= LONG_BYTES) {
      // What is sent with them has to stand somewhere, even if it is nothing.
      this.reserve(1);
      if (this.sendsLong) {
        this.sendLong(source, from, to, NOTHING);
        return;
      }
    }
    this.append(source, from, to);
  }

  /**
   * Appends some runs of `source`, one behind the other.
   *
   * @param offset is added to all places
   * @param runs first and end of each
   * @param count of runs
   */
  passRuns(source: Uint8Array, offset: number, runs: Int32Array, count: number): void {
    let { bytes, at, limit } = this;
    for (let i = 0; i < 2 * count; i += 2) {
      const from = offset + runs[i]!;
      const to = offset + runs[i + 1]!;
      const length = to - from;
      if (bytes === source && limit - at >= length && length < LONG_BYTES) {
        copyInside(bytes, at, from, to);
        at += length;
      } else {
        this.at = at;
        this.pass(source, from, to);
        ({ bytes, at, limit } = this);
      }
    }
    this.at = at;
  }

  /** Appends the characters of a string, one byte each (latin-1). Not for the hot path with made-up strings. */
  text(text: string): void {
    const count = text.length;
    this.reserve(count);
    const { bytes, at } = this;
    for (let i = 0; i < count; i++) bytes[at + i] = text.charCodeAt(i);
    this.at = at + count;
  }
}

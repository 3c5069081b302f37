import { Output } from '../src/base/output.ts';
import type { Connection } from '../src/base/session.ts';

/**
 * A connection without a transport, for tests of sessions: what the session writes is kept, and its calls are noted.
 */
export class MemoryConnection implements Connection {
  readonly output: Output;
  readonly descriptor = 7;
  readonly remote = 'tcp:127.0.0.1:4711';
  ended = false;
  destroyed = false;
  paused = false;
  flushes = 0;
  channelBinding = '';
  /** What `watchSilence` was called with; 0: it was not. */
  silenceMs = 0;

  constructor() {
    this.output = new Output({
      makeRoom: (output, count) => {
        const grown = new Uint8Array(Math.max(1024, (output.at + count) * 2));
        grown.set(output.bytes.subarray(0, output.at));
        output.bytes = grown;
        output.limit = grown.length;
      },
    });
  }

  flush(): void {
    this.flushes++;
  }

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    this.destroyed = true;
  }

  watchSilence(ms: number): void {
    this.silenceMs = ms;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  /** What has been written since the last call, as latin-1 text. */
  take(): string {
    const { output } = this;
    const text = Buffer.from(output.bytes.subarray(output.start, output.at)).toString('latin1');
    output.at = output.start;
    return text;
  }
}

/**
 * Feeds bytes to a session in pieces, as a transport does: what is not consumed is offered again in front of the next piece.
 */
export class PieceFeeder {
  #rest: Uint8Array = new Uint8Array(0);
  readonly #feed: (input: Uint8Array, start: number, end: number) => number;
  /** Tells the session that its output has been taken. */
  readonly drained: () => void;

  constructor(session: {
    feed(input: Uint8Array, start: number, end: number): number;
    drained?(): void;
  }) {
    this.drained = () => session.drained?.();
    this.#feed = (input, start, end) => session.feed(input, start, end);
  }

  /** Bytes offered and not consumed. */
  get restBytes(): number {
    return this.#rest.length;
  }

  push(piece: Uint8Array): void {
    // Junk around the piece shows sessions that read beyond their window.
    const input = new Uint8Array(this.#rest.length + piece.length + 16).fill(0x20);
    input.set(this.#rest, 8);
    input.set(piece, 8 + this.#rest.length);
    const end = 8 + this.#rest.length + piece.length;
    const consumed = this.#feed(input, 8, end);
    this.#rest = input.slice(consumed, end);
  }
}

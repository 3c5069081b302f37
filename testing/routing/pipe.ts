import { Output } from '../../src/base/output.ts';
import type { Connection, Session } from '../../src/base/session.ts';

/** Events in the order of their times; equal times in the order of their making. */
export class Timeline {
  nowMs = 1000;
  #serial = 0;
  readonly #events: { atMs: number; serial: number; run: () => void }[] = [];

  at(atMs: number, run: () => void): void {
    this.#events.push({ atMs, serial: this.#serial++, run });
    this.#events.sort((a, b) => a.atMs - b.atMs || a.serial - b.serial);
  }

  /** Runs what is due up to a time, the clock moving with it. */
  runUntil(endMs: number): void {
    for (let steps = 0; steps < 1_000_000; steps++) {
      const event = this.#events[0];
      if (event === undefined || event.atMs > endMs) {
        this.nowMs = endMs;
        return;
      }
      this.#events.shift();
      this.nowMs = Math.max(this.nowMs, event.atMs);
      event.run();
    }
    throw new Error('the simulated world does not come to rest');
  }
}

/** What a session is fed at once: what it left, and what is received. */
const RECEIVED_BYTES_MAX: number = 320 * 1024;

/** One end of a simulated connection: what the session writes goes to `sent` at the end of the turn, as latin-1 text. */
export class Pipe implements Connection {
  readonly output: Output;
  readonly descriptor = 3;
  readonly remote = 'tcp:127.0.0.1:1';
  session: Session | null = null;
  closed = false;
  paused = false;
  /** The session's peer takes nothing: outputs are blocked. */
  stuck = false;
  /** How fast what is written gets to the peer. */
  bytesPerMs: number = Number.POSITIVE_INFINITY;
  /** So much of it the kernel keeps on the way; what is beyond it blocks the output. */
  kernelBytes = 0;
  unacknowledgedBytes?: () => number;
  #onTheWay = '';
  #isMoving = false;
  readonly #timeline: Timeline;
  readonly #sent: (text: string) => void;
  readonly #ended: () => void;
  #rest: Buffer = Buffer.alloc(0);
  #flushing = false;
  #ending = false;

  constructor(timeline: Timeline, sent: (text: string) => void, ended: () => void) {
    this.#timeline = timeline;
    this.#sent = sent;
    this.#ended = ended;
    this.output = new Output({
      makeRoom: (output, count) => {
        if (this.bytesPerMs < Number.POSITIVE_INFINITY && !this.stuck) this.#send();
        const grown = new Uint8Array(Math.max(256, (output.at - output.start + count) * 2));
        grown.set(output.bytes.subarray(output.start, output.at));
        output.at -= output.start;
        output.start = 0;
        output.bytes = grown;
        output.limit = grown.length;
        if (this.stuck) output.blocked = true;
        output.pendingBytes = this.stuck ? output.at : this.#pendingBytes;
      },
    });
  }

  get #pendingBytes(): number {
    return Math.max(0, this.#onTheWay.length - this.kernelBytes);
  }

  /** Lets the session ask what is on its way. */
  tellTheWay(): void {
    this.unacknowledgedBytes = () => this.#onTheWay.length;
  }

  flush(): void {
    if (this.#flushing || this.closed) return;
    this.#flushing = true;
    this.#timeline.at(this.#timeline.nowMs, () => {
      this.#flushing = false;
      this.#send();
    });
  }

  #send(): void {
    if (this.closed) return;
    const { output } = this;
    output.pendingBytes = this.stuck ? output.at - output.start : this.#pendingBytes;
    output.blocked = output.pendingBytes > 0;
    if (!this.stuck && output.at > output.start) {
      const text = Buffer.from(output.bytes.subarray(output.start, output.at)).toString('latin1');
      output.at = output.start;
      if (this.bytesPerMs === Number.POSITIVE_INFINITY && this.#onTheWay === '') this.#sent(text);
      else this.#carry(text);
    }
    if (this.#ending && output.at === output.start && this.#onTheWay === '') this.close(false);
  }

  /** It gets there after some time. */
  #carry(text: string): void {
    this.#onTheWay += text;
    this.output.pendingBytes = this.#pendingBytes;
    this.output.blocked = this.#pendingBytes > 0;
    if (this.#isMoving) return;
    this.#isMoving = true;
    this.#timeline.at(this.#timeline.nowMs + 1, () => this.#move());
  }

  #move(): void {
    this.#isMoving = false;
    if (this.closed) return;
    const { output } = this;
    const piece = this.#onTheWay.slice(0, this.bytesPerMs);
    this.#onTheWay = this.#onTheWay.slice(piece.length);
    const hasDrained = output.blocked && this.#pendingBytes === 0;
    output.pendingBytes = this.#pendingBytes;
    if (piece !== '') this.#sent(piece);
    if (this.#onTheWay !== '') this.#carry('');
    if (hasDrained) {
      output.blocked = false;
      this.session?.drained?.();
      this.flush();
      this.deliver('');
    } else if (this.#ending) this.flush();
  }

  end(): void {
    this.#ending = true;
    this.flush();
  }

  destroy(): void {
    this.close(false);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.#timeline.at(this.#timeline.nowMs, () => this.deliver(''));
  }

  /** The peer reads (again): what waited is sent and the session is fed what it left. */
  unstick(): void {
    this.stuck = false;
    this.output.blocked = false;
    this.output.pendingBytes = 0;
    this.session?.drained?.();
    this.flush();
    this.#timeline.at(this.#timeline.nowMs, () => this.deliver(''));
  }

  /** Bytes that the session left. */
  get restBytes(): number {
    return this.#rest.length;
  }

  /** Bytes come from the peer. */
  deliver(text: string): void {
    if (this.closed || this.session === null) return;
    this.#rest = Buffer.concat([this.#rest, Buffer.from(text, 'latin1')]);
    let isMore: boolean;
    do {
      const piece = this.#rest.subarray(0, RECEIVED_BYTES_MAX);
      const input = Buffer.alloc(8 + piece.length + 8, 0x20);
      piece.copy(input, 8);
      const end = 8 + piece.length;
      const consumed = this.paused ? 8 : this.session.feed(input, 8, end);
      if (consumed < 8 || consumed > end)
        throw new Error(`a session consumed up to ${consumed - 8} of ${end - 8}`);
      this.#rest = this.#rest.subarray(consumed - 8);
      input.fill(0x21);
      isMore = consumed > 8 && piece.length === RECEIVED_BYTES_MAX && this.#rest.length > 0;
    } while (isMore && !this.closed);
    if (this.output.at > this.output.start) this.flush();
  }

  close(byPeer: boolean, code?: string): void {
    if (this.closed) return;
    this.closed = true;
    if (!byPeer) this.#ended();
    this.#timeline.at(this.#timeline.nowMs, () =>
      this.session?.closed(code === undefined ? null : { code, message: code }),
    );
  }
}

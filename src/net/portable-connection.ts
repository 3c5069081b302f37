import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { assert } from '../base/assert.ts';
import { INPUT_REST_BYTES_MAX, PENDING_BYTES_MAX, PENDING_BYTES_TOTAL_MAX } from '../base/limits.ts';
import { Output, type OutputSink } from '../base/output.ts';
import type { Connection, ConnectionError, Session } from '../base/session.ts';
import { formatPeer } from './addresses.ts';
import { type Block, type BufferPool, WINDOW_BYTES } from './buffer-pool.ts';
import { addPending, FIGURE } from './figures.ts';
import { errorOfName } from './system-errors.ts';
import { tlsErrorOf } from './tls-errors.ts';

/** The portable loop as its connections see it. */
export interface PortableCore {
  readonly pool: BufferPool;
  readonly figures: Float64Array;
  /** A turn begins, if none has: something has happened. */
  enter(): void;
  /** As in the reactor: what is noted is visited at the end of this turn. */
  noteUnsent(connection: PortableConnection): void;
  noteResumed(connection: PortableConnection): void;
  noteDoomed(connection: PortableConnection): void;
}

/** How long a peer may take to let us say that the connection ends. */
const TLS_END_MS_MAX = 1000;

/** Of RFC 9266. */
const BINDING_LABEL = 'EXPORTER-Channel-Binding';
const BINDING_BYTES = 32;
const NO_CONTEXT: Buffer = Buffer.alloc(0);

/** For so long node's keep-alive probes are repeated before the connection ends. */
const KEEPALIVE_MS = 10_000;

const CONNECTING = 0;
const OPEN = 1;
const DOOMED = 2;
const CLOSED = 3;

/**
 * One connection over a socket of node:net. What it promises to its session is what ReactorConnection promises; how the bytes travel
 * is simpler, because the socket keeps what the kernel does not take.
 */
export class PortableConnection implements Connection, OutputSink {
  readonly output: Output = new Output(this);
  readonly descriptor: number;
  readonly remote: string;
  readonly #core: PortableCore;
  readonly #socket: Socket;
  #session: Session | null = null;
  #phase: number;
  #window: Block | null = null;
  #rest: Uint8Array | null = null;
  /** Fed also while output is pending. */
  #isDuplex = false;
  #isPaused = false;
  /** Nothing is given to the socket; see Connection.holdOutput. */
  #isHeld = false;
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;
  #isEnding = false;
  #isAborted = false;
  /** The socket has told the peer's end; it counts once the session has been offered all that came before. */
  #isEndWaiting = false;
  #hasPeerEnded = false;
  #isUnsentNoted = false;
  #isResumeNoted = false;
  #isFlowing = false;
  #error: ConnectionError | null = null;
  #onDialled: (() => void) | null;

  /** @param onDialled for a connection that is being dialled: called once the outcome is known */
  constructor(
    core: PortableCore,
    socket: Socket,
    descriptor: number,
    remote: string,
    onDialled: (() => void) | null,
  ) {
    this.#core = core;
    this.#socket = socket;
    this.descriptor = descriptor;
    this.remote = remote;
    this.#onDialled = onDialled;
    this.#phase = onDialled === null ? OPEN : CONNECTING;
  }

  /** Gives it its session and starts it. */
  start(session: Session): void {
    this.#session = session;
    this.#isDuplex = session.readsWhileBlocked === true;
    const socket = this.#socket;
    // With TLS the connection is there when both sides have been told who the other is.
    const dialled = socket instanceof TLSSocket ? 'secureConnect' : 'connect';
    socket.on(dialled, () => this.#run(() => this.#dialled()));
    socket.on('data', (bytes: Buffer) => this.#run(() => this.#received(bytes)));
    socket.on('end', () =>
      this.#run(() => {
        this.#isEndWaiting = true;
        this.#settleEnd();
      }),
    );
    socket.on('error', (error) => this.#run(() => this.doom(tlsErrorOf(error))));
    socket.on('close', () => this.#run(() => this.doom(null)));
    socket.pause();
    this.#settle();
  }

  get local(): string {
    const { localAddress, localPort } = this.#socket;
    if (localAddress === undefined || localPort === undefined) return this.remote;
    const family = localAddress.includes(':') ? 'ipv6' : 'ipv4';
    return formatPeer({ family, host: localAddress, port: localPort });
  }

  get channelBinding(): string {
    const socket = this.#socket;
    if (!(socket instanceof TLSSocket) || this.#phase !== OPEN) return '';
    return socket.exportKeyingMaterial(BINDING_BYTES, BINDING_LABEL, NO_CONTEXT).toString('hex');
  }

  flush(): void {
    if (this.#isUnsentNoted || this.#phase >= DOOMED) return;
    this.#isUnsentNoted = true;
    this.#core.noteUnsent(this);
  }

  end(): void {
    this.#isEnding = true;
    this.flush();
  }

  destroy(): void {
    this.doom(null);
  }

  abort(): void {
    this.#isAborted = true;
    this.doom(null);
  }

  /** node:net has no more than keep-alive, with a probe each second, ten in all: what waits for an acknowledgement waits for as long as the kernel likes. */
  watchSilence(ms: number): void {
    this.#socket.setKeepAlive(true, Math.max(1000, ms - KEEPALIVE_MS));
  }

  pause(): void {
    this.#isPaused = true;
    this.#settle();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#isResumeNoted || this.#phase >= DOOMED) return;
    this.#isResumeNoted = true;
    this.#core.noteResumed(this);
  }

  holdOutput(): void {
    this.#isHeld = true;
  }

  releaseOutput(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    if (this.#kept.length > 0) this.flush();
  }

  dropOutput(): void {
    this.#kept.length = 0;
    this.#keptBytes = 0;
    this.#releaseWindow();
    this.#countPending();
    if (this.output.pendingBytes === 0) this.output.blocked = false;
    this.releaseOutput();
  }

  sendNoted(): void {
    this.#isUnsentNoted = false;
    if (!this.#isHeld && this.#kept.length > 0) this.#sendKept();
    this.#sendAndSettle();
  }

  resumeNoted(): void {
    this.#isResumeNoted = false;
    this.#feedRest();
  }

  doom(error: ConnectionError | null): void {
    if (this.#phase >= DOOMED) return;
    this.#phase = DOOMED;
    this.#error = error;
    this.#core.noteDoomed(this);
  }

  finish(): void {
    assert(this.#phase === DOOMED, 'a connection is closed once');
    this.#phase = CLOSED;
    this.#settleDial();
    this.#closeSocket();
    this.#releaseWindow();
    addPending(this.#core.figures, -this.output.pendingBytes);
    this.#rest = null;
    // The session may ask what has not been sent.
    this.#session?.closed(this.#error);
    this.output.pendingBytes = 0;
  }

  /** TLS has an end of its own, without which a client cannot tell it from a cut. */
  #closeSocket(): void {
    const socket = this.#socket;
    // A path has no reset, and node waits with one for a connection that is not there yet.
    const canReset = !(socket instanceof TLSSocket) && socket.remoteAddress !== undefined;
    if (this.#isAborted && canReset) {
      socket.resetAndDestroy();
      return;
    }
    if (!this.#isEnding || this.#error !== null || !(socket instanceof TLSSocket)) {
      socket.destroy();
      return;
    }
    socket.setTimeout(TLS_END_MS_MAX, () => socket.destroy());
    socket.destroySoon();
  }

  makeRoom(output: Output, count: number): void {
    if (this.#phase === CLOSED) {
      output.bytes = new Uint8Array(Math.max(count, 1024));
      output.start = output.at = 0;
      output.limit = output.bytes.length;
      return;
    }
    if (this.#window !== null) this.#send();
    const { pool } = this.#core;
    const window = count <= WINDOW_BYTES ? pool.takeWindow() : pool.takeBlock(count);
    this.#window = window;
    output.bytes = window.bytes;
    output.start = output.at = window.start;
    output.limit = window.limit;
  }

  /** Runs what an event asks for, as part of a turn. */
  #run(action: () => void): void {
    if (this.#phase >= DOOMED) return;
    this.#core.enter();
    action();
  }

  #mayReceive(): boolean {
    return !this.#isPaused && !this.#hasPeerEnded && !this.#isEnding && !this.#isResumeNoted;
  }

  /** The peer has to take what was sent before anything more is fed. */
  #isHeldUp(): boolean {
    return this.output.pendingBytes > 0 && !this.#isDuplex;
  }

  #received(bytes: Uint8Array): void {
    this.#core.figures[FIGURE.bytesRead]! += bytes.length;
    const rest = this.#rest;
    this.#rest = rest === null ? bytes : Buffer.concat([rest, bytes]);
    // The socket may have had more to give than fits the state that it was stopped for.
    if (!this.#isHeldUp() && this.#mayReceive()) this.#feedRest();
  }

  #feedRest(): void {
    const input = this.#rest;
    const session = this.#session;
    const isReady = this.#phase === OPEN && !this.#isHeldUp() && this.#mayReceive();
    if (isReady && input !== null && session !== null) this.#feed(session, input);
    this.#sendAndSettle();
    this.#settleEnd();
  }

  #feed(session: Session, input: Uint8Array): void {
    this.#rest = null;
    const at = session.feed(input, 0, input.length);
    assert(at >= 0 && at <= input.length, 'a session consumes no more than it was fed');
    const count = input.length - at;
    if (count > INPUT_REST_BYTES_MAX && !this.#isHeldUp() && this.#mayReceive()) {
      this.#core.figures[FIGURE.restOverflows]!++;
      this.doom(errorOfName('EMSGSIZE'));
    } else if (count > 0) {
      // A copy: the array that node received into is larger.
      this.#rest = Buffer.from(input.subarray(at));
    }
  }

  /** A socket that has been stopped may tell the end all the same, while input waits for the output to drain. */
  #settleEnd(): void {
    if (!this.#isEndWaiting || this.#phase !== OPEN || this.#isHeldUp() || !this.#mayReceive()) return;
    this.#isEndWaiting = false;
    this.#hasPeerEnded = true;
    const session = this.#session;
    if (session?.peerEnded === undefined) this.#isEnding = true;
    else session.peerEnded();
    this.#sendAndSettle();
  }

  #dialled(): void {
    // By TLS, but with somebody else: the error is on its way.
    if (this.#socket.destroyed) return;
    this.#settleDial();
    this.#phase = OPEN;
    this.#session?.opened?.();
    this.#sendAndSettle();
  }

  #settleDial(): void {
    const onDialled = this.#onDialled;
    this.#onDialled = null;
    onDialled?.();
  }

  #sendAndSettle(): void {
    // While dialling, what was written stays in the window.
    if (this.#window !== null && this.#phase !== CONNECTING) this.#send();
    this.#settle();
  }

  /** Gives the socket what stands in the window. */
  #send(): void {
    const { output } = this;
    const { figures } = this.#core;
    const count = output.at - output.start;
    if (count > 0 && this.#phase < DOOMED) {
      if (
        this.output.pendingBytes > PENDING_BYTES_MAX ||
        figures[FIGURE.pendingBytes]! > PENDING_BYTES_TOTAL_MAX
      ) {
        figures[FIGURE.pendingOverflows]!++;
        this.doom(errorOfName('ENOBUFS'));
      } else {
        const bytes = Buffer.from(output.bytes.subarray(output.start, output.at));
        if (this.#isHeld || this.#kept.length > 0) {
          this.#kept.push(bytes);
          this.#keptBytes += count;
        } else {
          this.#socket.write(bytes, this.#written);
          figures[FIGURE.bytesWritten]! += count;
        }
        this.#countPending();
      }
    }
    this.#releaseWindow();
  }

  /** Follows what the socket holds: nothing when the kernel took all. */
  #countPending(): void {
    const { figures } = this.#core;
    const pendingBytes = this.#socket.writableLength + this.#keptBytes;
    addPending(figures, pendingBytes - this.output.pendingBytes);
    this.output.pendingBytes = pendingBytes;
    if (pendingBytes > 0 && !this.output.blocked) {
      figures[FIGURE.blocks]!++;
      this.output.blocked = true;
    }
  }

  #sendKept(): void {
    const { figures } = this.#core;
    figures[FIGURE.bytesWritten]! += this.#keptBytes;
    this.#keptBytes = 0;
    for (const bytes of this.#kept.splice(0)) this.#socket.write(bytes, this.#written);
    this.#countPending();
    this.#settlePending();
  }

  readonly #written = (): void => {
    if (this.#phase >= DOOMED || this.output.pendingBytes === 0) return;
    this.#core.enter();
    this.#countPending();
    this.#settlePending();
  };

  /** Feeds the session again when everything has gone. */
  #settlePending(): void {
    if (this.output.pendingBytes > 0 || !this.output.blocked) return;
    this.output.blocked = false;
    this.#session?.drained?.();
    if (this.#window !== null) this.#send();
    this.#feedRest();
  }

  #releaseWindow(): void {
    const window = this.#window;
    if (window === null) return;
    this.#window = null;
    this.output.start = this.output.at = this.output.limit = 0;
    this.#core.pool.give(window);
  }

  /** Closes when nothing is left to do; lets the socket flow, or not. */
  #settle(): void {
    if (this.#phase !== OPEN) return;
    const mayFlow = !this.#isHeldUp() && this.#mayReceive();
    if (mayFlow !== this.#isFlowing) {
      this.#isFlowing = mayFlow;
      if (mayFlow) this.#socket.resume();
      else this.#socket.pause();
    }
    if (this.#isEnding && this.output.pendingBytes === 0 && this.output.at === this.output.start)
      this.doom(null);
  }
}

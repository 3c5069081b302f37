import { assert } from '../base/assert.ts';
import { INPUT_REST_BYTES_MAX } from '../base/limits.ts';
import { Output, type OutputSink } from '../base/output.ts';
import type { Connection, ConnectionError, Session } from '../base/session.ts';
import { formatPeer } from './addresses.ts';
import { type Block, type BufferPool, HEAD_BYTES, RECEIVE_BYTES } from './buffer-pool.ts';
import { FIGURE } from './figures.ts';
import type { GatheredSend } from './gathered-send.ts';
import { InputRest } from './input-rest.ts';
import { LINUX, type Libc } from './libc.ts';
import { PendingOutput } from './pending-output.ts';
import { type BatchedConnection, SLOT_BYTES } from './ready-batch.ts';
import { ReceivePace } from './receive-pace.ts';
import { ReplyWindow } from './reply-window.ts';
import type { Sockets } from './sockets.ts';
import { ERRNO, errorOfName, errorOfNumber } from './system-errors.ts';

/** What a descriptor's events go to. */
export interface EventHandler {
  /** @param events a set of EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP */
  handle(events: number): void;
}

/** The reactor as its connections see it. */
export interface ReactorCore {
  readonly libc: Libc;
  readonly sockets: Sockets;
  readonly pool: BufferPool;
  readonly figures: Float64Array;
  readonly gathered: GatheredSend;
  /** epoll_ctl(2). @returns null, or why it failed: the kernel is out of memory or watches */
  watch(operation: number, fd: number, events: number): ConnectionError | null;
  /** Has others sent what they must have before the replies to what was just executed. */
  repliesDue(): void;
  /** Has `sendNoted` called at the end of this turn. */
  noteUnsent(connection: ReactorConnection): void;
  /** Whether `receivePaced` is called when each turn begins, and a turn comes at least each `PACE_MS`. */
  notePaced(connection: ReactorConnection, isPaced: boolean): void;
  readonly turnMs: number;
  /** Has `moreNoted` called in the next turn. */
  noteMore(connection: ReactorConnection): void;
  /** Has `resumeNoted` called in this turn or the next. */
  noteResumed(connection: ReactorConnection): void;
  /** Has `finish` called at the end of this turn. */
  noteDoomed(connection: ReactorConnection): void;
}

const CONNECTING = 0;
const OPEN = 1;
/** It will be closed at the end of this turn. */
const DOOMED = 2;
const CLOSED = 3;

/**
 * What a connection is watched for when it may be received from. Edge-triggered, because epoll looks at every level-triggered socket that
 * it has reported once more at the next wait: 1 to 5 % of the processor time of a small request. Changing the set of events
 * makes epoll look anew, so nothing is missed while a connection is watched for something else. A paced one: for the peer's end alone.
 */
const READABLE = LINUX.EPOLLIN | LINUX.EPOLLRDHUP | LINUX.EPOLLET;
const ENDABLE = LINUX.EPOLLRDHUP | LINUX.EPOLLET;

/** Not known to epoll at all; else the events it is watched for. */
const UNWATCHED = -1;

/** Most calls to recv whose bytes are dropped when a connection ends; see `#dropUnread`. */
const DROP_CALLS_MAX = 16;

/** After it has sent more than fits a batch's slot, a connection is received from alone for so many times. */
const ALONE_TIMES = 8;

/** Most calls to send for one connection in one turn when its peer reads again. */
const DRAIN_CALLS_MAX = 8;

/**
 * One connection of the reactor.
 *
 * While the peer has not taken what was sent (`output.pendingBytes` > 0, `output.blocked`; save for a session that `readsWhileBlocked`), while
 * the session has paused and after the peer's end it is neither received from nor fed. The set of events it is watched for
 * follows from that state (`#settle`); a connection that is watched for nothing still gets errors, which end it, and hang-ups, at
 * which it is taken out of epoll lest they be reported for ever.
 */
export class ReactorConnection implements Connection, OutputSink, EventHandler, BatchedConnection {
  readonly output: Output = new Output(this);
  readonly descriptor: number;
  readonly remote: string;
  readonly #core: ReactorCore;
  #session: Session | null = null;
  #phase: number;
  #watched = UNWATCHED;
  readonly #window: ReplyWindow;
  readonly #pending: PendingOutput;
  readonly #rest: InputRest;
  /** Fed also while output is pending. */
  #isDuplex = false;
  #receivedBytesMax = RECEIVE_BYTES;
  /** Null: it is received from whenever bytes come. */
  #pace: ReceivePace | null = null;
  #isPaused = false;
  /** Nothing is sent; see Connection.holdOutput. */
  #isHeld = false;
  /** While it was held there was an event that will not be told again. */
  #hasMissedEvent = false;
  #isEnding = false;
  /** The peer shall see a reset. */
  #isAborted = false;
  /** See Connection.voidUnreadOnReset. */
  #isVoidOnReset = false;
  #hasPeerEnded = false;
  #isUnsentNoted = false;
  #isResumeNoted = false;
  #isMoreNoted = false;
  /** How often it is still received from alone; see ReadyBatch. */
  #aloneTimes = 0;
  #error: ConnectionError | null = null;
  /** Runs when a dialled connection is up or has failed. */
  #onDialled: (() => void) | null;

  /** @param onDialled for a connection that is being dialled: called once the outcome is known */
  constructor(core: ReactorCore, descriptor: number, remote: string, onDialled: (() => void) | null) {
    this.#core = core;
    this.#window = new ReplyWindow(this.output, core.pool);
    this.#rest = new InputRest(core.pool);
    this.#pending = new PendingOutput(this.output, core.pool, core.figures);
    this.descriptor = descriptor;
    this.remote = remote;
    this.#onDialled = onDialled;
    this.#phase = onDialled === null ? OPEN : CONNECTING;
  }

  /** Gives it its session and starts it. */
  start(session: Session): void {
    this.#session = session;
    this.#isDuplex = session.readsWhileBlocked === true;
    if (session.isPatient !== undefined) this.#pace = new ReceivePace();
    this.#receivedBytesMax = Math.min(RECEIVE_BYTES, session.fedBytesMax ?? RECEIVE_BYTES);
    if (this.#phase < DOOMED) this.#settle();
  }

  handle(events: number): void {
    if (this.#phase === OPEN) {
      if (this.#isVoidOnReset && (events & (LINUX.EPOLLERR | LINUX.EPOLLHUP)) !== 0) {
        this.doom(null);
        return;
      }
      if (this.#isHeld) {
        this.#hasMissedEvent = true;
        if ((events & (LINUX.EPOLLERR | LINUX.EPOLLHUP)) !== 0) this.doom(null);
        return;
      }
      if (this.output.pendingBytes > 0) {
        // Released, and not sent yet.
        if (this.#watched === READABLE) this.#hasMissedEvent = true;
        if ((events & ~LINUX.EPOLLIN) !== 0) this.#drain();
        if (!this.#isDuplex || (events & LINUX.EPOLLIN) === 0 || this.#phase !== OPEN) return;
      }
      if (this.#mayReceive()) this.#receive(events);
      else if ((events & LINUX.EPOLLERR) !== 0)
        this.#doomByErrno(this.#core.sockets.pendingErrno(this.descriptor));
      else if ((events & LINUX.EPOLLHUP) !== 0) this.#unwatch();
    } else if (this.#phase === CONNECTING) {
      this.#dialled(this.#core.sockets.pendingErrno(this.descriptor));
    }
  }

  /** Whether it can take part in a ReadyBatch when it is readable. */
  get mayReceiveAhead(): boolean {
    return (
      this.#aloneTimes === 0 &&
      this.#phase === OPEN &&
      this.output.pendingBytes === 0 &&
      this.#pace?.isPaced !== true &&
      this.#rest.bytes === 0 &&
      this.#mayReceive()
    );
  }

  receiveAhead(address: bigint, bytesMax: number): number {
    const { libc, figures } = this.#core;
    const count = libc.recv(this.descriptor, address, bytesMax, 0);
    if (count <= 0) {
      if (count === 0) this.#peerEnded(false);
      else this.#doomByErrno(libc.errno());
      return 0;
    }
    figures[FIGURE.bytesRead]! += count;
    if (this.#pace === null) figures[FIGURE.unpacedReceives]!++;
    else this.#notePace(this.#pace, count);
    if (count === bytesMax) {
      this.#aloneTimes = ALONE_TIMES;
      this.#noteMore();
    }
    return count;
  }

  lookAhead(bytes: Uint8Array, start: number, end: number): void {
    this.#session?.lookAhead?.(bytes, start, end);
  }

  /** Sessions that were fed before it may have paused or ended this one, or written to it. */
  feedAhead(bytes: Uint8Array, start: number, end: number): void {
    if (this.#isHeldUp() || !this.#mayReceive()) this.#keepRest(bytes, start, start, end);
    else if (this.#phase === OPEN) this.#feedSession(bytes, start, end);
  }

  sendAhead(): void {
    this.#sendAndSettle();
  }

  get local(): string {
    const address = this.#phase < CLOSED ? this.#core.sockets.localAddress(this.descriptor) : null;
    return address === null ? '' : formatPeer(address);
  }

  unacknowledgedBytes(): number {
    const kept = this.#phase === OPEN ? this.#core.sockets.unacknowledgedBytes(this.descriptor) : 0;
    return this.output.pendingBytes + kept;
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

  voidUnreadOnReset(): void {
    this.#isVoidOnReset = true;
  }

  watchSilence(ms: number): void {
    if (this.#phase < DOOMED) this.#core.sockets.watchSilence(this.descriptor, ms);
  }

  pause(): void {
    this.#isPaused = true;
    if (this.#phase === OPEN) this.#settle();
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
    if (this.output.pendingBytes > 0 || this.#hasMissedEvent) this.flush();
  }

  dropOutput(): void {
    this.#pending.drop();
    this.output.pendingBytes = 0;
    this.output.blocked = false;
    this.#window.release();
    this.releaseOutput();
  }

  /** Sends what was written from elsewhere, or kept; called by the reactor after `noteUnsent`. */
  sendNoted(): void {
    this.#isUnsentNoted = false;
    if (this.#hasMissedEvent && !this.#isHeld) {
      this.#hasMissedEvent = false;
      this.#noteMore();
    }
    // What is pending because the kernel did not take it goes when the kernel says so.
    if (this.#phase === OPEN && !this.#isHeld && this.output.pendingBytes > 0 && this.#watched === READABLE) {
      this.#drain();
    }
    this.#sendAndSettle();
  }

  /** Receives again, until there is nothing; called by the reactor after `noteMore`. */
  moreNoted(): void {
    this.#isMoreNoted = false;
    if (this.#phase !== OPEN || this.#watched !== READABLE || !this.#mayReceive()) return;
    // What is kept goes first. The session may have left more than fits in front of what would be received.
    if (this.#isHeld || this.#isHeldUp()) this.#hasMissedEvent = true;
    else this.#receive(LINUX.EPOLLRDHUP);
  }

  /** Receives what has come since it was last looked at; called by the reactor after `notePaced`. */
  receivePaced(): void {
    if (this.#phase !== OPEN || this.#pace === null) return;
    if (!this.#isHeld && !this.#isHeldUp() && this.#mayReceive()) this.#receive(0);
    // As if nothing were there: in the end the thread sleeps.
    else this.#notePace(this.#pace, 0);
  }

  /** Feeds what was left when the session paused; called by the reactor after `noteResumed`. */
  resumeNoted(): void {
    this.#isResumeNoted = false;
    if (this.#phase === OPEN) this.#feedRest();
  }

  /** Has it closed at the end of this turn. @param error null: in the ordinary way */
  doom(error: ConnectionError | null): void {
    if (this.#phase >= DOOMED) return;
    this.#phase = DOOMED;
    this.#error = error;
    this.#core.noteDoomed(this);
  }

  /** Closes the descriptor, gives back all buffers and tells the session. */
  finish(): void {
    assert(this.#phase === DOOMED, 'a connection is closed once');
    const { libc } = this.#core;
    this.#phase = CLOSED;
    this.#settleDial();
    if (this.#isAborted) this.#core.sockets.closeByReset(this.descriptor);
    else if (this.#isEnding && this.#error === null) this.#dropUnread();
    if (this.descriptor >= 0) libc.close(this.descriptor);
    this.#window.release();
    this.#pending.drop();
    this.#rest.drop();
    // The session may ask what has not been sent.
    this.#session?.closed(this.#error);
    this.output.pendingBytes = 0;
  }

  /**
   * Takes what the peer has sent and nobody will read. The kernel would answer a close with unread bytes by a reset, and a peer drops
   * what it has not read when it sees one: the last reply would be lost.
   */
  #dropUnread(): void {
    const { libc, pool } = this.#core;
    for (let i = 0; i < DROP_CALLS_MAX; i++) {
      if (libc.recv(this.descriptor, pool.receiveAddress, RECEIVE_BYTES, 0) < RECEIVE_BYTES) return;
    }
  }

  makeRoom(output: Output, count: number): void {
    if (this.#phase === CLOSED) {
      // Nobody will send it, and the pool is not for those who have left.
      output.bytes = new Uint8Array(Math.max(count, 1024));
      output.start = output.at = 0;
      output.limit = output.bytes.length;
      return;
    }
    if (this.#window.block !== null) this.#send(true);
    this.#window.take(count);
  }

  canSendLong(): boolean {
    return this.#phase === OPEN && this.output.pendingBytes === 0 && !this.#isHeld;
  }

  sendLong(output: Output, source: Uint8Array, from: number, to: number, tail: Uint8Array): void {
    const { libc, figures, gathered } = this.#core;
    const window = this.#window.block;
    assert(window !== null && output.limit - output.at >= tail.length, 'room for the tail was reserved');
    const headBytes = output.at - output.start;
    output.bytes.set(tail, output.at);
    const head = window.address + BigInt(output.start - window.start);
    let sent = gathered.send(this.descriptor, head, headBytes, source, from, to, tail.length);
    if (sent < 0) {
      const errno = libc.errno();
      if (errno !== ERRNO.EAGAIN && errno !== ERRNO.EINTR) {
        this.#doomByErrno(errno);
        this.#window.release();
        return;
      }
      sent = 0;
    }
    figures[FIGURE.bytesWritten]! += sent;
    const isAll = sent === headBytes + (to - from) + tail.length;
    const isKept = isAll || this.#pending.keepUnsent(sent, source, from, to, tail);
    this.#window.release();
    if (!isKept) this.#overflow();
  }

  #mayReceive(): boolean {
    return !this.#isPaused && !this.#hasPeerEnded && !this.#isEnding && !this.#isResumeNoted;
  }

  /** The peer has to take what was sent before anything more is fed. */
  #isHeldUp(): boolean {
    return this.output.pendingBytes > 0 && !this.#isDuplex;
  }

  #receive(events: number): void {
    const { libc, pool, figures } = this.#core;
    const { bytes, receiveStart, receiveAddress } = pool;
    const most = this.#receivedBytesMax;
    const count = libc.recv(this.descriptor, receiveAddress, most, 0);
    if (count <= 0) {
      if (count === 0) this.#peerEnded((events & LINUX.EPOLLHUP) !== 0);
      else this.#doomByErrno(libc.errno());
      if (this.#pace?.isPaced === true) this.#notePace(this.#pace, 0);
      return;
    }
    figures[FIGURE.bytesRead]! += count;
    if (this.#pace === null) figures[FIGURE.unpacedReceives]!++;
    else this.#notePace(this.#pace, count);
    let start = receiveStart;
    const restBytes = this.#rest.bytes;
    if (restBytes > 0) {
      assert(restBytes <= HEAD_BYTES, 'what was not consumed fits in front of what is received');
      start -= restBytes;
      this.#rest.moveTo(bytes, start);
    }
    // The edge that reported these bytes is not reported again: neither for what is left of them, nor for the end behind them.
    if (count === most || (events & LINUX.EPOLLRDHUP) !== 0) this.#noteMore();
    if (count > SLOT_BYTES) this.#aloneTimes = ALONE_TIMES;
    else if (this.#aloneTimes > 0) this.#aloneTimes--;
    this.#feed(bytes, start, receiveStart + count);
  }

  #notePace(pace: ReceivePace, bytes: number): void {
    const { isPaced } = pace;
    const { figures, turnMs } = this.#core;
    const others = figures[FIGURE.unpacedReceives]! + figures[FIGURE.datagrams]!;
    pace.took(bytes, turnMs, others, this.#session?.isPatient === true);
    if (pace.isPaced === isPaced) return;
    this.#core.notePaced(this, pace.isPaced);
    if (this.#phase === OPEN) this.#settle();
  }

  #noteMore(): void {
    if (this.#isMoreNoted) return;
    this.#isMoreNoted = true;
    this.#core.noteMore(this);
  }

  #feed(bytes: Uint8Array, start: number, end: number): void {
    this.#feedSession(bytes, start, end);
    if (this.output.at > this.output.start) this.#core.repliesDue();
    this.#sendAndSettle();
  }

  #feedSession(bytes: Uint8Array, start: number, end: number): void {
    const session = this.#session;
    assert(session !== null, 'a connection that is open has a session');
    const at = session.feed(bytes, start, end);
    if (at < end) this.#keepRest(bytes, start, at, end);
    else assert(at === end, 'a session consumes no more than it was fed');
  }

  #keepRest(bytes: Uint8Array, start: number, at: number, end: number): void {
    assert(at >= start, 'a session does not give back what it consumed before');
    if (this.#phase !== OPEN || this.#isEnding) return;
    const count = end - at;
    if (count > INPUT_REST_BYTES_MAX && !this.#isHeldUp() && this.#mayReceive()) {
      this.#core.figures[FIGURE.restOverflows]!++;
      this.doom(errorOfName('EMSGSIZE'));
      return;
    }
    this.#rest.keep(bytes, at, end);
  }

  #feedRest(): void {
    const count = this.#rest.bytes;
    if (count === 0 || this.#isHeldUp() || !this.#mayReceive()) {
      this.#settle();
      return;
    }
    const { bytes, scratchStart } = this.#core.pool;
    this.#rest.moveTo(bytes, scratchStart);
    this.#feed(bytes, scratchStart, scratchStart + count);
  }

  /** @param isGone the peer cannot read either */
  #peerEnded(isGone: boolean): void {
    const session = this.#session;
    this.#hasPeerEnded = true;
    if (isGone) this.doom(null);
    else if (session?.peerEnded === undefined) this.#isEnding = true;
    else session.peerEnded();
    this.#sendAndSettle();
  }

  #dialled(errno: number): void {
    this.#settleDial();
    if (errno !== 0) {
      this.#doomByErrno(errno);
      return;
    }
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
    if (this.#window.block !== null) this.#send(false);
    if (this.#phase === OPEN) this.#settle();
  }

  /**
   * Sends what stands in the window and gives the window back. What the kernel does not take, and what stands behind earlier bytes that it
   * has not taken, becomes pending. While dialling it stays where it is, unless the room is needed.
   */
  #send(isRoomNeeded: boolean): void {
    const { output } = this;
    const window = this.#window.block;
    if (window === null) return;
    const count = output.at - output.start;
    if (count > 0 && this.#phase < DOOMED) {
      if (this.#phase === CONNECTING) {
        if (!isRoomNeeded) return;
        this.#keepPending(window, output.start, output.at);
        return;
      }
      const isKept = this.output.pendingBytes > 0 || this.#isHeld;
      const sent = isKept ? 0 : this.#transmit(window, output.start, count);
      if (sent >= 0 && sent < count) {
        this.#keepPending(window, output.start + sent, output.at);
        return;
      }
    }
    this.#window.release();
  }

  /** @returns how many bytes the kernel took; -1 when the connection has failed */
  #transmit(block: Block, from: number, count: number): number {
    const { libc, figures } = this.#core;
    const address = from === block.start ? block.address : block.address + BigInt(from - block.start);
    const sent = libc.send(this.descriptor, address, count, LINUX.MSG_NOSIGNAL);
    if (sent >= 0) {
      figures[FIGURE.bytesWritten]! += sent;
      return sent;
    }
    const errno = libc.errno();
    if (errno === ERRNO.EAGAIN || errno === ERRNO.EINTR) return 0;
    this.#doomByErrno(errno);
    return -1;
  }

  /** Makes bytes [from, to) of the window pending, and detaches the window. */
  #keepPending(window: Block, from: number, to: number): void {
    let isKept: boolean;
    if (window.isWindow) {
      isKept = this.#pending.keepCopy(window.bytes, from, to);
      this.#window.release();
    } else {
      this.#window.detach();
      isKept = this.#pending.keepBlock(window, from, to);
    }
    if (!isKept) this.#overflow();
  }

  /** The peer has left more than a connection may keep. */
  #overflow(): void {
    this.doom(errorOfName('ENOBUFS'));
  }

  /** Sends what is pending; when all has gone, the session is fed again. */
  #drain(): void {
    for (let calls = 0; this.output.pendingBytes > 0; calls++) {
      const { block, from, to } = this.#pending.first;
      const sent = calls < DRAIN_CALLS_MAX ? this.#transmit(block, from, to - from) : 0;
      if (sent < 0 || !this.#pending.taken(sent)) return;
    }
    this.output.blocked = false;
    this.#session?.drained?.();
    if (this.#window.block !== null) this.#send(false);
    if (this.#phase === OPEN) this.#feedRest();
  }

  #doomByErrno(errno: number): void {
    if (errno === ERRNO.EAGAIN || errno === ERRNO.EINTR) return;
    this.doom(errno === 0 ? errorOfName('ECONNRESET') : errorOfNumber(errno));
  }

  /** Closes when nothing is left to do, and has epoll watch for what matters now. */
  #settle(): void {
    let events = 0;
    if (this.#phase === CONNECTING) {
      events = LINUX.EPOLLOUT;
    } else if (this.#isHeld && this.output.pendingBytes > 0) {
      // Not for room, which there is. Mostly it is watched so already: two system calls less for each reply that is held.
      events = READABLE;
    } else if (this.output.pendingBytes > 0) {
      events = LINUX.EPOLLOUT | (this.#isDuplex && this.#mayReceive() ? LINUX.EPOLLIN : 0);
    } else if (this.#mayReceive()) {
      events = this.#pace?.isPaced === true ? ENDABLE : READABLE;
    } else if (this.#isEnding && this.output.at === this.output.start) {
      this.doom(null);
      return;
    }
    if (events === this.#watched || (events === 0 && this.#watched === UNWATCHED)) return;
    const operation = this.#watched === UNWATCHED ? LINUX.EPOLL_CTL_ADD : LINUX.EPOLL_CTL_MOD;
    this.#watched = events;
    const error = this.#core.watch(operation, this.descriptor, events);
    // A connection that is not watched would hang unseen.
    if (error !== null) this.doom(error);
  }

  #unwatch(): void {
    this.#watched = UNWATCHED;
    this.#core.watch(LINUX.EPOLL_CTL_DEL, this.descriptor, 0);
  }
}

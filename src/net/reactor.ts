/**
 * The reactor: one thread's loop over epoll.
 *
 * A turn: wait; the callbacks of `onTurnStart`; what other threads want; timers; connections that had more than one turn takes; each
 * ready descriptor once (a connection is received from once, fed and answered with one send); connections that resume; the
 * callbacks of `onTurnEnd`; outputs written from elsewhere; connections to be closed. Descriptors are closed at the end only, so that
 * their numbers do not return while events of the turn still name them.
 */
import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import type { Connection, ConnectionError } from '../base/session.ts';
import { formatPeer } from './addresses.ts';
import { Batch } from './batch.ts';
import { Block, BufferPool } from './buffer-pool.ts';
import { FIGURE, newFigures, statisticsOf } from './figures.ts';
import { GatheredSend } from './gathered-send.ts';
import { EPOLL_EVENT_FD_WORD, EPOLL_EVENT_WORDS, LINUX, type Libc } from './libc.ts';
import type {
  DatagramSessionFactory,
  Listener,
  ListenOptions,
  Loop,
  LoopStatistics,
  MemoryRegion,
  SessionFactory,
  SocketAddress,
  SpareWindows,
} from './loop.ts';
import { memoryReleaser } from './memory-release.ts';
import { MonotonicClock } from './monotonic-clock.ts';
import { type EventHandler, ReactorConnection } from './reactor-connection.ts';
import { type DatagramCore, ReactorDatagrams } from './reactor-datagrams.ts';
import { type ListenerCore, ReactorListener } from './reactor-listener.ts';
import { ReadyBatch } from './ready-batch.ts';
import { PACE_MS } from './receive-pace.ts';
import { Sockets } from './sockets.ts';
import { ERRNO, errorOfName, errorOfNumber } from './system-errors.ts';
import { type ThreadControl, WAKE_CALLBACK, WAKE_DESCRIPTOR, WAKE_MESSAGE } from './thread-control.ts';
import { Timers } from './timers.ts';
import type { TlsDialling } from './tls-dialler.ts';

/** Most events taken by one call to epoll_wait. */
const EVENTS_MAX = 512;

/** Rounds of sending and closing at the end of a turn; what then is left waits for the next one. */
const SETTLE_ROUNDS_MAX = 16;

/** A place among the data threads. */
export interface ThreadSeat {
  readonly index: number;
  readonly control: ThreadControl;
  /** Messages of the main thread may have come. */
  readonly onMessages: () => void;
  /** Another thread has called `wake`. */
  readonly onWake: () => void;
  /** Something has been handed to a thread that has not been started. */
  readonly onThreadNeeded: (thread: number) => void;
}

export class Reactor implements Loop, ListenerCore, DatagramCore {
  readonly libc: Libc;
  readonly sockets: Sockets;
  readonly figures: Float64Array = newFigures();
  readonly gathered: GatheredSend;
  readonly clock: Clock;
  readonly #monotonic: MonotonicClock;
  readonly #seat: ThreadSeat | null;
  #pool: BufferPool | null = null;
  readonly #epoll: number;
  readonly #events: Int32Array = new Int32Array(new ArrayBuffer(EVENTS_MAX * EPOLL_EVENT_WORDS * 4));
  readonly #eventsAddress: bigint;
  /** The argument of epoll_ctl. */
  readonly #event: Int32Array = new Int32Array(new ArrayBuffer(EPOLL_EVENT_WORDS * 4));
  readonly #eventAddress: bigint;
  /** By descriptor. */
  readonly #handlers: (EventHandler | null)[] = [];
  readonly #connections: Set<ReactorConnection> = new Set();
  readonly #listeners: Set<ReactorListener | ReactorDatagrams> = new Set();
  readonly #factories: (SessionFactory | undefined)[] = [];
  readonly #datagramFactories: (DatagramSessionFactory | undefined)[] = [];
  readonly #timers: Timers = new Timers();
  readonly #turnStartCallbacks: (() => void)[] = [];
  readonly #repliesDueCallbacks: (() => void)[] = [];
  readonly #turnEndCallbacks: (() => void)[] = [];
  readonly #unsent: Batch<ReactorConnection> = new Batch();
  readonly #resumed: Batch<ReactorConnection> = new Batch();
  readonly #more: Batch<ReactorConnection> = new Batch();
  readonly #doomed: Batch<ReactorConnection> = new Batch();
  /** See ReceivePace. A few: a node's links to its twins. */
  readonly #paced: ReactorConnection[] = [];
  #nextThread = 0;
  #isStopping = false;
  /** What was written from elsewhere is being sent. */
  #isSending = false;
  /** Events of this turn that have not been handled yet. */
  #eventsLeft = 0;
  /** Null until it is needed, because it lies in the pool's memory. */
  #batch: ReadyBatch | null = null;

  /** @param seat null for a loop that runs alone */
  constructor(libc: Libc, seat: ThreadSeat | null) {
    this.libc = libc;
    this.sockets = new Sockets(libc);
    this.gathered = new GatheredSend(libc);
    this.#seat = seat;
    this.#monotonic = new MonotonicClock(libc);
    this.clock = this.#monotonic;
    this.#eventsAddress = libc.addressOf(new Uint8Array(this.#events.buffer));
    this.#eventAddress = libc.addressOf(new Uint8Array(this.#event.buffer));
    this.#epoll = libc.epoll_create1(LINUX.EPOLL_CLOEXEC);
    if (this.#epoll < 0) throw new Error(`epoll_create1: ${this.sockets.lastError().message}`);
    // Edge-triggered, so that the counter need not be read; it would take 2^64 wake-ups to fill it.
    if (seat !== null) {
      const wake = seat.control.wakeDescriptor(seat.index);
      const error = this.watch(LINUX.EPOLL_CTL_ADD, wake, LINUX.EPOLLIN | LINUX.EPOLLET);
      // A thread that nothing can wake would keep what it is handed for ever.
      if (error !== null) throw new Error(`epoll_ctl: ${error.message}`);
    }
  }

  get pool(): BufferPool {
    this.#pool ??= new BufferPool(this.libc.addressOf, null, memoryReleaser());
    return this.#pool;
  }

  readonly spareWindows: SpareWindows = {
    take: () => this.pool.takeSpare(),
    give: (window) => {
      if (!(window instanceof Block)) return false;
      this.pool.give(window);
      return true;
    },
  };

  get turnMs(): number {
    return this.#monotonic.turnMs;
  }

  get connectionCount(): number {
    return this.figures[FIGURE.connections]!;
  }

  get othersWait(): boolean {
    return this.#eventsLeft > 0 || this.#resumed.count > 0 || (this.#batch?.waiting ?? 0) > 0;
  }

  get bytesRead(): number {
    return this.figures[FIGURE.bytesRead]!;
  }

  get bytesWritten(): number {
    return this.figures[FIGURE.bytesWritten]!;
  }

  get statistics(): LoopStatistics {
    return statisticsOf(this.figures);
  }

  useMemory(region: MemoryRegion): void {
    assert(this.#pool === null, 'a loop is given its memory before its first connection');
    this.#pool = new BufferPool(this.libc.addressOf, region, memoryReleaser());
  }

  serve(service: number, factory: SessionFactory): void {
    this.#factories[service] = factory;
  }

  listen(options: ListenOptions, service: number, done: (outcome: Listener | ConnectionError) => void): void {
    const outcome = this.#bindListener(options, service);
    this.schedule(0, () => done(outcome));
  }

  #bindListener(options: ListenOptions, service: number): Listener | ConnectionError {
    assert(options.tls === undefined, 'the reactor speaks no TLS');
    const fd = this.sockets.bound(options.address);
    if (typeof fd !== 'number') return fd;
    const listener = new ReactorListener(this, fd, options, service);
    this.#handlers[fd] = listener;
    this.#listeners.add(listener);
    const error = options.hold ? null : listener.open();
    if (error === null) return listener;
    listener.close();
    return error;
  }

  serveDatagrams(service: number, factory: DatagramSessionFactory): void {
    this.#datagramFactories[service] = factory;
  }

  listenForDatagrams(
    options: ListenOptions,
    service: number,
    done: (outcome: Listener | ConnectionError) => void,
  ): void {
    const fd = this.sockets.boundForDatagrams(options.address);
    const outcome =
      typeof fd === 'number' ? this.#openDatagrams(fd, service, options.spread, options.hold) : fd;
    this.schedule(0, () => done(outcome));
  }

  #openDatagrams(fd: number, service: number, spread: boolean, hold: boolean): Listener | ConnectionError {
    const factory = this.#datagramFactories[service];
    assert(factory !== undefined, 'a service has a factory on each thread before anything listens for it');
    const socket = new ReactorDatagrams(this, fd, service, spread, factory);
    this.#handlers[fd] = socket;
    this.#listeners.add(socket);
    const error = hold ? null : socket.open();
    if (error === null) return socket;
    socket.close();
    return error;
  }

  /** Without a descriptor for some thread the others serve all the same. */
  shareDatagrams(socket: ReactorDatagrams): void {
    const seat = this.#seat;
    if (seat === null) return;
    for (let thread = 0; thread < seat.control.count; thread++) {
      if (thread === seat.index) continue;
      const fd = this.sockets.duplicate(socket.descriptor);
      if (typeof fd === 'number' && !this.#handOver(seat, thread, fd, socket.service)) this.libc.close(fd);
    }
  }

  forgetDatagrams(socket: ReactorDatagrams): void {
    this.#handlers[socket.descriptor] = null;
    this.#listeners.delete(socket);
  }

  dial(address: SocketAddress, timeoutMs: number, factory: SessionFactory, tls?: TlsDialling): Connection {
    assert(tls === undefined, 'the reactor speaks no TLS');
    const fd = this.sockets.open(address);
    if (typeof fd !== 'number') return this.#dialFailed(-1, address, fd, factory);
    if (address.family !== 'unix') {
      this.sockets.setOption(fd, LINUX.IPPROTO_TCP, LINUX.TCP_NODELAY, 1);
      this.sockets.setOption(fd, LINUX.SOL_SOCKET, LINUX.SO_KEEPALIVE, 1);
    }
    const errno = this.sockets.connect(fd, address);
    if (errno !== 0 && errno !== ERRNO.EINPROGRESS) {
      return this.#dialFailed(fd, address, errorOfNumber(errno), factory);
    }
    // A connection that is up at once (unix sockets are) is reported by epoll as one that takes a while is.
    const timer = this.schedule(timeoutMs, () => connection.doom(errorOfName('ETIMEDOUT')));
    const connection = new ReactorConnection(this, fd, formatPeer(address), () => this.cancel(timer));
    this.#add(connection, factory);
    return connection;
  }

  #dialFailed(
    fd: number,
    address: SocketAddress,
    error: ConnectionError,
    factory: SessionFactory,
  ): ReactorConnection {
    const connection = new ReactorConnection(this, fd, formatPeer(address), () => {});
    connection.doom(error);
    this.#add(connection, factory);
    return connection;
  }

  schedule(delayMs: number, callback: () => void): number {
    // Due in the next turn; by the clock, which has moved on since this turn began, epoll would be asked to wait for a millisecond.
    const dueMs = delayMs > 0 ? this.clock.monotonicMs() + delayMs : this.turnMs;
    return this.#timers.add(dueMs, callback);
  }

  cancel(handle: number): void {
    this.#timers.cancel(handle);
  }

  onTurnStart(callback: () => void): void {
    this.#turnStartCallbacks.push(callback);
  }

  onRepliesDue(callback: () => void): void {
    this.#repliesDueCallbacks.push(callback);
  }

  onTurnEnd(callback: () => void): void {
    this.#turnEndCallbacks.push(callback);
  }

  /** Runs turns until `stop`; then closes everything, and returns. */
  run(): void {
    while (!this.#isStopping) this.#turn();
    this.#shutDown();
  }

  /** Ends `run` after this turn. To be called on the loop. */
  stop(): void {
    this.#isStopping = true;
  }

  watch(operation: number, fd: number, events: number): ConnectionError | null {
    this.#event[0] = events;
    this.#event[EPOLL_EVENT_FD_WORD] = fd;
    const result = this.libc.epoll_ctl(this.#epoll, operation, fd, this.#eventAddress);
    return result === 0 ? null : this.sockets.lastError();
  }

  /** @returns false when too many are waiting there */
  #handOver(seat: ThreadSeat, thread: number, descriptor: number, service: number): boolean {
    if (!seat.control.handOver(thread, descriptor, service)) return false;
    if (!seat.control.isStarted(thread)) seat.onThreadNeeded(thread);
    return true;
  }

  accepted(descriptor: number, service: number, spread: boolean): void {
    const seat = this.#seat;
    if (spread && seat !== null && seat.control.count > 1) {
      const thread = this.#nextThread;
      this.#nextThread = (thread + 1) % seat.control.count;
      if (thread !== seat.index && this.#handOver(seat, thread, descriptor, service)) return;
    }
    this.#adopt(descriptor, service);
  }

  /** Takes a descriptor that this thread or another one has accepted, or that is a socket for datagrams. */
  #adopt(descriptor: number, service: number): void {
    if (this.#datagramFactories[service] !== undefined) {
      this.#openDatagrams(descriptor, service, false, false);
      return;
    }
    const factory = this.#factories[service];
    assert(factory !== undefined, 'a service has a factory on each thread before anything listens for it');
    const peer = this.sockets.peerAddress(descriptor);
    // None: it was reset while it waited to be accepted, which it will tell when it is read from.
    this.#add(new ReactorConnection(this, descriptor, peer === null ? '' : formatPeer(peer), null), factory);
  }

  #add(connection: ReactorConnection, factory: SessionFactory): void {
    const { descriptor } = connection;
    if (descriptor >= 0) this.#handlers[descriptor] = connection;
    this.#connections.add(connection);
    this.figures[FIGURE.connections]!++;
    connection.start(factory(connection));
  }

  noteUnsent(connection: ReactorConnection): void {
    this.#unsent.add(connection);
  }

  notePaced(connection: ReactorConnection, isPaced: boolean): void {
    if (isPaced) this.#paced.push(connection);
    else {
      const place = this.#paced.indexOf(connection);
      if (place >= 0) this.#paced.splice(place, 1);
    }
  }

  noteMore(connection: ReactorConnection): void {
    this.#more.add(connection);
  }

  noteResumed(connection: ReactorConnection): void {
    this.#resumed.add(connection);
  }

  noteDoomed(connection: ReactorConnection): void {
    this.#doomed.add(connection);
  }

  forget(listener: ReactorListener): void {
    this.#handlers[listener.descriptor] = null;
    this.#listeners.delete(listener);
  }

  #turn(): void {
    const { libc, figures } = this;
    const seat = this.#seat;
    // By the last reading: counted from the beginning of a turn that took long, the wait would be longer by that.
    let waitMs = this.#hasWork() ? 0 : this.#timers.waitMs(this.#monotonic.latestMs);
    if (this.#paced.length > 0 && (waitMs < 0 || waitMs > PACE_MS)) waitMs = PACE_MS;
    if (waitMs !== 0 && seat !== null && !seat.control.sleep(seat.index)) waitMs = 0;
    const count = libc.epoll_wait(this.#epoll, this.#eventsAddress, EVENTS_MAX, waitMs);
    figures[FIGURE.turns]!++;
    this.#monotonic.startTurn();
    for (const callback of this.#turnStartCallbacks) callback();
    if (seat !== null) {
      const reasons = seat.control.awake(seat.index);
      if (reasons !== 0) this.#woken(seat, reasons);
    }
    this.#timers.run(this.turnMs);
    this.#eventsLeft = count;
    for (let i = this.#paced.length - 1; i >= 0; i--) this.#paced[i]?.receivePaced();
    if (this.#more.count > 0) this.#more.drain(moreNoted);
    const events = this.#events;
    for (let i = 0; i < count; i++) {
      this.#eventsLeft = count - i - 1;
      const word = i * EPOLL_EVENT_WORDS;
      const handler = this.#handlers[events[word + EPOLL_EVENT_FD_WORD]!];
      if (handler === undefined || handler === null) continue;
      if (events[word] === LINUX.EPOLLIN && handler instanceof ReactorConnection && handler.mayReceiveAhead) {
        this.#batch ??= new ReadyBatch(this.pool, () => this.repliesDue());
        this.#batch.receive(handler);
        if (this.#batch.isFull) this.#batch.serve();
      } else {
        // It receives where the batch's bytes lie.
        this.#batch?.serve();
        handler.handle(events[word]!);
      }
    }
    this.#batch?.serve();
    if (this.#resumed.count > 0) this.#resumed.drain(resumeNoted);
    for (const callback of this.#repliesDueCallbacks) callback();
    for (const callback of this.#turnEndCallbacks) callback();
    for (let i = 0; i < SETTLE_ROUNDS_MAX && (this.#unsent.count > 0 || this.#doomed.count > 0); i++) {
      // What is given up on one connection is sent again on another: by then its peer must have been told.
      this.#doomed.drain(this.#finish);
      this.#sendUnsent();
    }
  }

  repliesDue(): void {
    if (this.#repliesDueCallbacks.length === 0) return;
    for (const callback of this.#repliesDueCallbacks) callback();
    // While that is being done requests may be executed, too, of clients that have taken their replies: those for others go in the next round.
    if (!this.#isSending) this.#sendUnsent();
  }

  #sendUnsent(): void {
    this.#isSending = true;
    this.#unsent.drain(sendNoted);
    this.#isSending = false;
  }

  #hasWork(): boolean {
    return (
      this.#isStopping ||
      this.#unsent.count > 0 ||
      this.#doomed.count > 0 ||
      this.#resumed.count > 0 ||
      this.#more.count > 0
    );
  }

  #woken(seat: ThreadSeat, reasons: number): void {
    if ((reasons & WAKE_DESCRIPTOR) !== 0) {
      seat.control.takeHandedOver(seat.index, (descriptor, service) => this.#adopt(descriptor, service));
    }
    if ((reasons & WAKE_MESSAGE) !== 0) seat.onMessages();
    if ((reasons & WAKE_CALLBACK) !== 0) seat.onWake();
  }

  readonly #finish = (connection: ReactorConnection): void => {
    if (connection.descriptor >= 0) this.#handlers[connection.descriptor] = null;
    this.#connections.delete(connection);
    this.notePaced(connection, false);
    this.figures[FIGURE.connections]!--;
    connection.finish();
  };

  #shutDown(): void {
    for (const listener of [...this.#listeners]) listener.close();
    const seat = this.#seat;
    seat?.control.takeHandedOver(seat.index, (descriptor) => this.libc.close(descriptor));
    for (let i = 0; i < SETTLE_ROUNDS_MAX && this.#connections.size > 0; i++) {
      for (const connection of this.#connections) connection.destroy();
      this.#doomed.drain(this.#finish);
    }
    this.libc.close(this.#epoll);
  }
}

const sendNoted = (connection: ReactorConnection): void => connection.sendNoted();
const moreNoted = (connection: ReactorConnection): void => connection.moreNoted();
const resumeNoted = (connection: ReactorConnection): void => connection.resumeNoted();

/**
 * The portable loop: the same sessions over node:net, for systems without epoll, and as the reference that the reactor is tested
 * against. It lives on node's own event loop; a turn is what happens between two visits to the queue of setImmediate.
 */
import { connect, type Socket } from 'node:net';
import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import type { Connection, ConnectionError } from '../base/session.ts';
import { formatPeer } from './addresses.ts';
import { Batch } from './batch.ts';
import { BufferPool } from './buffer-pool.ts';
import { FIGURE, newFigures, statisticsOf } from './figures.ts';
import type {
  DatagramSessionFactory,
  Listener,
  ListenOptions,
  Loop,
  LoopStatistics,
  SessionFactory,
  SocketAddress,
} from './loop.ts';
import { PortableConnection, type PortableCore } from './portable-connection.ts';
import { PortableDatagrams } from './portable-datagrams.ts';
import { PortableListener } from './portable-listener.ts';
import { errorOfName } from './system-errors.ts';
import { Timers } from './timers.ts';
import { dialTls, type TlsDialling } from './tls-dialler.ts';
import type { TlsObserver } from './tls-server.ts';

/** Rounds of sending and closing at the end of a turn; what then is left waits for the next one. */
const SETTLE_ROUNDS_MAX = 16;

const clock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
};

export class PortableLoop implements Loop, PortableCore {
  readonly clock: Clock = clock;
  readonly figures: Float64Array = newFigures();
  readonly pool: BufferPool = new BufferPool(() => 0n, null);
  readonly #connections: Set<PortableConnection> = new Set();
  readonly #listeners: Set<Listener> = new Set();
  readonly #factories: (SessionFactory | undefined)[] = [];
  readonly #datagramFactories: (DatagramSessionFactory | undefined)[] = [];
  readonly #timers: Timers = new Timers();
  readonly #turnStartCallbacks: (() => void)[] = [];
  readonly #turnEndCallbacks: (() => void)[] = [];
  readonly #unsent: Batch<PortableConnection> = new Batch();
  readonly #resumed: Batch<PortableConnection> = new Batch();
  readonly #doomed: Batch<PortableConnection> = new Batch();
  #turnMs: number = clock.monotonicMs();
  #turnEnd: NodeJS.Immediate | null = null;
  #timeout: NodeJS.Timeout | null = null;
  #serial = 0;
  #isStopped = false;

  readonly #tlsObserver: TlsObserver = {
    sessionBegun: () => this.#countTls(FIGURE.tlsNewSessions),
    handshakeFailed: () => this.#countTls(FIGURE.tlsHandshakeErrors),
    protocolFailed: () => this.#countTls(FIGURE.tlsProtocolErrors),
  };

  /** What has happened outside of any connection is a turn, too, so that the count is seen. */
  #countTls(figure: number): void {
    this.enter();
    this.figures[figure]!++;
  }

  get turnMs(): number {
    return this.#turnMs;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Nobody knows whom node's event loop will call next; somebody, if there is more than one. */
  get othersWait(): boolean {
    return this.#connections.size > 1;
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

  /** Sockets of node:net bring their own memory. */
  useMemory(): void {
    assert(this.#connections.size === 0, 'a loop is given its memory before its first connection');
  }

  serve(service: number, factory: SessionFactory): void {
    this.#factories[service] = factory;
  }

  listen(options: ListenOptions, service: number, done: (outcome: Listener | ConnectionError) => void): void {
    const listener = new PortableListener(
      ++this.#serial,
      options,
      service,
      options.tlsObserver ?? this.#tlsObserver,
      (socket, arrivedFor) => {
        options.onAccepted?.();
        this.#accepted(socket, listener.address, arrivedFor);
      },
      () => this.#listeners.delete(listener),
    );
    this.#listeners.add(listener);
    listener.start((error) => {
      this.enter();
      if (error !== null) this.#listeners.delete(listener);
      done(error ?? listener);
    });
  }

  serveDatagrams(service: number, factory: DatagramSessionFactory): void {
    this.#datagramFactories[service] = factory;
  }

  listenForDatagrams(
    options: ListenOptions,
    service: number,
    done: (outcome: Listener | ConnectionError) => void,
  ): void {
    const factory = this.#datagramFactories[service];
    assert(factory !== undefined, 'a service has a factory on each thread before anything listens for it');
    const listener = new PortableDatagrams(this, options, ++this.#serial, factory, () =>
      this.#listeners.delete(listener),
    );
    this.#listeners.add(listener);
    listener.start((error) => {
      this.enter();
      if (error !== null) this.#listeners.delete(listener);
      done(error ?? listener);
    });
  }

  dial(address: SocketAddress, timeoutMs: number, factory: SessionFactory, tls?: TlsDialling): Connection {
    const target =
      address.family === 'unix' ? { path: address.path } : { host: address.host, port: address.port };
    const socket =
      tls === undefined
        ? connect({ ...target, allowHalfOpen: true, noDelay: true, keepAlive: true })
        : dialTls(target, tls);
    const timer = this.schedule(timeoutMs, () => connection.doom(errorOfName('ETIMEDOUT')));
    const connection = new PortableConnection(this, socket, ++this.#serial, formatPeer(address), () =>
      this.cancel(timer),
    );
    this.#add(connection, factory);
    return connection;
  }

  schedule(delayMs: number, callback: () => void): number {
    const handle = this.#timers.add(clock.monotonicMs() + delayMs, callback);
    this.#setTimeout();
    return handle;
  }

  cancel(handle: number): void {
    this.#timers.cancel(handle);
  }

  onTurnStart(callback: () => void): void {
    this.#turnStartCallbacks.push(callback);
  }

  onRepliesDue(callback: () => void): void {
    this.onTurnEnd(callback);
  }

  onTurnEnd(callback: () => void): void {
    this.#turnEndCallbacks.push(callback);
  }

  /** Closes everything, so that nothing keeps node's event loop alive. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    for (const listener of [...this.#listeners]) listener.close();
    for (let i = 0; i < SETTLE_ROUNDS_MAX && this.#connections.size > 0; i++) {
      for (const connection of this.#connections) connection.destroy();
      this.#doomed.drain(this.#finish);
    }
    if (this.#turnEnd !== null) clearImmediate(this.#turnEnd);
    if (this.#timeout !== null) clearTimeout(this.#timeout);
  }

  enter(): void {
    if (this.#turnEnd !== null || this.#isStopped) return;
    this.#turnMs = clock.monotonicMs();
    this.#turnEnd = setImmediate(this.#endTurn);
    for (const callback of this.#turnStartCallbacks) callback();
  }

  noteUnsent(connection: PortableConnection): void {
    this.enter();
    this.#unsent.add(connection);
  }

  noteResumed(connection: PortableConnection): void {
    this.enter();
    this.#resumed.add(connection);
  }

  noteDoomed(connection: PortableConnection): void {
    this.enter();
    this.#doomed.add(connection);
  }

  #accepted(socket: Socket, local: SocketAddress, service: number): void {
    const factory = this.#factories[service];
    assert(factory !== undefined, 'a service has a factory on each thread before anything listens for it');
    this.enter();
    this.figures[FIGURE.accepted]!++;
    this.#add(new PortableConnection(this, socket, ++this.#serial, peerOf(socket, local), null), factory);
  }

  #add(connection: PortableConnection, factory: SessionFactory): void {
    this.#connections.add(connection);
    connection.start(factory(connection));
  }

  readonly #endTurn = (): void => {
    this.#turnEnd = null;
    this.#resumed.drain((connection) => connection.resumeNoted());
    for (const callback of this.#turnEndCallbacks) callback();
    for (let i = 0; i < SETTLE_ROUNDS_MAX && (this.#unsent.count > 0 || this.#doomed.count > 0); i++) {
      // As in the reactor: what was given up here may be sent again there.
      this.#doomed.drain(this.#finish);
      this.#unsent.drain((connection) => connection.sendNoted());
    }
    if (this.#unsent.count > 0 || this.#doomed.count > 0) this.enter();
    this.#setTimeout();
  };

  readonly #finish = (connection: PortableConnection): void => {
    this.#connections.delete(connection);
    connection.finish();
  };

  /** Has node call back when the first timer is due. */
  #setTimeout(): void {
    if (this.#timeout !== null) clearTimeout(this.#timeout);
    const waitMs = this.#isStopped ? -1 : this.#timers.waitMs(clock.monotonicMs());
    this.#timeout = waitMs < 0 ? null : setTimeout(this.#runTimers, waitMs);
  }

  readonly #runTimers = (): void => {
    this.#timeout = null;
    this.enter();
    this.#timers.run(clock.monotonicMs());
    this.#setTimeout();
  };
}

/** A unix socket's peer has no name, so it is known by ours. */
function peerOf(socket: Socket, local: SocketAddress): string {
  if (local.family === 'unix') return formatPeer(local);
  return formatPeer({ family: local.family, host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 });
}

import type { Clock } from '../base/clock.ts';
import type { DatagramSession, DatagramSocket } from '../base/datagram.ts';
import type { Connection, ConnectionError, Session } from '../base/session.ts';
import type { TlsDialling } from './tls-dialler.ts';
import type { TlsCertificates, TlsListening, TlsObserver } from './tls-server.ts';

/** A numeric address. Names are resolved before (see resolve.ts); a loop never waits for DNS. */
export type SocketAddress =
  | { readonly family: 'ipv4' | 'ipv6'; readonly host: string; readonly port: number }
  | { readonly family: 'unix'; readonly path: string; readonly mode?: number };

export interface ListenOptions {
  readonly address: SocketAddress;
  /** Length of the accept queue (listen(2)). */
  readonly backlog: number;
  /** Hand accepted connections to all data threads in turn; else they stay on this thread. */
  readonly spread: boolean;
  /** Bind now (so that a busy port is found now), accept only after `Listener.open()`. */
  readonly hold: boolean;
  /** Is called for each connection as it is accepted, on the thread that listens. It may pause the listener. */
  readonly onAccepted?: () => void;
  /** Connections are encrypted. The portable loop only. */
  readonly tls?: TlsListening;
  /** With TLS: how long a handshake may take, HANDSHAKE_MS_MAX unless given. */
  readonly handshakeMs?: number;
  /** With TLS: is told what happens in place of the loop's figures. */
  readonly tlsObserver?: TlsObserver;
}

export interface Listener {
  /** The address really bound: the port is the kernel's choice when 0 was asked. */
  readonly address: SocketAddress;
  /** As in Connection: the descriptor, or a serial number where there is none. */
  readonly descriptor: number;
  /** It has no connections, but datagrams. */
  readonly takesDatagrams: boolean;
  /** With TLS: what later clients are shown. */
  useCertificates?(certificates: TlsCertificates): void;
  /** Has the kernel take connections, which wait there until `open`: what can fail of that fails here. Not for datagrams. */
  listen?(): ConnectionError | null;
  /** Begins to accept. @returns null, or why it could not. May be called again after `pause`. */
  open(): ConnectionError | null;
  /**
   * What comes from now on is for another service, or the socket is as another configuration wants it. The portable loop leaves the accept
   * queue as long as it is. Not for datagrams.
   *
   * @param mode of a unix socket
   * @returns null, or why the mode could not be changed
   */
  useFor?(service: number, backlog: number, mode: number): ConnectionError | null;
  /** Stops accepting; connections wait in the kernel's queue. */
  pause(): void;
  close(): void;
}

/** Part [start, end) of an array, for the exclusive use of one loop. */
export interface MemoryRegion {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** What a loop counts. */
export interface LoopStatistics {
  readonly turns: number;
  readonly accepted: number;
  /** Times that accepting stopped for a while because descriptors or memory ran out. */
  readonly acceptPauses: number;
  /** Times that a connection stopped reading because its peer did not take what was sent. */
  readonly blocks: number;
  /** Bytes that peers have not taken, now and at most so far. */
  readonly pendingBytes: number;
  readonly pendingBytesPeak: number;
  /** Connections closed because they held too much that their peers did not take. */
  readonly pendingOverflows: number;
  /** Connections closed because their sessions left more than INPUT_REST_BYTES_MAX unconsumed. */
  readonly restOverflows: number;
  /** Datagrams received. */
  readonly datagrams: number;
  /** Those of them that were no request, or whose answer was too long or could not be sent. */
  readonly datagramsDropped: number;
  /** Of listeners with TLS: sessions that were not taken up again, handshakes that failed, connections broken by what is no TLS. */
  readonly tlsNewSessions: number;
  readonly tlsHandshakeErrors: number;
  readonly tlsProtocolErrors: number;
}

/** WINDOW_BYTES of an array, from `start` on. */
export interface SpareWindow {
  readonly bytes: Uint8Array;
  readonly start: number;
}

/**
 * Windows that sessions may keep for longer than a turn. They lie in the array that bytes are received into and replies are sent from, and within one array
 * bytes are copied in half the time.
 */
export interface SpareWindows {
  /** @returns null when the connections may need those that are left */
  take(): SpareWindow | null;
  /** Takes one back. @returns false when it is none of these */
  give(window: SpareWindow): boolean;
}

/** Makes the session of a new connection. */
export type SessionFactory = (connection: Connection) => Session;

/** Makes the session that answers the datagrams of a socket on one thread. */
export type DatagramSessionFactory = (socket: DatagramSocket) => DatagramSession;

/**
 * One thread's event loop: the transport. There are two: the reactor (epoll through libc, Linux) and the portable one (node:net).
 *
 * All callbacks run on the loop's thread, never inside a call made to the loop, save where written.
 */
export interface Loop {
  readonly clock: Clock;
  /** `clock.monotonicMs()` as read at the start of this turn; free to read. */
  readonly turnMs: number;
  /** Connections open now on this thread, accepted ones and dialled ones. */
  readonly connectionCount: number;
  /** Other connections are ready to be served in this turn; a session with much to do can give way to them. */
  readonly othersWait: boolean;
  /** Bytes received and sent by this thread so far. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Everything that the loop counts, indexed by FIGURE (figures.ts); free to read. */
  readonly figures: Float64Array;
  /** A copy of the counters at this moment. */
  readonly statistics: LoopStatistics;
  /**
   * Gives the loop the memory that bytes are received into and replies are written to; at least `REGION_BYTES_MIN`. To be called
   * before the first connection; a loop that is given none has its own.
   */
  useMemory(region: MemoryRegion): void;
  /** Memory for what sessions keep; absent where it has no advantage. */
  readonly spareWindows?: SpareWindows;
  /**
   * Says what runs on connections of a service. Each data thread registers its own factory for a service before any
   * thread listens for it.
   *
   * @param service a small number chosen by the role (client port, replication port, …)
   */
  serve(service: number, factory: SessionFactory): void;
  /**
   * Binds an address for a service.
   *
   * @param done called once, with the listener or with the reason why the address cannot be used
   */
  listen(options: ListenOptions, service: number, done: (outcome: Listener | ConnectionError) => void): void;
  /** As `serve`, for datagrams; the numbers are shared with those of connections. */
  serveDatagrams(service: number, factory: DatagramSessionFactory): void;
  /**
   * Binds an address, not a unix socket, for a service of datagrams. With `spread` every data thread takes them; `backlog` means nothing.
   * A listener that has been opened cannot be paused on other threads than this one.
   *
   * @param done as for `listen`
   */
  listenForDatagrams(
    options: ListenOptions,
    service: number,
    done: (outcome: Listener | ConnectionError) => void,
  ): void;
  /**
   * Dials an address.
   *
   * @param timeoutMs from the call to the established connection
   * @param factory called at once, inside this call; the session gets `opened()` later, or `closed(error)`
   * @param tls the connection is encrypted, and established when the certificates have been checked. The portable loop only
   */
  dial(address: SocketAddress, timeoutMs: number, factory: SessionFactory, tls?: TlsDialling): Connection;
  /** Calls back once, `delayMs` from now or a little later. @returns a handle for `cancel` */
  schedule(delayMs: number, callback: () => void): number;
  cancel(handle: number): void;
  /** Calls back at the start of every turn, before timers and bytes: for what is read once a turn, as the wall clock. */
  onTurnStart(callback: () => void): void;
  /**
   * Calls back when requests have been executed, before their replies are sent: for what others must have been sent first. What the
   * callback writes to a connection (with `flush`) is sent ahead of the replies. Where that moment does not exist, as on the portable loop, it
   * is the end of the turn.
   */
  onRepliesDue(callback: () => void): void;
  /** Calls back at the end of every turn, before outputs that were written elsewhere (`flush`) are sent. */
  onTurnEnd(callback: () => void): void;
}

import type { Output } from './output.ts';

/** Why a connection ended. */
export interface ConnectionError {
  /** The system's name of the error: ECONNREFUSED, ECONNRESET, ETIMEDOUT, EPIPE, … */
  readonly code: string;
  /** The sentence for a person, as strerror has it: `Connection refused`. */
  readonly message: string;
}

/** What a session may do to the connection it runs on. */
export interface Connection {
  /** Where replies go; see Output for the rules. */
  readonly output: Output;
  /** The number that `stats conns` shows: the descriptor, or a serial number where there is none. */
  readonly descriptor: number;
  /** The peer, as `tcp:127.0.0.1:4711`, `tcp6:[::1]:4711` or `unix:/path`. */
  readonly remote: string;
  /** Our end, written like `remote`; absent where the transport does not know it. Asked for seldom: it may take a system call. */
  readonly local?: string;
  /**
   * What only the two ends of this very encrypted channel have in common (RFC 9266, tls-exporter), in hexadecimal digits; '' or absent where nothing is encrypted. Known from when
   * the connection is up.
   */
  readonly channelBinding?: string;
  /**
   * Has what stands in `output` sent at the end of this turn. Needed only for bytes written outside this connection's own
   * `feed` or `opened` (a proxy writes a client's request to a backend); after those the transport sends by itself.
   */
  flush(): void;
  /**
   * Bytes that were sent and have not come to the peer's host, those that the kernel keeps included; what stands in `output` is not among them. A system call: asked
   * for seldom. Absent where the transport cannot tell.
   */
  unacknowledgedBytes?(): number;
  /** Closes when everything in `output` has been sent; no more bytes are fed. */
  end(): void;
  /** Closes at once; unsent output is lost. `closed` is called before this turn ends. */
  destroy(): void;
  /**
   * As `destroy`, and the peer sees a reset instead of an end: nobody waits any more for what it has not done yet. Absent where the transport
   * has no such thing; then `destroy` it is.
   */
  abort?(): void;
  /**
   * From now on a reset by the peer makes void what it has sent and the session has not been fed. Else all that has come is served first, for a client may send
   * its requests and go. Absent where the transport cannot tell the two.
   */
  voidUnreadOnReset?(): void;
  /**
   * Has the kernel find out when the other host is gone, which TCP by itself does after hours where there is nothing to send, and after a quarter of an hour where there is:
   * when it has acknowledged nothing for about `ms` the connection ends with ETIMEDOUT. A host that is there and whose program takes nothing for so long
   * counts as gone, too. For protocols without a heartbeat of their own. Absent where there is no such thing.
   */
  watchSilence?(ms: number): void;
  /** Stops reading (for pressure from elsewhere, say a slow backend). Bytes not consumed are kept. */
  pause(): void;
  /** Reads again, and feeds again what had not been consumed. */
  resume(): void;
  /**
   * Keeps from now on what stands in `output` and what is written to it, as if the peer did not take it; nothing more is fed meanwhile. Absent where there is nothing to
   * keep (datagrams).
   */
  holdOutput?(): void;
  /** Sends what was kept, at the end of this turn. */
  releaseOutput?(): void;
  /** Forgets what was kept, and keeps nothing more: what is written next is the next that the peer gets. */
  dropOutput?(): void;
}

/**
 * One connection's protocol, free of I/O: bytes in, bytes out. A transport runs it; a test calls it directly.
 */
export interface Session {
  /** A dialled connection is up. Accepted connections are up when their session is made; not called for them. */
  opened?(): void;
  /**
   * Takes bytes [start, end) of `input`.
   *
   * The bytes belong to the transport and are valid only during the call. What is not consumed is offered again,
   * in front of the bytes that follow, when more have come or when the output is no longer blocked; so a session
   * need not keep a half request, but must not leave more than `INPUT_REST_BYTES_MAX` of it: it consumes large values
   * piece by piece.
   *
   * @returns the index of the first byte not consumed, from `start` to `end`
   */
  feed(input: Uint8Array, start: number, end: number): number;
  /**
   * Is told what it will be fed in a moment, after other sessions of this thread: it may have memory fetched for it. Nothing is consumed, and it
   * is not always called.
   */
  lookAhead?(input: Uint8Array, start: number, end: number): void;
  /**
   * True for a session that asks (a proxy's connection to a server): it is fed also while its output is blocked. A server that is itself
   * blocked reads no further requests before its replies are taken; if its client waited likewise, both would wait for ever.
   */
  readonly readsWhileBlocked?: boolean;
  /**
   * Most bytes that the session wants to be fed at once, where feeding costs so much that other connections of the thread should have their turn in
   * between. Without it, as many as come. A transport that receives less at a time need not look.
   */
  readonly fedBytesMax?: number;
  /**
   * True while nobody waits for what this session is fed: a transport may feed it once a millisecond while bytes come often and in small pieces, in front of the
   * sessions of the same turn. It need not.
   */
  readonly isPatient?: boolean;
  /**
   * True while nothing of an unfinished request is kept, so that bytes of another client could follow. For datagrams; a session without it
   * is used for one of them only.
   */
  readonly isBetweenRequests?: boolean;
  /**
   * The output that was blocked has been taken by the peer. Called before what was not consumed is fed again; for sessions that
   * write on their own account. What is written here is sent as after `feed`.
   */
  drained?(): void;
  /**
   * The peer will send no more but may still read (a client that pipes its requests in and waits for the replies). Without this
   * method the connection closes when the output has been sent; a session that has it calls `end` itself, in the end.
   */
  peerEnded?(): void;
  /**
   * The connection is gone, for whatever reason; called exactly once.
   *
   * @param error null when the peer or the session closed it in the ordinary way
   */
  closed(error: ConnectionError | null): void;
}

/** What answers the datagrams of one socket on one thread, free of I/O. */
export interface DatagramSession {
  /**
   * Takes one datagram, bytes [start, end) of `input`, which are valid only during the call. What it does not complete is lost: nothing of
   * a datagram remains for the next one.
   *
   * @returns true when there is an answer, whose first part then stands in `answer`; it must be sent, or given up, before the next call
   */
  received(input: Uint8Array, start: number, end: number): boolean;
  /** Where the present part of the answer stands: [partStart, partEnd) of `answer`, which may be another array after each `received`. */
  readonly answer: Uint8Array;
  readonly partStart: number;
  readonly partEnd: number;
  /** Makes the next part of the answer the present one. @returns false when there is none */
  nextPart(): boolean;
}

/** The socket as its session sees it. */
export interface DatagramSocket {
  /** The number that `stats conns` shows: the descriptor, or a serial number where there is none. */
  readonly descriptor: number;
  /** Who sent the datagram at hand, as `udp:127.0.0.1:4711`. */
  readonly remote: string;
  /** For an answer that is not ready yet: what sends a datagram to whom the one at hand came from, at any time. It is lost if the kernel does not take it. */
  laterReply(): (datagram: Uint8Array) => void;
  /** Counts a datagram that was no request, or whose answer was too long. */
  noteDropped(): void;
}

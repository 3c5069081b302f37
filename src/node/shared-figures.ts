/**
 * Numbers of the whole node that its threads share: connection counts (changed by Atomics, once per connection) and each
 * thread's byte counts (one writer each).
 */

const CELL = {
  connections: 0,
  connectionsTotal: 1,
  connectionsRejected: 2,
  verbosity: 3,
  accepting: 4,
  walkClaimedAt: 5,
  detail: 6,
  prefixEpoch: 7,
  acceptedOpen: 8,
  listenDisabledCount: 9,
  clockOffsetSeconds: 10,
  clockHeldAt: 11,
  certificatesAt: 12,
} as const;
const CELLS = 16;
/** The float64 figure of the whole node, behind the cells: microseconds without accepting. Thread 0 alone writes it. */
const NODE_FIGURES = 1;
/** Float64 figures of one thread. Behind those of the threads stand the sums at the last reset. */
const THREAD_FIGURE = {
  bytesRead: 0,
  bytesWritten: 1,
  acceptPauses: 2,
  outputOverflows: 3,
  tlsNewSessions: 4,
  tlsHandshakeErrors: 5,
  tlsProtocolErrors: 6,
  outputBytesWaiting: 7,
} as const;
const THREAD_FIGURES = 8;
/** From here on a figure is a level, which no reset changes. */
const LEVELS_FROM: number = THREAD_FIGURE.outputBytesWaiting;

/** A view of the shared numbers; each thread makes its own from the same buffer. */
export class SharedFigures {
  readonly #cells: Int32Array;
  readonly #node: Float64Array;
  readonly #threads: Float64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#cells = new Int32Array(buffer, 0, CELLS);
    this.#node = new Float64Array(buffer, CELLS * 4, NODE_FIGURES);
    this.#threads = new Float64Array(buffer, CELLS * 4 + NODE_FIGURES * 8);
  }

  /** The memory for a node with so many threads. */
  static allocate(threads: number): SharedArrayBuffer {
    return new SharedArrayBuffer(CELLS * 4 + NODE_FIGURES * 8 + (threads + 1) * THREAD_FIGURES * 8);
  }

  get connections(): number {
    return Atomics.load(this.#cells, CELL.connections);
  }

  get connectionsTotal(): number {
    return Atomics.load(this.#cells, CELL.connectionsTotal);
  }

  get connectionsRejected(): number {
    return Atomics.load(this.#cells, CELL.connectionsRejected);
  }

  get verbosity(): number {
    return Atomics.load(this.#cells, CELL.verbosity);
  }

  set verbosity(level: number) {
    Atomics.store(this.#cells, CELL.verbosity, level);
  }

  get accepting(): boolean {
    return Atomics.load(this.#cells, CELL.accepting) === 1;
  }

  set accepting(yes: boolean) {
    Atomics.store(this.#cells, CELL.accepting, yes ? 1 : 0);
  }

  /** When the right to walk over the cache was renewed last, in unix seconds; 0: it is nobody's. */
  get walkClaimedAt(): number {
    return Atomics.load(this.#cells, CELL.walkClaimedAt);
  }

  /** @returns false when it was not `before` any more, and is left as it is */
  exchangeWalkClaim(before: number, after: number): boolean {
    return Atomics.compareExchange(this.#cells, CELL.walkClaimedAt, before, after) === before;
  }

  /** Whether `stats detail` counts. */
  get detail(): boolean {
    return Atomics.load(this.#cells, CELL.detail) === 1;
  }

  set detail(isOn: boolean) {
    Atomics.store(this.#cells, CELL.detail, isOn ? 1 : 0);
  }

  /** Threads whose counts by prefix are of an earlier epoch drop them. */
  get prefixEpoch(): number {
    return Atomics.load(this.#cells, CELL.prefixEpoch);
  }

  nextPrefixEpoch(): void {
    Atomics.add(this.#cells, CELL.prefixEpoch, 1);
  }

  /** Clients that are counted when they are accepted (see ClientGate): those that have not gone. */
  get connectionsAccepted(): number {
    return Atomics.load(this.#cells, CELL.acceptedOpen);
  }

  connectionAccepted(): void {
    Atomics.add(this.#cells, CELL.acceptedOpen, 1);
  }

  acceptedClosed(): void {
    Atomics.sub(this.#cells, CELL.acceptedOpen, 1);
  }

  /** How often, and for how long, nobody was accepted because the node was full. */
  get listenDisabledCount(): number {
    return Atomics.load(this.#cells, CELL.listenDisabledCount);
  }

  get listenDisabledMicros(): number {
    return this.#node[0]!;
  }

  listenDisabled(): void {
    Atomics.add(this.#cells, CELL.listenDisabledCount, 1);
    this.accepting = false;
  }

  listenEnabled(afterMs: number): void {
    this.#node[0]! += Math.round(afterMs * 1000);
    this.accepting = true;
  }

  /** See NodeClock: how far the node's time is ahead of the wall's, and when it was stopped (unix seconds, 0: it runs). */
  get clockOffsetSeconds(): number {
    return Atomics.load(this.#cells, CELL.clockOffsetSeconds);
  }

  set clockOffsetSeconds(seconds: number) {
    Atomics.store(this.#cells, CELL.clockOffsetSeconds, seconds);
  }

  get clockHeldAt(): number {
    return Atomics.load(this.#cells, CELL.clockHeldAt);
  }

  set clockHeldAt(seconds: number) {
    Atomics.store(this.#cells, CELL.clockHeldAt, seconds);
  }

  /** Counts a new connection. @returns false when it is beyond the limit (and then counts it as rejected) */
  connectionOpened(connectionsMax: number): boolean {
    const before = Atomics.add(this.#cells, CELL.connections, 1);
    if (before >= connectionsMax) {
      Atomics.sub(this.#cells, CELL.connections, 1);
      Atomics.add(this.#cells, CELL.connectionsRejected, 1);
      return false;
    }
    Atomics.add(this.#cells, CELL.connectionsTotal, 1);
    return true;
  }

  connectionClosed(): void {
    Atomics.sub(this.#cells, CELL.connections, 1);
  }

  setBytes(thread: number, read: number, written: number): void {
    this.#threads[thread * THREAD_FIGURES] = read;
    this.#threads[thread * THREAD_FIGURES + 1] = written;
  }

  /** What else the thread's transport counts. */
  setOutput(thread: number, acceptPauses: number, overflows: number, bytesWaiting: number): void {
    const at = thread * THREAD_FIGURES;
    this.#threads[at + THREAD_FIGURE.acceptPauses] = acceptPauses;
    this.#threads[at + THREAD_FIGURE.outputOverflows] = overflows;
    this.#threads[at + THREAD_FIGURE.outputBytesWaiting] = bytesWaiting;
  }

  /** What the thread counts of TLS. */
  setTls(thread: number, newSessions: number, handshakeErrors: number, protocolErrors: number): void {
    const at = thread * THREAD_FIGURES;
    this.#threads[at + THREAD_FIGURE.tlsNewSessions] = newSessions;
    this.#threads[at + THREAD_FIGURE.tlsHandshakeErrors] = handshakeErrors;
    this.#threads[at + THREAD_FIGURE.tlsProtocolErrors] = protocolErrors;
  }

  get tlsNewSessions(): number {
    return this.#sum(THREAD_FIGURE.tlsNewSessions);
  }

  get tlsHandshakeErrors(): number {
    return this.#sum(THREAD_FIGURE.tlsHandshakeErrors);
  }

  get tlsProtocolErrors(): number {
    return this.#sum(THREAD_FIGURE.tlsProtocolErrors);
  }

  /** When the certificates were read last, in unix seconds. */
  get certificatesAt(): number {
    return Atomics.load(this.#cells, CELL.certificatesAt);
  }

  set certificatesAt(seconds: number) {
    Atomics.store(this.#cells, CELL.certificatesAt, seconds);
  }

  get acceptPauses(): number {
    return this.#sum(THREAD_FIGURE.acceptPauses);
  }

  get outputOverflows(): number {
    return this.#sum(THREAD_FIGURE.outputOverflows);
  }

  get outputBytesWaiting(): number {
    return this.#sum(THREAD_FIGURE.outputBytesWaiting);
  }

  get bytesRead(): number {
    return this.#sum(THREAD_FIGURE.bytesRead);
  }

  get bytesWritten(): number {
    return this.#sum(THREAD_FIGURE.bytesWritten);
  }

  /** `stats reset`: the totals, not what is open now. The threads go on counting their bytes; what is shown is the difference. */
  reset(): void {
    const threads = this.#threads.length - THREAD_FIGURES;
    for (let figure = 0; figure < LEVELS_FROM; figure++)
      this.#threads[threads + figure]! += this.#sum(figure);
    Atomics.store(this.#cells, CELL.connectionsTotal, 0);
    Atomics.store(this.#cells, CELL.connectionsRejected, 0);
    Atomics.store(this.#cells, CELL.listenDisabledCount, 0);
  }

  #sum(figure: number): number {
    const threads = this.#threads.length - THREAD_FIGURES;
    let sum = -this.#threads[threads + figure]!;
    for (let i = figure; i < threads; i += THREAD_FIGURES) sum += this.#threads[i]!;
    return sum;
  }
}

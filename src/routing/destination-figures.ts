import { FAILURE, type Failure } from './failure.ts';
import { LatencyHistogram } from './latency-histogram.ts';

/** What is counted of a destination, by place in `counts`. */
export const FIGURE = {
  requests: 0,
  requestBytes: 1,
  responses: 2,
  responseBytes: 3,
  /** Connections that the server closed. */
  ends: 4,
  errors: 5,
  timedOut: 6,
  /** Keys that classic retrievals have asked for, and values that came. */
  keys: 7,
  found: 8,
  /** Connections on which it did not let us in. */
  refusals: 9,
} as const;
const FIGURES = 10;

/** What one thread counts of one server: for `stats servers`, and for those who eject a server that fails too often. */
export class DestinationFigures {
  /** In an array, where a number beyond 2^31 costs no allocation. */
  readonly counts: Float64Array = new Float64Array(FIGURES);
  /** From a call's arrival to its answer. */
  readonly latency: LatencyHistogram = new LatencyHistogram();
  /** Connections that were lost or never came up. */
  failures = 0;
  /** The same since its last answer, with the calls that were refused because it is dead. */
  failuresInRow = 0;

  /** Those of them that were dials of our own, for which no call waited. */
  #dialsInRow = 0;

  /** A connection has failed, or a call was refused. @param isOnlyDial nobody has waited for it */
  failed(isOnlyDial: boolean): void {
    this.failuresInRow++;
    if (isOnlyDial) this.#dialsInRow++;
  }

  /** The server is there again. What we alone have noticed of its absence counts no more: it must not be ejected for a restart that hurt nobody. */
  cameUp(): void {
    this.failuresInRow = Math.max(0, this.failuresInRow - this.#dialsInRow);
    this.#dialsInRow = 0;
  }

  /** It is in again, or out: its failures count anew. */
  forgiven(): void {
    this.failuresInRow = 0;
    this.#dialsInRow = 0;
  }

  /** A call begins to be written. @param keys that it retrieves */
  asked(bytes: number, keys: number): void {
    const { counts } = this;
    counts[FIGURE.requests]!++;
    counts[FIGURE.requestBytes]! += bytes;
    counts[FIGURE.keys]! += keys;
  }

  /** Bytes of answers have come. @param found values among them */
  received(bytes: number, found: number): void {
    const { counts } = this;
    counts[FIGURE.responseBytes]! += bytes;
    counts[FIGURE.found]! += found;
  }

  /** A call has its answer. */
  answered(tookMs: number): void {
    this.failuresInRow = 0;
    this.#dialsInRow = 0;
    this.counts[FIGURE.responses]!++;
    this.latency.countMs(tookMs);
  }

  /** A connection has ended that could have been used further. @param isClosed by the server, in good order */
  lost(failure: Failure, isClosed: boolean): void {
    this.failures++;
    this.counts[failure === FAILURE.timeout ? FIGURE.timedOut : isClosed ? FIGURE.ends : FIGURE.errors]!++;
  }

  /** The server has closed a connection that nobody used: that is no failure. */
  letGo(): void {
    this.counts[FIGURE.ends]!++;
  }

  /** The server has not let us in. */
  keptOut(): void {
    this.counts[FIGURE.refusals]!++;
  }
}

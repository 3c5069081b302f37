import { LatencyHistogram } from './latency-histogram.ts';

/** Verbs are numbers below this. */
const VERBS_MAX = 64;

/** What one thread counts of one pool's clients. */
export class PoolFigures {
  /** Requests that were sent on, by verb; those of the binary protocol as the meta commands that they become. */
  readonly commands: Float64Array = new Float64Array(VERBS_MAX);
  /** How often a server was not read from because a client did not take what it had asked for. */
  clientStalls = 0;
  /** How often more was kept for such a client, because others waited for the server; and clients that were dropped for it. */
  clientGrants = 0;
  clientsDropped = 0;
  /** Requests that wait for a server to come back, and have; null: the pool does not say. */
  returnWait: { readonly count: number; readonly waited: number; readonly notWaited: number } | null = null;
  /** Servers that the configuration names no more and that requests of before may need still; null: the pool does not say. */
  leavingServers: { readonly count: number } | null = null;
  /** From a whole request to its whole answer; that may have waited for those of requests before it. */
  readonly latency: LatencyHistogram = new LatencyHistogram();

  /** @param tookMs from the request to its answer */
  answered(tookMs: number): void {
    this.latency.countMs(tookMs);
  }
}

/** Time as pure rooms see it: handed in, so that a simulation can move it. */
export interface Clock {
  /** Milliseconds from an arbitrary start; never goes back. For timeouts, intervals, latencies. */
  monotonicMs(): number;
  /** Milliseconds since 1970 of the wall clock; may jump. For expiry times and versions. */
  wallMs(): number;
}

/** Longest that a timer of Node's waits, 24 days; what is longer it does not wait for at all. */
export const TIMER_MS_MAX: number = 2 ** 31 - 1;

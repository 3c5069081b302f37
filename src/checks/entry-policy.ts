import type { BackoffPolicy } from './restart-backoff.ts';

/** What the control language has no words for; all times in milliseconds. */
export interface EntryPolicy extends BackoffPolicy {
  /** After this long without trouble the deaths before are forgotten. */
  readonly healthyMs: number;
  /** From SIGTERM to SIGKILL, when a process does not answer any more. A healthy one gets the stop timeout. */
  readonly hungStopTimeoutMs: number;
  /** A start program has ended and left nothing behind: how long the pid may still appear. */
  readonly startGraceMs: number;
  /** A service that was given up is tried again after this; doubles up to the second one. */
  readonly giveUpRetryMsMin: number;
  readonly giveUpRetryMsMax: number;
}

export const DEFAULT_ENTRY_POLICY: EntryPolicy = {
  backoffMsMin: 100,
  backoffMsMax: 30_000,
  healthyMs: 10_000,
  hungStopTimeoutMs: 3_000,
  startGraceMs: 1_000,
  giveUpRetryMsMin: 60_000,
  giveUpRetryMsMax: 900_000,
};

import type { BackoffPolicy } from './restart-backoff.ts';

export interface RestartLimit {
  readonly restarts: number;
  readonly withinMs: number;
  /** So long after it was given up it is started once more; null: only by an operator. */
  readonly retryMs: number | null;
}

/** How one service is watched; all times in milliseconds. */
export interface ServicePolicy extends BackoffPolicy {
  /** A process that has not answered this long after its spawn is taken for hung; nor this long after its first copy from a twin has last come further. */
  readonly startTimeoutMs: number;
  /** Between two probes while the service starts. */
  readonly startProbeIntervalMs: number;
  /** Between two probes of a running service. */
  readonly probeIntervalMs: number;
  /** A probe without an answer after this has failed. */
  readonly probeTimeoutMs: number;
  /** Failed probes in a row after which a process is killed and replaced. */
  readonly probeFailuresMax: number;
  /**
   * While a probe is under way the process is looked at this often. When the kernel says twice in a row that it has been stopped (SIGSTOP), or that it
   * sleeps or computes and could have answered, nothing else is waited for. One that is kept from a processor or a disk is never found so.
   */
  readonly lookMs: number;
  /** From SIGTERM to SIGKILL. */
  readonly stopTimeoutMs: number;
  /** After this long without trouble the deaths before are forgotten. */
  readonly healthyMs: number;
  /** One that has served for so long before it died waits no longer than `settledBackoffMsMax` for its next start, however often it has died. */
  readonly settledMs: number;
  readonly settledBackoffMsMax: number;
  /**
   * A service that has never served and ends by itself this often is given up: a bad option or a busy port does not go
   * away by retrying. A service that has served once is retried for ever.
   */
  readonly firstStartsMax: number;
  /** A service that was started anew so often within so long, because it died or hung, is given up when it does so again; null: never. */
  readonly restartLimit: RestartLimit | null;
}

/** The policy where nothing else is said. */
export const DEFAULT_POLICY: ServicePolicy = {
  startTimeoutMs: 60_000,
  startProbeIntervalMs: 25,
  probeIntervalMs: 1_000,
  probeTimeoutMs: 2_000,
  probeFailuresMax: 3,
  lookMs: 500,
  stopTimeoutMs: 10_000,
  healthyMs: 10_000,
  settledMs: 1_000,
  settledBackoffMsMax: 30_000,
  backoffMsMin: 100,
  backoffMsMax: 30_000,
  firstStartsMax: 1,
  restartLimit: null,
};

/**
 * The policy for what nobody stands in for, and what starts at little cost: a proxy, a node without a twin. Who needs it waits for it, so the pause after a life that
 * was of some use is shorter than they wait. A node with a twin costs that one a copy with each start, and nobody waits for it.
 */
export const LONE_POLICY: ServicePolicy = { ...DEFAULT_POLICY, settledBackoffMsMax: 500 };

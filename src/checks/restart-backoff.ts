import type { Random } from '../base/random.ts';

export interface BackoffPolicy {
  /** Delay before the second restart in a row. */
  readonly backoffMsMin: number;
  /** The delay doubles up to this. */
  readonly backoffMsMax: number;
}

/** Doublings after which the delay surely stands at its bound; keeps the exponent small. */
const DOUBLINGS_MAX = 30;

/**
 * How long to wait before a dead service is started again.
 *
 * The first restart is immediate: one death is an accident, and every millisecond without the service counts. Deaths in a row wait
 * exponentially longer, because what dies at once again has a cause that a restart does not cure. Half of each delay is
 * random ("equal jitter"), so that services that died together do not come back in lockstep.
 */
export class RestartBackoff {
  #policy: BackoffPolicy;
  readonly #random: Random;
  #deaths = 0;

  constructor(policy: BackoffPolicy, random: Random) {
    this.#policy = policy;
    this.#random = random;
  }

  /** The bounds of the delays to come. */
  usePolicy(policy: BackoffPolicy): void {
    this.#policy = policy;
  }

  /** Deaths in a row. */
  get deaths(): number {
    return this.#deaths;
  }

  /**
   * Counts a death and says when to start again.
   *
   * @param served whether the process had been serving before it died; what never served gets no immediate restart
   * @param msMax this delay is no longer, be the policy's what it may
   * @returns milliseconds to wait, 0 for at once
   */
  delayMsAfterDeath(served: boolean, msMax: number = Number.POSITIVE_INFINITY): number {
    const doublings = Math.min(served ? this.#deaths - 1 : this.#deaths, DOUBLINGS_MAX);
    this.#deaths = Math.min(this.#deaths + 1, DOUBLINGS_MAX + 2);
    if (doublings < 0) return 0;
    const { backoffMsMin, backoffMsMax } = this.#policy;
    const delayMs = Math.min(msMax, backoffMsMax, backoffMsMin * 2 ** doublings);
    const fixedMs = Math.floor(delayMs / 2);
    return fixedMs + this.#random.below(delayMs - fixedMs + 1);
  }

  /** Forgets the deaths: the service has been healthy for a while, or an operator asked for a fresh start. */
  reset(): void {
    this.#deaths = 0;
  }
}

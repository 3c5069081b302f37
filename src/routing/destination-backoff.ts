import type { Random } from '../base/random.ts';
import type { RoutingSettings } from './settings.ts';

/** After a dial that calls have waited for in vain none waits for so many times its length: most calls are refused at once. */
const LAST_RESORT_PAUSE = 4;

/** Beyond so many failed dials in a row the pause is the longest in any case. */
const DOUBLINGS_MAX = 16;

/**
 * When a dead server is dialled again: after a pause that doubles up to a bound and is spread by chance, so that many proxies do not
 * dial as one.
 */
export class DestinationBackoff {
  /** When it is dialled again by itself. */
  dialAtMs = 0;
  /** Before this time no call, be it the last resort, has a dial made. */
  lastResortAtMs = 0;
  /** Failed dials in a row. */
  #attempts = 0;
  readonly #settings: RoutingSettings;
  readonly #random: Random;

  constructor(settings: RoutingSettings, random: Random) {
    this.#settings = settings;
    this.#random = random;
  }

  /** The server answers. */
  cameUp(): void {
    this.#attempts = 0;
  }

  /** A dial has failed, or a connection was given up. */
  dialFailed(nowMs: number): void {
    const { backoffMsMin, backoffMsMax } = this.#settings;
    const longestMs = Math.min(backoffMsMin * 2 ** Math.min(this.#attempts, DOUBLINGS_MAX), backoffMsMax);
    this.#attempts++;
    this.dialAtMs = nowMs + longestMs / 2 + this.#random.below(Math.ceil(longestMs / 2) + 1);
  }

  /** Calls have waited in vain. @param waitedMs for a dial of this length */
  waitedInVain(nowMs: number, waitedMs: number): void {
    this.lastResortAtMs = nowMs + Math.max(this.#settings.lastResortGapMs, waitedMs * LAST_RESORT_PAUSE);
  }
}

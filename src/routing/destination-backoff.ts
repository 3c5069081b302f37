import type { Random } from '../base/random.ts';
import type { RoutingSettings } from './settings.ts';

/** After a dial that calls have waited for in vain none waits for so many times its length: most calls are refused at once. */
const LAST_RESORT_PAUSE = 4;

/** Beyond so many failed dials in a row the pause is the longest in any case. */
const DOUBLINGS_MAX = 16;

/** A server may go down so often, soon after it has come up, before that is called flapping: a restart or two are none. */
const FLAPS_FREE = 3;

/** The pause grows by this factor with each time. */
const FLAP_FACTOR = 1.5;

/** Beyond so many times it does not grow any more. */
const FLAPS_COUNTED_MAX = 64;

/**
 * When a dead server is dialled again: after a pause that doubles up to a bound and is spread by chance, so that many proxies do not
 * dial as one. A server that goes up and down often (it is started again and again and fails each time, or its network comes and goes) is left alone
 * for longer each time.
 */
export class DestinationBackoff {
  /** When it is dialled again by itself. */
  dialAtMs = 0;
  /** Before this time no call, be it the last resort, has a dial made. */
  lastResortAtMs = 0;
  /** Failed dials in a row. */
  #attempts = 0;
  /** Times in a row that it went down soon after it had come up. */
  #flaps = 0;
  #downs = 0;
  #upAtMs = 0;
  /** One that nobody has seen yet may just be being started, with us or because it is new. */
  #lostAtMs: number;
  #settings: RoutingSettings;
  readonly #random: Random;

  constructor(settings: RoutingSettings, random: Random, nowMs: number) {
    this.#settings = settings;
    this.#lostAtMs = nowMs;
    this.#random = random;
  }

  /** Other pauses from now on, also for the one that it is in. */
  reconfigured(settings: RoutingSettings, nowMs: number): void {
    this.#settings = settings;
    const longestMs = this.isFlapping
      ? Math.max(settings.backoffMsMax, settings.flapBackoffMsMax)
      : settings.backoffMsMax;
    if (Number.isFinite(this.dialAtMs)) this.dialAtMs = Math.min(this.dialAtMs, nowMs + longestMs);
  }

  /** The server answers. */
  cameUp(nowMs: number): void {
    this.#attempts = 0;
    this.#upAtMs = nowMs;
    this.#lostAtMs = Number.NEGATIVE_INFINITY;
  }

  /** A server that answered does so no more. */
  wentDown(nowMs: number): void {
    const isSoon = nowMs - this.#upAtMs < this.#settings.flapWindowMs;
    this.#downs += 1;
    this.#lostAtMs = nowMs;
    this.#flaps = isSoon ? Math.min(this.#flaps + 1, FLAPS_COUNTED_MAX) : 0;
  }

  /** Tells a call that failed how long the server may be worth waiting for: most that were lost are being started again. */
  giveHope(call: { hopeUntilMs: number }): void {
    call.hopeUntilMs = Math.max(call.hopeUntilMs, this.#lostAtMs + this.#settings.returnWaitMs);
  }

  /** It is there, and lacks what its twin has: nobody has to wait for it, and who has nobody else may use it. */
  isFilling(): void {
    this.#lostAtMs = Number.POSITIVE_INFINITY;
    this.lastResortAtMs = 0;
  }

  get flaps(): number {
    return this.#flaps;
  }

  /** Times that it went down after it had come up. */
  get downs(): number {
    return this.#downs;
  }

  /** It goes up and down so often that it is not worth a dial at once. */
  get isFlapping(): boolean {
    return this.#flaps > FLAPS_FREE;
  }

  /** A dial has failed, or a connection was given up. */
  dialFailed(nowMs: number): void {
    const { backoffMsMin, backoffMsMax, flapBackoffMsMax } = this.#settings;
    const plainMs = Math.min(backoffMsMin * 2 ** Math.min(this.#attempts, DOUBLINGS_MAX), backoffMsMax);
    const longestMs = this.isFlapping
      ? Math.min(
          backoffMsMax * FLAP_FACTOR ** (this.#flaps - FLAPS_FREE),
          Math.max(flapBackoffMsMax, plainMs),
        )
      : plainMs;
    this.#attempts++;
    if (this.#lostAtMs > nowMs) this.#lostAtMs = Number.NEGATIVE_INFINITY;
    this.dialAtMs = nowMs + longestMs / 2 + this.#random.below(Math.ceil(longestMs / 2) + 1);
  }

  /** Whether it is time to dial. @param isWaitedFor calls that have nobody else wait for servers to come back */
  isDue(nowMs: number, isWaitedFor: boolean): boolean {
    return nowMs >= this.dialAtMs || (isWaitedFor && nowMs >= this.lastResortAtMs);
  }

  /** Calls have waited in vain. @param waitedMs for a dial of this length */
  waitedInVain(nowMs: number, waitedMs: number): void {
    this.lastResortAtMs = nowMs + Math.max(this.#settings.lastResortGapMs, waitedMs * LAST_RESORT_PAUSE);
  }
}

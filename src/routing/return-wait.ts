import { type Call, mayTryElsewhere } from './call.ts';
import { FAILURE } from './failure.ts';
import type { RouteHandle } from './route-handle.ts';

/** A request on which so many connections were lost is not sent again: it may be what kills the server. */
const LOSSES_MAX = 2;

/** What it needs of its thread's router. */
export interface ReturnWaitHost {
  readonly settings: {
    readonly returnWaitMs: number;
    readonly queueCallsMax: number;
    readonly queueBytesMax: number;
  };
  nowMs(): number;
  /** Something waits, so `tick` has to be called from now on. */
  wake(): void;
}

/**
 * Calls that no server can take just now, and that one of their servers may take soon: it was lost a moment ago, so most probably it is being
 * started again. They wait here, in their order, for at most `returnWaitMs` after the loss; meanwhile dead servers are dialled at a quick pace. When
 * one is up all of them go down the tree again; those whose time is over go there for a last time.
 *
 * Only what nobody has done, or what may be done twice, waits. The requests of proxies do not: a proxy sends elsewhere what fails here, or waits itself.
 */
export class ReturnWait {
  /** Calls that have waited, and such that could not because too many did. */
  waited = 0;
  notWaited = 0;
  #waiting: Call[] = [];
  #bytes = 0;
  readonly #host: ReturnWaitHost;

  constructor(host: ReturnWaitHost) {
    this.#host = host;
  }

  /** Calls that wait now. */
  get count(): number {
    return this.#waiting.length;
  }

  /** Whether there is any use in waiting. */
  hasHope(call: Call): boolean {
    const { hopeUntilMs, failure, timesLost, request } = call;
    // Without end: one is there already, and may be used if there is nobody else.
    if (hopeUntilMs === 0 || hopeUntilMs === Number.POSITIVE_INFINITY) return false;
    if (!mayTryElsewhere(call) || timesLost >= LOSSES_MAX) return false;
    if (failure !== FAILURE.connect && failure !== FAILURE.reset) return false;
    return this.#waitUntilMs(call) > this.#host.nowMs() && request.owner?.sendsElsewhere === false;
  }

  /** It is set once: a server that comes and goes again does not make the wait longer. Nor does what the request has waited for elsewhere. */
  #waitUntilMs({ waitUntilMs, hopeUntilMs, request }: Call): number {
    if (waitUntilMs !== 0) return waitUntilMs;
    return Math.min(hopeUntilMs, request.beganMs + this.#host.settings.returnWaitMs);
  }

  /** Takes a call that has hope. @returns false when too many wait */
  take(call: Call): boolean {
    const { queueCallsMax, queueBytesMax } = this.#host.settings;
    const bytes = this.#bytes + call.request.length;
    // As in the queue of a server, a value as large as the bound finds room in an empty one.
    if (this.count >= queueCallsMax || (this.count > 0 && bytes > queueBytesMax)) {
      this.notWaited++;
      return false;
    }
    if (call.waitUntilMs === 0) this.waited++;
    call.waitUntilMs = this.#waitUntilMs(call);
    this.#bytes = bytes;
    this.#waiting.push(call);
    this.#host.wake();
    return true;
  }

  /** A server is up that was not: sends all that wait down the tree, those that came first in front. */
  release(root: RouteHandle): void {
    for (const call of this.#takeAll()) this.#routeAnew(call, root, false);
  }

  /** Sends those down the tree for a last time that have waited long enough. */
  tick(nowMs: number, root: RouteHandle): void {
    if (!this.#waiting.some((call) => call.waitUntilMs <= nowMs)) return;
    const over: Call[] = [];
    for (const call of this.#takeAll()) {
      if (call.waitUntilMs <= nowMs) over.push(call);
      else {
        this.#waiting.push(call);
        this.#bytes += call.request.length;
      }
    }
    for (const call of over) this.#routeAnew(call, root, true);
  }

  /** Nothing comes any more: they are answered with why they failed. @param giveUp settles one */
  close(giveUp: (call: Call) => void): void {
    for (const call of this.#takeAll()) giveUp(call);
  }

  #takeAll(): Call[] {
    const calls = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    return calls;
  }

  /** As if it had just come. The tree may be another one by now. */
  #routeAnew(call: Call, root: RouteHandle, isLast: boolean): void {
    call.leaf = null;
    call.foundBy = null;
    call.crossed = call.turned = call.rehashes = 0;
    call.hopeUntilMs = 0;
    call.passedOver = false;
    call.lastResort = isLast;
    call.triedInVain.length = 0;
    root.route(call);
  }
}

import { assert } from '../base/assert.ts';
import { type Call, type CallPool, mayTryElsewhere } from './call.ts';
import type { Errand } from './errand.ts';
import { ErrandRoute } from './errand-route.ts';
import { cappedExptime, copyWithExptime, setsExptime } from './exptime-cap.ts';
import { FAILURE } from './failure.ts';
import type { RouteHandle } from './route-handle.ts';

/**
 * A failover whose children behind the first one only stand in for it (a gutter): what is stored there lives for a short time, so that it is
 * not found stale at the next failure.
 */
export class FailoverExptimeRoute extends ErrandRoute {
  readonly #secondsMax: number;

  /** @param secondsMax how long items live at most on all children but the first */
  constructor(children: readonly RouteHandle[], secondsMax: number, calls: CallPool) {
    super(children, calls);
    assert(children.length > 0, 'a failover needs a child');
    this.#secondsMax = secondsMax;
  }

  override route(call: Call): void {
    this.children[0]!.route(call);
  }

  protected override ownChildFailed(index: number, call: Call): void {
    const next = this.children[index + 1];
    if (next === undefined || !mayTryElsewhere(call)) {
      this.fail(call);
      return;
    }
    const { request } = call;
    const seconds = setsExptime(request.verb) ? cappedExptime(request, this.#secondsMax) : -1;
    if (seconds < 0) {
      next.route(call);
      return;
    }
    const errand = this.errands.acquire(call);
    const copy = this.calls.requests.acquire(null, request.verb, false);
    copy.watch(errand, index + 1);
    if (copyWithExptime(copy, request, seconds)) {
      this.send(errand, copy, next, call);
      return;
    }
    this.calls.requests.release(copy);
    this.errands.release(errand);
    call.failure = FAILURE.memory;
    this.fail(call);
  }

  override childFailed(index: number, call: Call): void {
    const next = this.children[index + 1];
    // The request with the other exptime is good for all the children behind the first.
    if (this.isOwn(call) && next !== undefined && mayTryElsewhere(call)) next.route(call);
    else super.childFailed(index, call);
  }

  override errandProgressed(errand: Errand, slot: number): void {
    const { call } = errand;
    assert(call !== null, 'a write waits for the stand-in');
    this.choices(1)[0] = slot;
    this.deliver(errand, call);
    this.errands.release(errand);
  }
}

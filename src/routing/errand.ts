import type { Call, CallPool } from './call.ts';
import { FAILURE, type Failure, isRead } from './failure.ts';
import type { Request, RequestWatcher } from './request.ts';
import { RESULT, resultOf } from './result.ts';

/** Whose errands they are. */
export interface ErrandOwner {
  /** Request number `slot` has its answer, or is refused. */
  errandProgressed(errand: Errand, slot: number): void;
}

/**
 * What a handle has under way for one call: requests of its own, one for each child that is asked, with answers that stay in their records
 * until the handle has read them. Pooled; see ErrandRoute.
 */
export class Errand implements RequestWatcher {
  readonly owner: ErrandOwner;
  /** Who waits for the outcome; null: nobody any more. */
  call: Call | null = null;
  /** By slot; null: never sent. They are kept until the errand ends. */
  readonly requests: (Request | null)[] = [];
  /** Slots in the order in which they were settled. */
  readonly order: number[] = [];
  /** Requests without an answer. */
  open = 0;
  /** Requests are still being sent, so it is too early to decide. */
  starting = false;
  /** Further calls that want the same answer. */
  readonly waiters: Call[] = [];
  /** What a handle keeps with it: another errand that waits for this one, a request whose answer is needed, numbers of its own, a time. */
  outer: Errand | null = null;
  source: Request | null = null;
  sourceKey = 0;
  note = 0;
  sinceMs = 0;
  /** The last failure, and what is known of all of them. */
  failure: Failure = FAILURE.none;
  refusal: Uint8Array | null = null;
  fateUnknown = false;
  passedOver = false;
  hopeUntilMs = 0;
  timesLost = 0;

  constructor(owner: ErrandOwner) {
    this.owner = owner;
  }

  begin(call: Call | null): void {
    this.call = call;
    this.open = 0;
    this.starting = false;
    this.outer = null;
    this.source = null;
    this.sourceKey = 0;
    this.note = 0;
    this.sinceMs = 0;
    this.failure = FAILURE.none;
    this.refusal = null;
    this.fateUnknown = false;
    this.passedOver = false;
    this.hopeUntilMs = 0;
    this.timesLost = 0;
  }

  add(request: Request): void {
    while (this.requests.length < request.slot) this.requests.push(null);
    this.requests[request.slot] = request;
    this.open++;
  }

  requestSettled(request: Request): void {
    this.open--;
    this.order.push(request.slot);
    this.owner.errandProgressed(this, request.slot);
  }

  /** A call for one of its requests has failed. */
  noteFailure(call: Call): void {
    this.failure = call.failure;
    this.refusal = call.refusal;
    if (call.fateUnknown) this.fateUnknown = true;
    if (call.passedOver) this.passedOver = true;
    this.hopeUntilMs = Math.max(this.hopeUntilMs, call.hopeUntilMs);
    this.timesLost = Math.max(this.timesLost, call.timesLost);
    if (this.call !== null && this.call !== call) this.call.triedInVain.push(...call.triedInVain);
  }

  isSettled(slot: number): boolean {
    return this.requests[slot]?.isSettled ?? true;
  }

  /** What has become of a key in one of the requests: one of RESULT. Key 0 for what has only one. */
  resultAt(slot: number, key: number): number {
    const request = this.requests[slot];
    if (request == null) return RESULT.failed;
    if (!request.isSettled) return RESULT.pending;
    if (!isRead(request.verb))
      return request.refused ? RESULT.failed : resultOf(request.reply, request.lineStart, request.lineEnd);
    if (request.hasBlock(key)) return RESULT.good;
    if (!request.hasFailed(key)) return RESULT.notFound;
    return request.refused ? RESULT.failed : RESULT.serverError;
  }

  /** Fails the call that waits with what is known. @returns it; it is for the handle to hand it on */
  failedCall(call: Call): Call {
    call.failure = this.failure;
    call.refusal = this.refusal;
    if (this.fateUnknown) call.fateUnknown = true;
    if (this.passedOver) call.passedOver = true;
    call.hopeUntilMs = Math.max(call.hopeUntilMs, this.hopeUntilMs);
    call.timesLost = Math.max(call.timesLost, this.timesLost);
    return call;
  }
}

/** Errands of one handle, used again and again. */
export class ErrandPool {
  readonly #owner: ErrandOwner;
  readonly #calls: CallPool;
  readonly #free: Errand[] = [];
  readonly #keptMax = 1024;

  constructor(owner: ErrandOwner, calls: CallPool) {
    this.#owner = owner;
    this.#calls = calls;
  }

  acquire(call: Call | null): Errand {
    const errand = this.#free.pop() ?? new Errand(this.#owner);
    errand.begin(call);
    return errand;
  }

  /** All its requests are settled and read. */
  release(errand: Errand): void {
    for (const request of errand.requests) if (request !== null) this.#calls.requests.release(request);
    if (errand.source !== null) this.#calls.requests.release(errand.source);
    errand.source = null;
    errand.requests.length = 0;
    errand.order.length = 0;
    errand.call = null;
    errand.outer = null;
    if (this.#free.length < this.#keptMax) this.#free.push(errand);
  }
}

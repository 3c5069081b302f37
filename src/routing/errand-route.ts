import { assert } from '../base/assert.ts';
import type { Call, CallPool } from './call.ts';
import { Errand, type ErrandOwner, ErrandPool } from './errand.ts';
import { FAILURE, isRead } from './failure.ts';
import type { Request } from './request.ts';
import { RouteHandle } from './route-handle.ts';

/** Handles that keep their turn in a call stand inside one another so deep at most; each level has its bit in `Call.turned`. */
const LEVELS_MAX = 31;

/**
 * A handle that has to see the answers of its children before it knows what to do: it asks them with requests of its own (errands), which go
 * down the tree as any other and whose failures and misses end here.
 */
export abstract class ErrandRoute extends RouteHandle implements ErrandOwner {
  protected readonly calls: CallPool;
  protected readonly errands: ErrandPool;
  #chosen = new Int32Array(16);
  #turnBit = 0;

  constructor(children: readonly RouteHandle[], calls: CallPool) {
    super();
    this.calls = calls;
    this.errands = new ErrandPool(this, calls);
    this.adopt(children);
  }

  abstract errandProgressed(errand: Errand, slot: number): void;

  override childFailed(index: number, call: Call): void {
    const { request } = call;
    const { watcher } = request;
    if (watcher instanceof Errand && this.isOwn(call)) {
      watcher.noteFailure(call);
      request.refuse(call.firstKey);
      this.calls.release(call);
    } else this.ownChildFailed(index, call);
  }

  override childMissed(index: number, call: Call): void {
    if (this.isOwn(call)) this.calls.missAll(call);
    else this.ownChildMissed(index, call);
  }

  /** Whether a call is one of this handle's errands. */
  protected isOwn(call: Call): boolean {
    const { watcher } = call.request;
    return watcher instanceof Errand && watcher.owner === this;
  }

  /** As `childFailed`, of a call that was handed on as it came. */
  protected ownChildFailed(_index: number, call: Call): void {
    this.fail(call);
  }

  /** As `childMissed`, of a call that was handed on as it came. */
  protected ownChildMissed(_index: number, call: Call): void {
    this.miss(call);
  }

  /** Has a handle below this one asked for what `call` asks for, with the same bytes. */
  protected ask(errand: Errand, slot: number, target: RouteHandle, call: Call): void {
    const request = this.calls.requests.derive(call.request, call.firstKey, errand, slot, null);
    this.send(errand, request, target, call);
  }

  /** Sends a request of an errand. @param call whose knowledge of servers it shares; null: it stands for itself, and is tried once */
  protected send(errand: Errand, request: Request, target: RouteHandle, call: Call | null): void {
    errand.add(request);
    const sent = this.calls.acquire(request, 0, request.keyCount);
    if (call !== null) {
      request.lane = call.request.lane;
      sent.lastResort = call.lastResort;
      sent.fateUnknown = call.fateUnknown;
      sent.passedOver = call.passedOver;
      sent.waitUntilMs = call.waitUntilMs;
      sent.timesLost = call.timesLost;
      sent.crossed = call.crossed;
      sent.turned = call.turned;
      sent.triedInVain.push(...call.triedInVain);
    }
    target.route(sent);
  }

  /** Makes `chosen` long enough. @returns it: by key, which of the requests has the answer; to be filled before `deliver` */
  protected choices(keyCount: number): Int32Array {
    if (this.#chosen.length < keyCount) this.#chosen = new Int32Array(keyCount * 2);
    return this.#chosen;
  }

  /**
   * Brings the answers that were chosen to the call that waits for them: hits to the client, or, of anything but a retrieval, the line. What is
   * left is handed on as missing, or as failed.
   */
  protected deliver(errand: Errand, call: Call): void {
    errand.call = null;
    if (isRead(call.request.verb)) {
      this.#deliverBlocks(errand, call);
      this.#handOn(errand, call);
      return;
    }
    const request = errand.requests[this.#chosen[0]!];
    if (request == null || request.refused) {
      // Somebody else has done it, or will.
      if (errand.requests.some((other) => other !== null && !other.refused)) errand.fateUnknown = true;
      this.fail(errand.failedCall(call));
    } else this.calls.answer(call, request.reply, request.lineStart, request.lineEnd);
  }

  #deliverBlocks(errand: Errand, call: Call): void {
    const { request } = call;
    for (let key = call.firstKey, index = 0; key >= 0; index++) {
      const next = request.keyNext[key]!;
      const answer = errand.requests[this.#chosen[index]!];
      if (answer?.hasBlock(index))
        this.deliverBlock(call, key, answer.reply, answer.blockStart(index), answer.blockEnd(index));
      else if (answer?.hasFailed(index) && !answer.refused)
        failKey(request, key, answer.reply, answer.lineStart, answer.lineEnd);
      key = next;
    }
  }

  /** Gives the client a block of its request. */
  protected deliverBlock(call: Call, key: number, source: Uint8Array, from: number, to: number): void {
    if (call.request.take(key, source, from, to)) return;
    const line = this.calls.manner.failureLine(FAILURE.memory);
    failKey(call.request, key, line, 0, line.length);
  }

  /** The keys that are open still are failures or misses. */
  #handOn(errand: Errand, call: Call): void {
    const { request } = call;
    const failed = this.calls.copy(call);
    const missed = call;
    let lastFailed = -1;
    let lastMissed = -1;
    failed.keyCount = missed.keyCount = 0;
    let key = call.firstKey;
    failed.firstKey = missed.firstKey = -1;
    for (let index = 0; key >= 0; index++) {
      const next = request.keyNext[key]!;
      const answer = errand.requests[this.#chosen[index]!];
      if (request.isOpen(key)) {
        request.keyNext[key] = -1;
        if (answer == null || answer.hasFailed(index)) {
          if (lastFailed < 0) failed.firstKey = key;
          else request.keyNext[lastFailed] = key;
          lastFailed = key;
          failed.keyCount++;
        } else {
          if (lastMissed < 0) missed.firstKey = key;
          else request.keyNext[lastMissed] = key;
          lastMissed = key;
          missed.keyCount++;
        }
      }
      key = next;
    }
    failed.cursor = failed.firstKey;
    missed.cursor = missed.firstKey;
    errand.failedCall(failed);
    const hasFailed = failed.keyCount > 0;
    if (missed.keyCount > 0) this.miss(missed);
    else if (hasFailed) this.calls.release(missed);
    else this.calls.missAll(missed);
    if (hasFailed) this.fail(failed);
    else this.calls.release(failed);
  }

  /** Whether the handle has had its turn in a call, as it has noted by `takeTurn`. */
  protected hasTurned(call: Call): boolean {
    return (call.turned & this.#bit()) !== 0;
  }

  protected takeTurn(call: Call): void {
    call.turned |= this.#bit();
  }

  protected forgetTurn(call: Call): void {
    call.turned &= ~this.#bit();
  }

  /** Found when it is needed first: the tree does not change after it was made. */
  #bit(): number {
    if (this.#turnBit === 0) {
      let level = 0;
      for (let handle = this.parent; handle !== null; handle = handle.parent)
        if (handle instanceof ErrandRoute) level++;
      assert(level < LEVELS_MAX, 'handles with errands stand inside one another thirty deep at most');
      this.#turnBit = 1 << level;
    }
    return this.#turnBit;
  }
}

function failKey(request: Request, key: number, source: Uint8Array, from: number, to: number): void {
  const next = request.keyNext[key]!;
  request.keyNext[key] = -1;
  request.failKeys(key, source, from, to);
  request.keyNext[key] = next;
}

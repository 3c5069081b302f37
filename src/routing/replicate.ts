import { assert } from '../base/assert.ts';
import type { Call, CallPool } from './call.ts';
import { replyByDefault } from './default-reply.ts';
import type { Errand } from './errand.ts';
import { ErrandRoute } from './errand-route.ts';
import { isRead } from './failure.ts';
import { RESULT } from './result.ts';
import type { RouteHandle } from './route-handle.ts';

/**
 * Which of the children's answers a client gets, and when:
 *
 *     all        when all have answered, the worst of the answers
 *     majority   what more than half of them say, as soon as they have said it; else what most say, and the worse of two
 *     first      the first answer that is one; when there is none, the last failure
 *     initial    the answer of the first child in the list
 *     none       nothing is waited for: NOT_STORED, NOT_FOUND or a miss at once, whatever becomes of it
 *
 * The other children do what they were asked in any case.
 */
export const WAITS = ['all', 'majority', 'first', 'initial', 'none'] as const;
export type Wait = (typeof WAITS)[number];

/** Slot that stands for "not known yet". */
const UNKNOWN = -1;

/** Has all its children do what is asked, at once, and waits for as many of their answers as it is told. */
export class ReplicateRoute extends ErrandRoute {
  readonly #wait: Wait;

  constructor(children: readonly RouteHandle[], wait: Wait, calls: CallPool) {
    super(children, calls);
    assert(children.length > 0, 'a replicate needs a child');
    this.#wait = wait;
  }

  override route(call: Call): void {
    const isWaitedFor = this.#wait !== 'none';
    const errand = this.errands.acquire(isWaitedFor ? call : null);
    errand.starting = true;
    for (let slot = 0; slot < this.children.length; slot++)
      this.ask(errand, slot, this.children[slot]!, call);
    errand.starting = false;
    if (!isWaitedFor) replyByDefault(call, this, this.calls);
    this.#review(errand);
  }

  override errandProgressed(errand: Errand): void {
    if (!errand.starting) this.#review(errand);
  }

  #review(errand: Errand): void {
    const { call } = errand;
    if (call !== null && this.#choose(errand, call)) {
      // What follows from an answer may settle another request of this errand before it returns.
      errand.starting = true;
      this.deliver(errand, call);
      errand.starting = false;
    }
    if (errand.open === 0) this.errands.release(errand);
  }

  /** @returns whether it is known for each key whose answer it gets */
  #choose(errand: Errand, call: Call): boolean {
    const keyCount = isRead(call.request.verb) ? call.keyCount : 1;
    const chosen = this.choices(keyCount);
    for (let key = 0; key < keyCount; key++) {
      const slot = this.#slotFor(errand, key);
      if (slot === UNKNOWN) return false;
      chosen[key] = slot;
    }
    return true;
  }

  #slotFor(errand: Errand, key: number): number {
    switch (this.#wait) {
      case 'all':
        return errand.open > 0 ? UNKNOWN : this.#worst(errand, key);
      case 'majority':
        return this.#majority(errand, key);
      case 'first':
        return firstAnswer(errand, key);
      default:
        return errand.isSettled(0) ? 0 : UNKNOWN;
    }
  }

  #worst(errand: Errand, key: number): number {
    let worst = 0;
    for (let slot = 1; slot < this.children.length; slot++)
      if (errand.resultAt(slot, key) > errand.resultAt(worst, key)) worst = slot;
    return worst;
  }

  #majority(errand: Errand, key: number): number {
    const count = this.children.length;
    let best = UNKNOWN;
    let bestCount = 0;
    let bestResult: number = RESULT.pending;
    for (let slot = 0; slot < count; slot++) {
      const result = errand.resultAt(slot, key);
      if (result === RESULT.pending) continue;
      let same = 0;
      for (let other = 0; other < count; other++) if (errand.resultAt(other, key) === result) same++;
      if (same > bestCount || (same === bestCount && result > bestResult)) {
        best = slot;
        bestCount = same;
        bestResult = result;
      }
    }
    return errand.open === 0 || bestCount * 2 > count ? best : UNKNOWN;
  }

  /** They are asked at once. */
  override answerMsMax(): number {
    if (this.#wait === 'none') return 0;
    return this.children.reduce((longest, child) => Math.max(longest, child.answerMsMax()), 0);
  }
}

function firstAnswer(errand: Errand, key: number): number {
  for (const slot of errand.order) if (errand.resultAt(slot, key) !== RESULT.failed) return slot;
  return errand.open > 0 ? UNKNOWN : errand.order.at(-1)!;
}

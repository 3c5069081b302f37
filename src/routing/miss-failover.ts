import { assert } from '../base/assert.ts';
import { VERB } from '../protocol/text/verbs.ts';
import { type Call, type CallPool, mayTryElsewhere } from './call.ts';
import type { Errand } from './errand.ts';
import { ErrandRoute } from './errand-route.ts';
import { isRead } from './failure.ts';
import { RESULT } from './result.ts';
import type { RouteHandle } from './route-handle.ts';

/**
 * Asks its children one after the other until one has the key: a miss is no answer before the last child has said so. Deletes go on likewise.
 * All other commands go to the first child only.
 */
export class MissFailoverRoute extends ErrandRoute {
  readonly #prefersMiss: boolean;

  /** @param prefersMiss a key that one child does not have is a miss, also when the children behind it fail; else it is their failure */
  constructor(children: readonly RouteHandle[], prefersMiss: boolean, calls: CallPool) {
    super(children, calls);
    assert(children.length > 0, 'a miss-failover needs a child');
    this.#prefersMiss = prefersMiss;
  }

  override watchesMisses(index: number): boolean {
    // Behind a miss the last one has to know that it fails.
    return index < this.children.length - 1;
  }

  override route(call: Call): void {
    this.forgetTurn(call);
    if (!goesOnByErrand(call.request.verb) || this.children.length === 1) {
      this.children[0]!.route(call);
      return;
    }
    this.ask(this.errands.acquire(call), 0, this.children[0]!, call);
  }

  protected override ownChildMissed(index: number, call: Call): void {
    const next = this.children[index + 1];
    if (next === undefined) {
      this.miss(call);
      return;
    }
    // Noted, for the case that nobody else answers.
    this.takeTurn(call);
    next.route(call);
  }

  protected override ownChildFailed(index: number, call: Call): void {
    const next = this.children[index + 1];
    if (isRead(call.request.verb)) {
      if (next !== undefined) next.route(call);
      else if (this.#prefersMiss && this.hasTurned(call)) this.miss(call);
      else this.fail(call);
    } else this.fail(call);
  }

  /** A delete or a meta get: one child after the other. */
  override errandProgressed(errand: Errand, slot: number): void {
    const { call } = errand;
    assert(call !== null, 'a call waits for its children');
    const result = errand.resultAt(slot, 0);
    const goesOn = result === RESULT.notFound || (result === RESULT.failed && mayTryElsewhere(call));
    const next = this.children[slot + 1];
    if (goesOn && next !== undefined) {
      this.ask(errand, slot + 1, next, call);
      return;
    }
    this.choices(1)[0] = this.#prefersMiss ? best(errand) : slot;
    this.deliver(errand, call);
    this.errands.release(errand);
  }
}

/** Commands with an answer in one piece that go on after a miss. */
function goesOnByErrand(verb: number): boolean {
  return verb === VERB.delete || verb === VERB.metaDelete || verb === VERB.metaGet;
}

/** The slot of the least severe answer: nobody has it is better than somebody does not answer. */
function best(errand: Errand): number {
  let found = 0;
  for (let slot = 1; slot < errand.requests.length; slot++)
    if (errand.resultAt(slot, 0) < errand.resultAt(found, 0)) found = slot;
  return found;
}

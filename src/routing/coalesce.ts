import { assert } from '../base/assert.ts';
import { VERB } from '../protocol/text/verbs.ts';
import { type Call, comesAgain } from './call.ts';
import type { Errand } from './errand.ts';
import { HOT_KEY_FIGURE } from './hot-key-figures.ts';
import { HotKeyRoute } from './hot-key-route.ts';
import { asksToRenew } from './meta-get.ts';
import type { Request } from './request.ts';
import type { RouteContext, RouteHandle } from './route-handle.ts';

export interface CoalesceRules {
  /** So many wait for one flight; those beyond ask by themselves. */
  readonly waitersMax: number;
  /** So many of the last gets, see KeyPopularity, must have been for a key for others to wait for it; 0: every key's do. */
  readonly hotGets: number;
}

/** A key with less than a 128th of the gets is hardly ever asked for twice at a time: its flights would cost more than they save. */
export const COALESCE_DEFAULT: CoalesceRules = { waitersMax: 1024, hotGets: 128 };

/** Flights at most: keys that share a place are asked for as without this handle. A power of two. */
const PLACES = 4096;

/** What the answer to one flight may hand out, in bytes; who would go beyond it asks by itself, since a server's connection waits for clients and this does not. */
const HANDED_OUT_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Lets a `get` of one hot key, or an `mg` that only asks, wait for the answer to an equal one that is under way (a flight), instead of asking as well.
 *
 * None is given what was read before a write that came before it, through whichever thread of the proxy: who joins a flight does so only if no
 * write of its key has begun since that was sent, and none is under way (see WriteGenerations).
 */
export class CoalesceRoute extends HotKeyRoute {
  readonly #rules: CoalesceRules;
  /** By place: who may be joined. */
  readonly #flights: (Errand | null)[] = new Array<Errand | null>(PLACES).fill(null);

  constructor(child: RouteHandle, rules: CoalesceRules, context: RouteContext) {
    super(child, context);
    this.#rules = rules;
  }

  protected override routeGet(call: Call): void {
    if (call.keyCount > 1) this.pass(call);
    else this.#join(call);
  }

  protected override routeMetaGet(call: Call): void {
    this.#join(call);
  }

  #join(call: Call): void {
    const { request, firstKey } = call;
    const hash = this.hashOf(request, firstKey);
    const isHot = this.popularity.note(hash) >= this.#rules.hotGets;
    // A call that comes for the last time has servers dialled for it, or it has waited for one; others have not asked for that.
    if (!isHot || comesAgain(call)) {
      this.pass(call);
      return;
    }
    const stamp = this.generations.stamp(hash);
    if (!this.generations.isQuiet(hash)) {
      this.pass(call);
      return;
    }
    const place = hash & (PLACES - 1);
    const flight = this.#flights[place] ?? null;
    if (flight === null || (flight.note !== stamp && asksTheSame(flight.requests[0], request, firstKey))) {
      const errand = this.errands.acquire(call);
      errand.note = stamp;
      errand.sourceKey = place;
      this.#flights[place] = errand;
      this.figures.add(HOT_KEY_FIGURE.coalesceSent, 1);
      this.ask(errand, 0, this.children[0]!, call);
      return;
    }
    const isEqual = flight.note === stamp && asksTheSame(flight.requests[0], request, firstKey);
    if (isEqual && flight.waiters.length < this.#rules.waitersMax) {
      flight.waiters.push(call);
      this.figures.add(HOT_KEY_FIGURE.coalesceWaiting, 1);
      this.figures.add(HOT_KEY_FIGURE.coalesceJoined, 1);
      return;
    }
    if (isEqual) this.figures.add(HOT_KEY_FIGURE.coalesceNotJoined, 1);
    this.pass(call);
  }

  override errandProgressed(errand: Errand): void {
    const { call } = errand;
    assert(call !== null, 'a call waits for its errand');
    if (this.#flights[errand.sourceKey] === errand) this.#flights[errand.sourceKey] = null;
    const answer = errand.requests[0];
    let handedOut = 0;
    let isForOne = false;
    if (answer?.hasBlock(0)) handedOut = answer.blockEnd(0) - answer.blockStart(0);
    else if (answer != null) {
      handedOut = answer.lineEnd - answer.lineStart;
      isForOne = asksToRenew(answer.reply, answer.lineStart, answer.lineEnd);
    }
    this.choices(1)[0] = 0;
    this.deliver(errand, call);
    const { waiters } = errand;
    for (let index = 0; index < waiters.length; index++) {
      const waiter = waiters[index]!;
      this.figures.add(HOT_KEY_FIGURE.coalesceWaiting, -1);
      if (isForOne || (index + 1) * handedOut > HANDED_OUT_BYTES_MAX) {
        this.figures.add(HOT_KEY_FIGURE.coalesceNotJoined, 1);
        this.pass(waiter);
        continue;
      }
      this.choices(1)[0] = 0;
      this.deliver(errand, waiter);
    }
    waiters.length = 0;
    this.errands.release(errand);
  }
}

/** Whether a flight's request is for what a client's request wants of that key. */
function asksTheSame(flight: Request | null | undefined, request: Request, key: number): boolean {
  if (flight == null || flight.verb !== request.verb) return false;
  const { bytes, length, keyStart, keyEnd } = request;
  if (request.verb === VERB.get) return flight.keyIs(0, bytes, keyStart[key]!, keyEnd[key]!);
  if (flight.length !== length) return false;
  for (let at = 0; at < length; at++) if (flight.bytes[at] !== bytes[at]) return false;
  return true;
}

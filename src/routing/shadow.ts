import type { KeyHash } from '../hashing/key-hash.ts';
import { type Call, type CallPool, comesAgain } from './call.ts';
import type { Errand } from './errand.ts';
import { ErrandRoute } from './errand-route.ts';
import { hashRange } from './key-range.ts';
import type { Request } from './request.ts';
import type { RouteHandle } from './route-handle.ts';
import type { KeySelector, WireRequest } from './wire-request.ts';

const MAIN = 0;
const SHADOW = 1;

export interface ShadowRules {
  /** Which keys are copied: those whose hash lies in this part of all hashes, from 0 to 1. */
  readonly from: number;
  readonly to: number;
  /** So many copies may be under way; beyond it none are made. */
  readonly queueMax: number;
}

/** Sends a copy of some requests to another route, whose answers nobody waits for. */
export class ShadowRoute extends ErrandRoute implements KeySelector {
  readonly #hash: KeyHash;
  readonly #least: number;
  readonly #end: number;
  readonly #queueMax: number;
  #live = 0;
  #sent = 0;
  #dropped = 0;

  constructor(main: RouteHandle, shadow: RouteHandle, rules: ShadowRules, hash: KeyHash, calls: CallPool) {
    super([main, shadow], calls);
    this.#hash = hash;
    [this.#least, this.#end] = hashRange(rules.from, rules.to);
    this.#queueMax = rules.queueMax;
  }

  override route(call: Call): void {
    const { request } = call;
    // A call that comes again has been here before, and so has its copy.
    const first = comesAgain(call) ? -1 : this.#firstShadowed(request, call.firstKey);
    if (first >= 0) this.#copy(request, first);
    this.children[MAIN]!.route(call);
  }

  /** Whether a key is one of those that are copied. */
  wants(request: WireRequest, key: number): boolean {
    const hash = this.#hash(request.bytes, request.keyStart[key]!, request.keyEnd[key]!);
    return hash >= this.#least && hash < this.#end;
  }

  /** The first of the keys from this one on, or -1. */
  #firstShadowed(request: Request, key: number): number {
    let at = key;
    while (at >= 0 && !this.wants(request, at)) at = request.keyNext[at]!;
    return at;
  }

  #copy(request: Request, first: number): void {
    if (this.#live >= this.#queueMax) {
      this.#dropped++;
      return;
    }
    this.#live++;
    this.#sent++;
    const errand = this.errands.acquire(null);
    const copy = this.calls.requests.derive(request, first, errand, 0, this);
    // What is found is dropped as it comes.
    copy.owner = null;
    this.send(errand, copy, this.children[SHADOW]!, null);
  }

  override errandProgressed(errand: Errand): void {
    this.#live--;
    this.errands.release(errand);
  }

  override *counters(): Iterable<readonly [string, number]> {
    yield ['shadow_sent', this.#sent];
    yield ['shadow_dropped', this.#dropped];
    yield ['shadow_queue', this.#live];
  }

  override answerMsMax(): number {
    return this.children[MAIN]!.answerMsMax();
  }

  override replicates(request: Request, key: number): boolean | null {
    return this.children[MAIN]!.replicates(request, key);
  }

  override isUp(request: Request, key: number): boolean {
    return this.children[MAIN]!.isUp(request, key);
  }
}

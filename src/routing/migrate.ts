import type { KeyHash } from '../hashing/key-hash.ts';
import { VERB } from '../protocol/text/verbs.ts';
import type { Call, CallPool } from './call.ts';
import type { Errand } from './errand.ts';
import { ErrandRoute } from './errand-route.ts';
import { KeyedRoute } from './keyed-route.ts';
import type { Request } from './request.ts';
import type { RouteHandle } from './route-handle.ts';

const FROM = 0;
const TO = 1;

export interface MigrationRules {
  /** Seconds since 1970, by the wall clock. */
  readonly startSeconds: number;
  /** Keys move during twice this time. */
  readonly intervalSeconds: number;
}

/** Each key where it lies at this moment. */
class MigratingKeys extends KeyedRoute {
  readonly #rules: MigrationRules;
  readonly #hash: KeyHash;
  readonly #wallMs: () => number;

  constructor(
    from: RouteHandle,
    to: RouteHandle,
    rules: MigrationRules,
    hash: KeyHash,
    wallMs: () => number,
    calls: CallPool,
  ) {
    super([from, to], calls);
    this.#rules = rules;
    this.#hash = hash;
    this.#wallMs = wallMs;
  }

  protected override pick(request: Request, key: number): number {
    const { startSeconds, intervalSeconds } = this.#rules;
    const seconds = Math.floor(this.#wallMs() / 1000) - startSeconds;
    if (seconds < 0) return FROM;
    if (seconds >= 2 * intervalSeconds) return TO;
    const hash = this.#hash(request.bytes, request.keyStart[key]!, request.keyEnd[key]!);
    return seconds >= hash % (2 * intervalSeconds) ? TO : FROM;
  }
}

/**
 * Moves keys from one route to another without a moment at which all of them are cold: each key moves at a time of its own, which its hash says.
 * While keys move, deletes go to both, and the worse answer is the answer: proxies whose clocks differ leave nothing stale behind.
 */
export class MigrateRoute extends ErrandRoute {
  readonly #from: RouteHandle;
  readonly #to: RouteHandle;
  readonly #rules: MigrationRules;
  readonly #wallMs: () => number;

  constructor(
    from: RouteHandle,
    to: RouteHandle,
    rules: MigrationRules,
    hash: KeyHash,
    wallMs: () => number,
    calls: CallPool,
  ) {
    super([new MigratingKeys(from, to, rules, hash, wallMs, calls)], calls);
    this.#from = from;
    this.#to = to;
    this.#rules = rules;
    this.#wallMs = wallMs;
  }

  override route(call: Call): void {
    const { verb } = call.request;
    if ((verb !== VERB.delete && verb !== VERB.metaDelete) || !this.#keysMove()) {
      this.children[0]!.route(call);
      return;
    }
    const errand = this.errands.acquire(call);
    errand.starting = true;
    this.ask(errand, FROM, this.#from, call);
    this.ask(errand, TO, this.#to, call);
    errand.starting = false;
    if (errand.open === 0) this.#answer(errand, call);
  }

  #keysMove(): boolean {
    const seconds = this.#wallMs() / 1000 - this.#rules.startSeconds;
    return seconds >= 0 && seconds < 2 * this.#rules.intervalSeconds;
  }

  override errandProgressed(errand: Errand): void {
    if (!errand.starting && errand.open === 0 && errand.call !== null) this.#answer(errand, errand.call);
  }

  #answer(errand: Errand, call: Call): void {
    this.choices(1)[0] = errand.resultAt(TO, 0) > errand.resultAt(FROM, 0) ? TO : FROM;
    this.deliver(errand, call);
    this.errands.release(errand);
  }
}

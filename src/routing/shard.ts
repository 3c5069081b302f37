import { assert } from '../base/assert.ts';
import type { Distribution } from '../hashing/distribution.ts';
import type { KeyHash } from '../hashing/key-hash.ts';
import type { Call, CallPool } from './call.ts';
import { KeyedRoute } from './keyed-route.ts';
import type { Request } from './request.ts';
import type { RouteHandle } from './route-handle.ts';

/** Sends each key to the child that its hash chooses. */
export class ShardRoute extends KeyedRoute {
  readonly #hash: KeyHash;
  readonly #distribution: Distribution;
  /** One child, and always there: keys need not be hashed. */
  readonly #isAlone: boolean;

  constructor(hash: KeyHash, distribution: Distribution, children: readonly RouteHandle[], calls: CallPool) {
    super(children, calls);
    assert(children.length > 0, 'a shard needs a child');
    this.#hash = hash;
    this.#distribution = distribution;
    this.#isAlone = children.length === 1 && distribution.mayBeEmpty !== true;
  }

  get childCount(): number {
    return this.children.length;
  }

  override route(call: Call): void {
    if (this.#isAlone) this.routeTo(0, call);
    else super.route(call);
  }

  protected override pick(request: Request, key: number): number {
    return this.#distribution.pick(this.#hash(request.bytes, request.keyStart[key]!, request.keyEnd[key]!));
  }
}

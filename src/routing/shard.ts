import { assert } from '../base/assert.ts';
import type { Distribution } from '../hashing/distribution.ts';
import type { KeyHash } from '../hashing/key-hash.ts';
import type { Call, CallPool } from './call.ts';
import { FAILURE } from './failure.ts';
import type { Request } from './request.ts';
import { RouteHandle } from './route-handle.ts';

/**
 * Sends each key to the child that its hash chooses. A retrieval whose keys belong to several children becomes one call for each
 * of them, all under way at once.
 */
export class ShardRoute extends RouteHandle {
  readonly #hash: KeyHash;
  readonly #distribution: Distribution;
  readonly #children: readonly RouteHandle[];
  readonly #calls: CallPool;
  /** One child, and always there: keys need not be hashed. */
  readonly #isAlone: boolean;
  /** While a call is split: the call for each child and its last key so far; the last slot is for keys that have no live child. */
  readonly #parts: (Call | null)[];
  readonly #lastKeys: Int32Array;

  constructor(hash: KeyHash, distribution: Distribution, children: readonly RouteHandle[], calls: CallPool) {
    super();
    assert(children.length > 0, 'a shard needs a child');
    this.#hash = hash;
    this.#distribution = distribution;
    this.#children = children;
    this.#calls = calls;
    this.#isAlone = children.length === 1 && distribution.mayBeEmpty !== true;
    this.#parts = new Array<Call | null>(children.length + 1).fill(null);
    this.#lastKeys = new Int32Array(children.length + 1);
    this.adopt(children);
  }

  get childCount(): number {
    return this.#children.length;
  }

  override route(call: Call): void {
    if (this.#isAlone) {
      this.#routeTo(0, call);
      return;
    }
    const { request } = call;
    const first = this.#pick(request, call.firstKey);
    if (call.keyCount > 1) {
      for (let key = request.keyNext[call.firstKey]!; key >= 0; key = request.keyNext[key]!) {
        if (this.#pick(request, key) !== first) {
          this.#split(call);
          return;
        }
      }
    }
    this.#routeTo(first, call);
  }

  #routeTo(index: number, call: Call): void {
    const child = this.#children[index];
    if (child !== undefined) {
      child.route(call);
      return;
    }
    call.failure = FAILURE.connect;
    this.fail(call);
  }

  #split(call: Call): void {
    const { request } = call;
    const parts = this.#parts;
    const lastKeys = this.#lastKeys;
    const nowhere = this.#children.length;
    let firstPart: Call | null = null;
    for (let key = call.firstKey; key >= 0; ) {
      const next = request.keyNext[key]!;
      const picked = this.#pick(request, key);
      const slot = picked >= 0 ? picked : nowhere;
      request.keyNext[key] = -1;
      const part = parts[slot];
      if (part == null) {
        const made = this.#calls.copy(call);
        made.firstKey = key;
        made.cursor = key;
        made.keyCount = 1;
        made.nextPart = firstPart;
        firstPart = made;
        parts[slot] = made;
      } else {
        request.keyNext[lastKeys[slot]!] = key;
        part.keyCount++;
      }
      lastKeys[slot] = key;
      key = next;
    }
    // Empty again before the first part is routed: it may fail at once, and what follows from that may come back into this handle.
    parts.fill(null);
    while (firstPart !== null) {
      const part: Call = firstPart;
      firstPart = part.nextPart;
      part.nextPart = null;
      this.#routeTo(this.#pick(request, part.firstKey), part);
    }
    this.#calls.release(call);
  }

  #pick(request: Request, key: number): number {
    return this.#distribution.pick(this.#hash(request.bytes, request.keyStart[key]!, request.keyEnd[key]!));
  }

  override replicates(request: Request, key: number): boolean | null {
    return this.#children[this.#pick(request, key)]?.replicates(request, key) ?? null;
  }

  override behindAt(request: Request, key: number): number {
    return this.#children[this.#pick(request, key)]?.behindAt(request, key) ?? 0;
  }

  override noteBehind(request: Request, key: number): void {
    this.#children[this.#pick(request, key)]?.noteBehind(request, key);
  }

  override isUp(request: Request, key: number): boolean {
    return this.#children[this.#pick(request, key)]?.isUp(request, key) ?? false;
  }
}

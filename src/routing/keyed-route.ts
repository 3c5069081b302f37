import type { Call, CallPool } from './call.ts';
import { FAILURE } from './failure.ts';
import type { Request } from './request.ts';
import { RouteHandle } from './route-handle.ts';

/**
 * A handle that chooses a child for each key. A retrieval whose keys belong to several children becomes one call for each of them, all under
 * way at once.
 */
export abstract class KeyedRoute extends RouteHandle {
  readonly #calls: CallPool;
  /** While a call is split: the call for each child and its last key so far; the last slot is for keys that have no child now. */
  readonly #parts: (Call | null)[];
  readonly #lastKeys: Int32Array;

  constructor(children: readonly RouteHandle[], calls: CallPool) {
    super();
    this.#calls = calls;
    this.#parts = new Array<Call | null>(children.length + 1).fill(null);
    this.#lastKeys = new Int32Array(children.length + 1);
    this.adopt(children);
  }

  /** The child of a key, or -1 when there is none now. The same for one key while one call is routed. */
  protected abstract pick(request: Request, key: number): number;

  override candidates(request: Request, key: number): readonly RouteHandle[] {
    const child = this.children[this.pick(request, key)];
    return child === undefined ? [] : [child];
  }

  override route(call: Call): void {
    const { request } = call;
    const first = this.pick(request, call.firstKey);
    if (call.keyCount > 1) {
      for (let key = request.keyNext[call.firstKey]!; key >= 0; key = request.keyNext[key]!) {
        if (this.pick(request, key) !== first) {
          this.#split(call);
          return;
        }
      }
    }
    this.routeTo(first, call);
  }

  protected routeTo(index: number, call: Call): void {
    const child = this.children[index];
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
    const nowhere = this.children.length;
    let firstPart: Call | null = null;
    for (let key = call.firstKey; key >= 0; ) {
      const next = request.keyNext[key]!;
      const picked = this.pick(request, key);
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
      this.routeTo(this.pick(request, part.firstKey), part);
    }
    this.#calls.release(call);
  }

  /** They are asked at once. */
  override answerMsMax(): number {
    return this.children.reduce((longest, child) => Math.max(longest, child.answerMsMax()), 0);
  }

  override replicates(request: Request, key: number): boolean | null {
    return this.children[this.pick(request, key)]?.replicates(request, key) ?? null;
  }

  override behindAt(request: Request, key: number): number {
    return this.children[this.pick(request, key)]?.behindAt(request, key) ?? 0;
  }

  override noteBehind(request: Request, key: number): void {
    this.children[this.pick(request, key)]?.noteBehind(request, key);
  }

  override isUp(request: Request, key: number): boolean {
    return this.children[this.pick(request, key)]?.isUp(request, key) ?? false;
  }
}

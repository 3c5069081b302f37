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

  override triesOthers(): boolean {
    return false;
  }

  override candidates(request: Request, key: number): readonly RouteHandle[] {
    const child = this.children[this.pick(request, key)];
    return child === undefined ? [] : [child];
  }

  override route(call: Call): void {
    if (call.keyCount > 1) this.#split(call);
    else this.routeTo(this.pick(call.request, call.firstKey), call);
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

  /** Each key is placed once. The call itself goes on with the keys that go the way of its first one. */
  #split(call: Call): void {
    const { request, firstKey } = call;
    const { keyNext } = request;
    const parts = this.#parts;
    const lastKeys = this.#lastKeys;
    const nowhere = this.children.length;
    const firstPicked = this.pick(request, firstKey);
    const firstSlot = firstPicked >= 0 ? firstPicked : nowhere;
    const keyCount = call.keyCount;
    let others: Call | null = null;
    call.keyCount = 1;
    parts[firstSlot] = call;
    lastKeys[firstSlot] = firstKey;
    for (let key = keyNext[firstKey]!; key >= 0; key = keyNext[key]!) {
      const picked = this.pick(request, key);
      const slot = picked >= 0 ? picked : nowhere;
      let part = parts[slot];
      if (part == null) {
        part = this.#calls.copy(call);
        part.firstKey = part.cursor = key;
        part.keyCount = 1;
        part.slot = slot;
        part.nextPart = others;
        others = part;
        parts[slot] = part;
      } else {
        part.keyCount++;
        // A key behind this one is read next; one before it never again.
        keyNext[lastKeys[slot]!] = key;
      }
      lastKeys[slot] = key;
    }
    // Empty again before the first part is routed: it may fail at once, and what follows from that may come back into this handle.
    parts[firstSlot] = null;
    if (call.keyCount < keyCount) keyNext[lastKeys[firstSlot]!] = -1;
    for (let part = others; part !== null; part = part.nextPart) {
      keyNext[lastKeys[part.slot]!] = -1;
      parts[part.slot] = null;
    }
    this.routeTo(firstSlot, call);
    while (others !== null) {
      const part: Call = others;
      others = part.nextPart;
      part.nextPart = null;
      this.routeTo(part.slot, part);
    }
  }

  /** They are asked at once. */
  override answerMsMax(): number {
    return this.children.reduce((longest, child) => Math.max(longest, child.answerMsMax()), 0);
  }

  override placeOf(request: Request, key: number): string | null {
    return this.children[this.pick(request, key)]?.placeOf(request, key) ?? null;
  }

  override replicates(request: Request, key: number): boolean | null {
    return this.children[this.pick(request, key)]?.replicates(request, key) ?? null;
  }

  override behindAt(request: Request, key: number): number {
    return this.children[this.pick(request, key)]?.behindAt(request, key) ?? 0;
  }

  override emptiedAt(request: Request, key: number): number {
    return this.children[this.pick(request, key)]?.emptiedAt(request, key) ?? 0;
  }

  override noteBehind(request: Request, key: number): void {
    this.children[this.pick(request, key)]?.noteBehind(request, key);
  }

  override isStock(request: Request, key: number): boolean {
    return this.children[this.pick(request, key)]?.isStock(request, key) ?? false;
  }

  override isUp(request: Request, key: number): boolean {
    return this.children[this.pick(request, key)]?.isUp(request, key) ?? false;
  }
}

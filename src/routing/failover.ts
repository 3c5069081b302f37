import { assert } from '../base/assert.ts';
import { type Call, mayTryElsewhere } from './call.ts';
import type { Request } from './request.ts';
import { RouteHandle } from './route-handle.ts';

/** Asks its children one after the other until one answers. A miss is an answer. */
export class FailoverRoute extends RouteHandle {
  readonly #children: readonly RouteHandle[];

  constructor(children: readonly RouteHandle[]) {
    super();
    assert(children.length > 0, 'a failover needs a child');
    this.#children = children;
    this.adopt(children);
  }

  override route(call: Call): void {
    this.#children[0]!.route(call);
  }

  override childFailed(index: number, call: Call): void {
    const next = this.#children[index + 1];
    if (next === undefined || !mayTryElsewhere(call)) this.fail(call);
    else next.route(call);
  }

  override behindAt(request: Request, key: number): number {
    return this.#children[0]!.behindAt(request, key);
  }

  override noteBehind(request: Request, key: number): void {
    this.#children[0]!.noteBehind(request, key);
  }

  override isUp(request: Request, key: number): boolean {
    return this.#children.some((child) => child.isUp(request, key));
  }

  override replicates(request: Request, key: number): boolean | null {
    let all: boolean | null = true;
    for (const child of this.#children) {
      const one = child.replicates(request, key);
      if (one === false) return false;
      if (one === null) all = null;
    }
    return all;
  }
}

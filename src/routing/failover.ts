import { assert } from '../base/assert.ts';
import { type Call, mayTryElsewhere } from './call.ts';
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
}

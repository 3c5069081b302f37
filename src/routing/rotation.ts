import { assert } from '../base/assert.ts';
import type { Call } from './call.ts';
import type { Request } from './request.ts';
import { RouteHandle } from './route-handle.ts';

/** Several connections to one server, used in turn (`server_connections`). */
export class RotationRoute extends RouteHandle {
  readonly #children: readonly RouteHandle[];
  #next = 0;

  constructor(children: readonly RouteHandle[]) {
    super();
    assert(children.length > 0, 'a rotation needs a child');
    this.#children = children;
    this.adopt(children);
  }

  override route(call: Call): void {
    this.#next = (this.#next + 1) % this.#children.length;
    this.#children[this.#next]!.route(call);
  }

  override replicates(request: Request, key: number): boolean | null {
    return this.#children[0]!.replicates(request, key);
  }

  override isUp(request: Request, key: number): boolean {
    return this.#children.some((child) => child.isUp(request, key));
  }
}

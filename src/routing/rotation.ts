import { assert } from '../base/assert.ts';
import type { Call } from './call.ts';
import type { Request } from './request.ts';
import { RouteHandle } from './route-handle.ts';

/**
 * Several connections to one server (`server_connections`). Clients are given them in turn, so that what one client asks of a server goes over one of
 * them, in the order in which it was asked. While that one is not up, another one is used.
 */
export class RotationRoute extends RouteHandle {
  constructor(children: readonly RouteHandle[]) {
    super();
    assert(children.length > 0, 'a rotation needs a child');
    this.adopt(children);
  }

  override triesOthers(): boolean {
    return false;
  }

  override route(call: Call): void {
    const { request } = call;
    const { children } = this;
    const own = request.lane % children.length;
    for (let step = 0; step < children.length; step++) {
      const child = children[(own + step) % children.length]!;
      if (!child.isUp(request, call.firstKey)) continue;
      child.route(call);
      return;
    }
    children[own]!.route(call);
  }

  /** One of them is used. */
  override answerMsMax(): number {
    return this.children.reduce((longest, child) => Math.max(longest, child.answerMsMax()), 0);
  }

  /** They all lead to one server. */
  override emptiedAt(request: Request, key: number): number {
    return this.children[0]!.emptiedAt(request, key);
  }

  override replicates(request: Request, key: number): boolean | null {
    return this.children[0]!.replicates(request, key);
  }
}

import { assert } from '../base/assert.ts';
import type { Random } from '../base/random.ts';
import type { Call } from './call.ts';
import { RouteHandle } from './route-handle.ts';

/** Sends each request to one of its children, by chance; to no other one when that fails. */
export class RandomRoute extends RouteHandle {
  readonly #random: Random;

  constructor(children: readonly RouteHandle[], random: Random) {
    super();
    assert(children.length > 0, 'a random needs a child');
    this.#random = random;
    this.adopt(children);
  }

  override triesOthers(): boolean {
    return false;
  }

  override route(call: Call): void {
    this.children[this.#random.below(this.children.length)]!.route(call);
  }

  override answerMsMax(): number {
    return this.children.reduce((longest, child) => Math.max(longest, child.answerMsMax()), 0);
  }
}

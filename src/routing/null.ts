import type { Call, CallPool } from './call.ts';
import { replyByDefault } from './default-reply.ts';
import { RouteHandle } from './route-handle.ts';

/** Does nothing and says so: every key is a miss, nothing is stored. */
export class NullRoute extends RouteHandle {
  readonly #calls: CallPool;

  constructor(calls: CallPool) {
    super();
    this.#calls = calls;
  }

  override route(call: Call): void {
    replyByDefault(call, this, this.#calls);
  }

  override replicates(): boolean | null {
    return false;
  }

  override isUp(): boolean {
    return true;
  }
}

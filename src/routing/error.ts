import type { Call } from './call.ts';
import { FAILURE } from './failure.ts';
import { RouteHandle } from './route-handle.ts';

/** Refuses every request, as a server does that cannot be reached: a failover in front of it goes on. */
export class ErrorRoute extends RouteHandle {
  readonly #line: Uint8Array;

  /** @param text what the client is told behind `SERVER_ERROR` */
  constructor(text: string) {
    super();
    this.#line = new TextEncoder().encode(`SERVER_ERROR ${text}\r\n`);
  }

  override route(call: Call): void {
    call.failure = FAILURE.refused;
    call.refusal = this.#line;
    this.fail(call);
  }

  override replicates(): boolean | null {
    return false;
  }
}

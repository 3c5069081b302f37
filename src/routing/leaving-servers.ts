import type { Destination } from './destination.ts';

/** What tells when nobody needs them any more. */
interface RequestsOfBefore {
  /** Requests that came before the last change of the configuration and are not finished. */
  readonly liveBefore: number;
}

/**
 * Servers that the configuration names no more. Requests that came before the change end by the routes of before, and some of these ask one server after
 * another (a write of a key that moves, a miss that is looked for elsewhere); so a server stays connected, though nothing waits for it just now, until the last
 * of these requests is finished. A client that does not take its answer holds it for a bounded time only.
 */
export class LeavingServers {
  readonly #requests: RequestsOfBefore;
  /** With the time by which whatever was under way has ended or is given up. */
  #leaving: readonly { readonly destination: Destination; readonly untilMs: number }[] = [];

  constructor(requests: RequestsOfBefore) {
    this.#requests = requests;
  }

  get count(): number {
    return this.#leaving.length;
  }

  /** @param untilMs when whatever is under way now has ended or is given up */
  add(destinations: readonly Destination[], untilMs: number): void {
    for (const destination of destinations) destination.retire();
    this.#leaving = [...this.#leaving, ...destinations.map((destination) => ({ destination, untilMs }))];
  }

  /** Looks after deadlines, and closes what is needed no more. */
  tick(nowMs: number): void {
    for (const { destination } of this.#leaving) destination.tick(nowMs);
    const isNeeded = this.#requests.liveBefore > 0;
    this.#leaving = this.#leaving.filter(({ destination, untilMs }) => {
      if (destination.queue.length > 0 || (isNeeded && nowMs < untilMs)) return true;
      destination.close();
      return false;
    });
  }

  close(): void {
    for (const { destination } of this.#leaving) destination.close();
  }
}

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
  #destinations: readonly Destination[] = [];
  #untilMs = 0;

  constructor(requests: RequestsOfBefore) {
    this.#requests = requests;
  }

  get count(): number {
    return this.#destinations.length;
  }

  /** @param untilMs when whatever is under way now has ended or is given up */
  add(destinations: readonly Destination[], untilMs: number): void {
    for (const destination of destinations) destination.retire();
    this.#destinations = [...this.#destinations, ...destinations];
    this.#untilMs = Math.max(this.#untilMs, untilMs);
  }

  /** Looks after deadlines, and closes what is needed no more. */
  tick(nowMs: number): void {
    for (const destination of this.#destinations) destination.tick(nowMs);
    if (this.#requests.liveBefore > 0 && nowMs < this.#untilMs) return;
    const isOver = (destination: Destination): boolean => destination.queue.length === 0;
    const over = this.#destinations.filter(isOver);
    if (over.length === 0) return;
    for (const destination of over) destination.close();
    this.#destinations = this.#destinations.filter((destination) => !over.includes(destination));
  }

  close(): void {
    for (const destination of this.#destinations) destination.close();
  }
}

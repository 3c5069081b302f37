import type { ClientHost } from './client-host.ts';
import type { Request } from './request.ts';
import { Ring } from './ring.ts';
import type { UnreadAllowance } from './unread-allowance.ts';

/**
 * The requests of one client that have no whole answer yet, in the order in which they came: in this order their answers go back, whichever
 * server is first. The oldest is the head, which may say at once what it has; the others keep it until it is their turn.
 *
 * Bounded by number and by bytes, because a client may send without reading. Who has had too much is read from again when half of it is
 * answered, and not at each answer, so that it is not stopped and started for every request.
 */
export class ClientPipeline {
  readonly #requests = new Ring<Request>();
  readonly #host: Pick<ClientHost, 'settings' | 'requests' | 'nowMs'>;
  readonly #unread: UnreadAllowance;
  #bytes = 0;

  /** @param unread what the client may leave unread; answers that wait for their turn stay where they are while it is exceeded */
  constructor(host: Pick<ClientHost, 'settings' | 'requests' | 'nowMs'>, unread: UnreadAllowance) {
    this.#host = host;
    this.#unread = unread;
  }

  get isEmpty(): boolean {
    return this.#requests.length === 0;
  }

  /** The head; undefined when nothing is unanswered. */
  get oldest(): Request | undefined {
    return this.#requests.peek();
  }

  /** Nothing more is to be taken from the client. */
  get isFull(): boolean {
    const { pipelineMax, pipelineBytesMax } = this.#host.settings;
    return this.#requests.length >= pipelineMax || this.#bytes >= pipelineBytesMax;
  }

  /** So much is answered that a client that was stopped may go on. */
  get hasRoom(): boolean {
    const { pipelineMax, pipelineBytesMax } = this.#host.settings;
    return this.#requests.length * 2 <= pipelineMax && this.#bytes * 2 <= pipelineBytesMax;
  }

  /** Adds the newest request, with all its bytes; it is released when its answer is with the client, or the client has gone. */
  push(request: Request): void {
    const requests = this.#requests;
    requests.push(request);
    this.#bytes += request.length;
    if (requests.length === 1) request.head = true;
  }

  /** Sends what the head has to say, and so on with the next as long as answers are whole and the client takes them. */
  advance(): void {
    const requests = this.#requests;
    const host = this.#host;
    for (let request = requests.peek(); request?.flush(); request = requests.peek()) {
      requests.shift();
      this.#bytes -= request.length;
      if (request.beganMs > 0) host.requests.figures.answered(host.nowMs() - request.beganMs);
      request.abandon();
      host.requests.release(request);
      const next = requests.peek();
      if (next === undefined) break;
      next.head = true;
      // What the client does not take stays where it is until it does.
      if (this.#unread.isExceeded) break;
    }
  }

  /** The client has gone: nobody waits for these answers. @param isVoid what has not been sent on yet is not to be done either */
  abandon(isVoid: boolean): void {
    while (this.#requests.length > 0) {
      const request = this.#requests.shift();
      if (isVoid) request.isVoid = true;
      request.abandon();
      this.#host.requests.release(request);
    }
  }
}

import { connect, type Socket } from 'node:net';
import { type Endpoint, parseEndpoint } from '../net/addresses.ts';
import { CacheError } from './cache-error.ts';
import { type Reply, ReplyReader } from './reply-reader.ts';

const PORT_DEFAULT = 11211;

/** Bounds of a client; those left out are as CLIENT_BOUNDS says. */
export interface ClientBounds {
  /** From a request to its answer, dialling included, and between parts of an answer. */
  readonly timeoutMs: number;
  /** Requests that have no answer yet; one more is refused at once. */
  readonly requestsMax: number;
}

/** What holds unless something else is said. */
export const CLIENT_BOUNDS: ClientBounds = { timeoutMs: 5000, requestsMax: 100_000 };

interface WaitingRequest {
  readonly isList: boolean;
  readonly sentMs: number;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: CacheError) => void;
}

/**
 * One connection to a server, made with the first request and again after it was lost. Requests are sent at once, and answered in their
 * order, as the protocol has it.
 *
 * When one answer does not come in time the connection is given up, and with it all that wait: their answers can no longer be told apart.
 */
export class ServerConnection {
  readonly address: string;
  readonly #endpoint: Endpoint;
  readonly #bounds: ClientBounds;
  #socket: Socket | null = null;
  #waiting: WaitingRequest[] = [];
  /** The first that has no answer: the list is shortened from time to time only. */
  #first = 0;
  #timer: NodeJS.Timeout | undefined;
  #lastBytesMs = 0;

  /**
   * @param address `host:port`, `host`, `[::1]:port` or the path of a unix socket
   * @throws RangeError when it is none, or a bound is no number above 0
   */
  constructor(address: string, bounds: Partial<ClientBounds>) {
    const endpoint = parseEndpoint(address);
    if (endpoint.kind === 'mistake') throw new RangeError(`${address} is no address: ${endpoint.reason}`);
    this.address = address;
    this.#endpoint = endpoint;
    this.#bounds = { ...CLIENT_BOUNDS, ...bounds };
    for (const [name, bound] of Object.entries(this.#bounds))
      if (!(bound > 0)) throw new RangeError(`${name} must be above 0, not ${bound}`);
  }

  /**
   * Sends a request of which the answer is one reply.
   *
   * @param request with its line ends
   * @param isList the answer is a list up to END, whatever its lines are
   * @throws CacheError, as a rejection, `lost` or `busy`
   */
  ask(request: Uint8Array, isList = false): Promise<Reply> {
    const { requestsMax } = this.#bounds;
    if (this.#waiting.length - this.#first >= requestsMax)
      return Promise.reject(new CacheError('busy', `${this.address}: ${requestsMax} requests wait already`));
    return new Promise((resolve, reject) => {
      const socket = this.#socket ?? this.#dial();
      this.#waiting.push({ isList, sentMs: performance.now(), resolve, reject });
      this.#watchTime();
      socket.write(request);
    });
  }

  /** Ends the connection; what waits is lost. Another request dials anew. */
  close(): void {
    this.#lose('the connection was closed by its user');
  }

  #dial(): Socket {
    const endpoint = this.#endpoint;
    const socket =
      endpoint.kind === 'unix'
        ? connect(endpoint.path)
        : connect(endpoint.port ?? PORT_DEFAULT, endpoint.host === '' ? '127.0.0.1' : endpoint.host);
    const reader = new ReplyReader({
      isList: () => this.#waiting[this.#first]?.isList === true,
      take: (reply) => this.#answer(reply),
    });
    const lose = (reason: string): void => {
      if (this.#socket === socket) this.#lose(reason);
    };
    socket.setNoDelay(true);
    socket.on('error', (error) => lose(error.message));
    socket.on('close', () => lose('the connection was closed before an answer'));
    socket.on('data', (chunk) => {
      this.#lastBytesMs = performance.now();
      if (this.#socket === socket && !reader.push(chunk)) lose('the answer is no reply of a memcached');
    });
    this.#socket = socket;
    return socket;
  }

  #answer(reply: Reply): void {
    const request = this.#waiting[this.#first];
    if (request === undefined) {
      this.#lose('the server answered what was not asked');
      return;
    }
    this.#first++;
    if (this.#first === this.#waiting.length) {
      this.#waiting = [];
      this.#first = 0;
      this.#socket?.unref();
    } else if (this.#first >= 1024) {
      this.#waiting.splice(0, this.#first);
      this.#first = 0;
    }
    request.resolve(reply);
  }

  #lose(reason: string): void {
    const lost = this.#waiting.slice(this.#first);
    this.#waiting = [];
    this.#first = 0;
    this.#socket?.destroy();
    this.#socket = null;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { reject } of lost) reject(new CacheError('lost', `${this.address}: ${reason}`));
  }

  /** One timer at a time, for the oldest request: all have the same time. */
  #watchTime(): void {
    this.#socket?.ref();
    const oldest = this.#waiting[this.#first];
    if (this.#timer !== undefined || oldest === undefined) return;
    const leftMs = this.#deadlineMs(oldest) - performance.now();
    this.#timer = setTimeout(() => this.#lookAtTime(), Math.max(1, leftMs));
    this.#timer.unref();
  }

  #lookAtTime(): void {
    this.#timer = undefined;
    const oldest = this.#waiting[this.#first];
    if (oldest === undefined || this.#deadlineMs(oldest) > performance.now()) this.#watchTime();
    else this.#lose(`no answer within ${this.#bounds.timeoutMs} ms`);
  }

  /** A long value may take long, as long as it comes. */
  #deadlineMs(request: WaitingRequest): number {
    return Math.max(request.sentMs, this.#lastBytesMs) + this.#bounds.timeoutMs;
  }
}

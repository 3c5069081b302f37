import { connect, type Socket } from 'node:net';

/** For an answer, or for more of many. */
const WAIT_MS_MAX = 60_000;

/** One connection that asks one thing at a time, or many at once and counts the replies. */
export class PipeClient {
  readonly #socket: Socket;
  #text = '';
  #look: (() => void) | null = null;
  #failure: Error | null = null;
  /** When it began to wait; 0: it does not wait. One timer for all questions, for one each would cost as much as they do. */
  #waitsSinceMs = 0;
  readonly #watch: ReturnType<typeof setInterval>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#text += text;
      this.#look?.();
    });
    const fail = (error: Error): void => {
      this.#failure ??= error;
      this.#look?.();
    };
    this.#watch = setInterval(() => {
      if (this.#look !== null && performance.now() - this.#waitsSinceMs > WAIT_MS_MAX)
        fail(new Error(`no answer within ${WAIT_MS_MAX / 1000} s`));
    }, 1000);
    this.#watch.unref();
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('connection closed')));
  }

  static connect(port: number): Promise<PipeClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('error', reject);
      socket.once('connect', () => resolve(new PipeClient(socket)));
    });
  }

  /** Sends a request and waits until what has come ends with one of these. @returns what has come */
  ask(request: string, ...ends: readonly string[]): Promise<string> {
    return this.askUntil(request, (text) => ends.some((end) => text.endsWith(end)));
  }

  askUntil(request: string, isWhole: (text: string) => boolean): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#text = '';
      this.#waitsSinceMs = performance.now();
      this.#look = () => {
        if (this.#failure !== null) reject(this.#failure);
        else if (isWhole(this.#text)) resolve(this.#text);
        else return;
        this.#look = null;
      };
      this.#socket.write(request, 'latin1');
    });
  }

  /**
   * Sends requests without waiting for their replies, all of which are the same.
   *
   * @param pieces of many requests each
   * @returns when as many replies have come
   */
  async pour(pieces: Iterable<string>, requests: number, reply: string): Promise<void> {
    this.#text = '';
    this.#waitsSinceMs = performance.now();
    let bytes = 0;
    let seen = '';
    let resolve: () => void = () => {};
    const done = new Promise<void>((fulfil) => {
      resolve = fulfil;
    });
    this.#look = () => {
      bytes += this.#text.length;
      seen = this.#text.slice(-reply.length);
      this.#waitsSinceMs = performance.now();
      this.#text = '';
      if (bytes >= requests * reply.length || this.#failure !== null) resolve();
    };
    for (const piece of pieces) {
      if (!this.#socket.write(piece, 'latin1')) {
        await Promise.race([
          done,
          new Promise<void>((drained) => this.#socket.once('drain', () => drained())),
        ]);
        if (this.#failure !== null) throw this.#failure;
      }
    }
    await done;
    this.#look = null;
    if (this.#failure !== null) throw this.#failure;
    if (bytes !== requests * reply.length || seen !== reply) throw new Error(`unexpected replies: ${seen}`);
  }

  close(): void {
    clearInterval(this.#watch);
    this.#socket.removeAllListeners('close');
    this.#socket.destroy();
  }
}

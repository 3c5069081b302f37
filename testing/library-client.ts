import { MemcacheClient } from 'memcache-client';
import { until } from './wait.ts';

/** What the library's errors say that are to be expected while a node is killed: the connection, never the protocol. */
const CONNECTION_LOST = /^(socket |connect |connect failed|No more valid servers)|ECONNREFUSED|ECONNRESET/;

/**
 * A client as applications have it: the npm package memcache-client, which speaks the text protocol over a connection pool and packs
 * objects, numbers and binary values with flags of its own.
 */
export class LibraryClient {
  readonly library: MemcacheClient;

  constructor(port: number, host = '127.0.0.1') {
    this.library = new MemcacheClient({
      server: { server: `${host}:${port}`, maxConnections: 3 },
      cmdTimeout: 5000,
      noDelay: true,
    });
    this.library.on('error', () => {});
  }

  /** The value of a key; undefined on a miss. */
  async get(key: string): Promise<unknown> {
    return (await this.library.get<{ tokens: string[]; value: unknown }>(key))?.value;
  }

  /** Waits until a key has a value; connection errors on the way are waited out. */
  arrives(key: string, value: unknown): Promise<unknown> {
    return until(`${key} is ${String(value)}`, async () => (await this.get(key)) === value);
  }

  close(): void {
    this.library.shutdown();
  }
}

/** Whether an error of the library tells of a lost connection and of nothing else. */
export function isConnectionLoss(error: unknown): boolean {
  return error instanceof Error && CONNECTION_LOST.test(error.message);
}

/**
 * An application that writes and reads through the library until it is stopped; remembers what was acknowledged and compares it at each
 * read.
 */
export class LibraryLoad {
  /** Errors by text, the connection's own left out where `mayLoseConnections`. */
  readonly errors: string[] = [];
  readonly wrong: string[] = [];
  answered = 0;
  readonly #client: LibraryClient;
  readonly #mayLoseConnections: boolean;
  #stopping = false;
  readonly #done: Promise<void>;

  constructor(client: LibraryClient, mayLoseConnections: boolean) {
    this.#client = client;
    this.#mayLoseConnections = mayLoseConnections;
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    const acknowledged = new Map<string, { round: number }>();
    for (let round = 0; !this.#stopping && this.errors.length < 20; round++) {
      const key = `app:${round % 50}`;
      try {
        // Not known what became of it until it is acknowledged.
        acknowledged.delete(key);
        await this.#client.library.set(key, { round, text: 'käse' });
        acknowledged.set(key, { round });
        const other = `app:${(round * 7) % 50}`;
        const value = await this.#client.get(other);
        const expected = acknowledged.get(other);
        if (expected !== undefined && JSON.stringify(value) !== JSON.stringify({ ...expected, text: 'käse' }))
          this.wrong.push(`${other}: ${JSON.stringify(value)} instead of round ${expected.round}`);
        this.answered++;
      } catch (error) {
        if (this.#mayLoseConnections && isConnectionLoss(error)) {
          // As an application would: a moment later again.
          await new Promise((resolve) => setTimeout(resolve, 2));
        } else this.errors.push(error instanceof Error ? error.message : String(error));
      }
    }
  }
}

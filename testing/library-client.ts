import { performance } from 'node:perf_hooks';
import { MemcacheClient } from 'memcache-client';
import { UnsentWrites } from './unsent-writes.ts';
import { until } from './wait.ts';

/** Longer than any test: what is set lives for a minute by the library's own choice. */
const LIFETIME_SECONDS = 3600;

/** How long a write may take to arrive at the twin before it counts as lost: links that were given up on a busy machine are dialled again. */
const LATE_MS_MAX = 5000;

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
      lifetime: LIFETIME_SECONDS,
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
  readonly #wrong: { readonly round: number; readonly what: string }[] = [];
  readonly #unsent = new UnsentWrites();
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

  /** Values read that were not the ones acknowledged; without those that a killed node may not have sent to its twin yet. */
  get wrong(): string[] {
    return this.#wrong.filter(({ round }) => !this.#unsent.excuses(round)).map(({ what }) => what);
  }

  /** Runs `kill` and leaves out of `wrong` what the killed node may not have sent to its twin yet. */
  killing(kill: () => Promise<unknown>): Promise<void> {
    return this.#unsent.during(kill);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    const acknowledged = new Map<string, { round: number }>();
    for (let round = 0; !this.#stopping && this.errors.length < 20; round++) {
      const key = `app:${round % 50}`;
      this.#unsent.began(round);
      try {
        // Not known what became of it until it is acknowledged.
        acknowledged.delete(key);
        await this.#client.library.set(key, { round, text: 'käse' });
        acknowledged.set(key, { round });
        const other = `app:${(round * 7) % 50}`;
        const value = await this.#client.get(other);
        const expected = acknowledged.get(other);
        if (expected !== undefined && !sameValue(value, expected.round)) {
          if (!(await this.#arrivesLate(other, expected.round))) {
            this.#wrong.push({
              round: expected.round,
              what: `${other}: ${JSON.stringify(value)} instead of round ${expected.round}`,
            });
          }
          acknowledged.delete(other);
        }
        this.answered++;
      } catch (error) {
        if (this.#mayLoseConnections && isConnectionLoss(error)) {
          // As an application would: a moment later again.
          await new Promise((resolve) => setTimeout(resolve, 2));
        } else this.errors.push(error instanceof Error ? error.message : String(error));
      }
    }
  }

  /**
   * Whether the acknowledged value is there a moment later. When a proxy goes back to a main that has returned, the writes that the
   * twin took just before may still be under way to it.
   */
  async #arrivesLate(key: string, round: number): Promise<boolean> {
    const deadline = performance.now() + LATE_MS_MAX;
    while (performance.now() < deadline) {
      if (sameValue(await this.#client.get(key), round)) return true;
    }
    return false;
  }
}

function sameValue(value: unknown, round: number): boolean {
  return JSON.stringify(value) === JSON.stringify({ round, text: 'käse' });
}

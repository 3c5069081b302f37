import { DialingClient, type LoadClient } from './dialing-client.ts';
import { TextClient } from './text-client.ts';
import { UnsentWrites } from './unsent-writes.ts';

/** An acknowledged value that was read back as something older, or not at all. */
export interface LostValue {
  /** The round of the load in which it was written. */
  readonly round: number;
  readonly what: string;
}

/** What a client that kept reading and writing has seen. */
export interface LoadReport {
  readonly reads: number;
  readonly writes: number;
  /** Replies that were no answer: error lines, lost connections. Bounded; the first few with their texts. */
  readonly errors: readonly string[];
  /** Bounded, too. */
  readonly lost: readonly LostValue[];
}

const KEYS = 64;
const ERRORS_KEPT = 20;
/** More than one kill can excuse. */
const LOST_KEPT = 1000;

/**
 * A client that writes and reads one key after another until it is stopped: every acknowledged write is remembered and
 * compared at the next read of its key.
 */
export class SteadyLoad {
  readonly #client: LoadClient;
  readonly #prefix: string;
  readonly #pauseMs: number;
  readonly #acknowledged = new Map<string, number>();
  readonly #errors: string[] = [];
  readonly #lost: LostValue[] = [];
  readonly #unsent = new UnsentWrites();
  #reads = 0;
  #writes = 0;
  #stopping = false;
  readonly #running: Promise<void>;

  private constructor(client: LoadClient, prefix: string, pauseMs: number) {
    this.#client = client;
    this.#prefix = prefix;
    this.#pauseMs = pauseMs;
    this.#running = this.#run();
  }

  /**
   * Connects and begins.
   *
   * @param pauseMs between two rounds: one that asks without a pause takes a core from what it asks
   */
  static async start(port: number, host = '127.0.0.1', prefix = 'load', pauseMs = 0): Promise<SteadyLoad> {
    return new SteadyLoad(await TextClient.connect(port, host), prefix, pauseMs);
  }

  /** The same with a client that dials again, the next of several ports, when its connection is lost: that is no error then. */
  static dialing(ports: readonly number[], prefix = 'dialing'): SteadyLoad {
    return new SteadyLoad(new DialingClient(ports), prefix, 0);
  }

  /** Requests answered so far; a test waits for it to grow before and after what it does to the servers. */
  get answered(): number {
    return this.#reads + this.#writes;
  }

  /** Runs `kill` and leaves out of `lost` what the killed node may not have sent to its twin yet. */
  killing(kill: () => Promise<unknown>): Promise<void> {
    return this.#unsent.during(kill);
  }

  /** Ends the load and tells what it has seen. */
  async stop(): Promise<LoadReport> {
    this.#stopping = true;
    await this.#running;
    this.#client.close();
    const lost = this.#lost.filter(({ round }) => !this.#unsent.excuses(round));
    return { reads: this.#reads, writes: this.#writes, errors: this.#errors, lost };
  }

  async #run(): Promise<void> {
    for (let round = 1; !this.#stopping; round++) {
      this.#unsent.began(round);
      if (this.#pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#pauseMs));
      const key = `${this.#prefix}${round % KEYS}`;
      try {
        const stored = await this.#client.set(key, String(round));
        if (stored === 'STORED') {
          this.#acknowledged.set(key, round);
          this.#writes++;
        } else this.#failed(`set ${key}: ${stored}`);
        const other = `${this.#prefix}${(round * 7) % KEYS}`;
        const expected = this.#acknowledged.get(other);
        const value = await this.#client.get(other);
        this.#reads++;
        if (expected !== undefined && Number(value) !== expected && this.#lost.length < LOST_KEPT) {
          this.#lost.push({ round: expected, what: `${other}: ${value} instead of ${expected}` });
        }
      } catch (error) {
        this.#failed(error instanceof Error ? error.message : String(error));
        if (this.#errors.length >= ERRORS_KEPT) return;
      }
    }
  }

  #failed(text: string): void {
    if (this.#errors.length < ERRORS_KEPT) this.#errors.push(text);
  }
}

/**
 * A pair of nodes with `--acks 1 --ack-refuse` whose processes are killed at random moments, again and again, while clients write: whatever was
 * answered must be there afterwards, on both.
 *
 * Each key belongs to one client, which stores rising numbers in it; so the number that was answered last is the least that may be found.
 */
import { assert } from '../src/base/assert.ts';
import type { Random } from '../src/base/random.ts';
import { ReplicatedPair } from './replicated-pair.ts';
import type { TextClient } from './text-client.ts';
import { until } from './wait.ts';

const CLIENTS = 8;
const KEYS_PER_CLIENT = 5;
/** Before a kill so many writes must have been answered since the last one, and up to so many more. */
const WRITES_BETWEEN = 40;

/** For anything that a pair does by itself. */
const WAIT_MS_MAX = 60_000;

export interface KillsOutcome {
  readonly kills: number;
  readonly answered: number;
  /** Writes whose fate the client was not told. */
  readonly unknown: number;
  readonly refused: number;
}

class Writer {
  /** By key: the number that was answered last, and the one that was sent last. */
  readonly answered: Map<string, number> = new Map();
  readonly sent: Map<string, number> = new Map();
  count = 0;
  unknown = 0;
  refused = 0;
  readonly #pair: ReplicatedPair;
  readonly #keys: readonly string[];
  #side: 0 | 1;
  #isStopped = false;
  readonly #done: Promise<void>;

  constructor(pair: ReplicatedPair, index: number) {
    this.#pair = pair;
    this.#keys = Array.from({ length: KEYS_PER_CLIENT }, (_, key) => `writer${index}:${key}`);
    this.#side = index % 2 === 0 ? 0 : 1;
    this.#done = this.#run();
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    return this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const client = await this.#pair.connect(this.#side);
      if (client !== null) {
        await this.#write(client);
        client.close();
      }
      this.#side = this.#side === 0 ? 1 : 0;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Writes until something goes wrong. */
  async #write(client: TextClient): Promise<void> {
    for (let i = 0; !this.#isStopped; i++) {
      const key = this.#keys[i % this.#keys.length]!;
      const number = (this.sent.get(key) ?? 0) + 1;
      this.sent.set(key, number);
      let reply: string;
      try {
        reply = await client.set(key, String(number));
      } catch {
        this.unknown++;
        return;
      }
      if (reply !== 'STORED') {
        this.refused++;
        return;
      }
      this.answered.set(key, number);
      this.count++;
    }
  }
}

/**
 * @param sameHost both nodes on one address
 * @param told is called after each kill that was survived
 * @throws Error when an answered write is missing, or the two differ in the end
 */
export async function killPair(
  random: Random,
  kills: number,
  sameHost: boolean,
  told: (kill: number) => void = () => {},
): Promise<KillsOutcome> {
  const options = ['-m', '16', '-t', '2', '--acks', '1', '--ack-refuse', '--ack-timeout', '3000'];
  const pair = await ReplicatedPair.make(options, sameHost);
  const writers: Writer[] = [];
  const answered = (): number => writers.reduce((sum, writer) => sum + writer.count, 0);
  try {
    pair.launch(0);
    pair.launch(1);
    for (const side of [0, 1] as const) (await pair.client(side)).close();
    for (let i = 0; i < CLIENTS; i++) writers.push(new Writer(pair, i));
    for (let kill = 0; kill < kills; kill++) {
      const wanted = answered() + WRITES_BETWEEN + random.below(WRITES_BETWEEN * 10);
      await until('writes are answered', () => answered() >= wanted, WAIT_MS_MAX);
      const side = random.below(2) === 0 ? 0 : 1;
      const other = side === 0 ? 1 : 0;
      await pair.kill(side);
      const least = new Map(writers.flatMap((writer) => [...writer.answered]));
      const survivor = await pair.client(other);
      await atLeast(survivor, least);
      survivor.close();
      pair.launch(side);
      const reborn = await pair.client(side);
      // On a very busy machine it may let clients in before it has all.
      await inSync(reborn);
      await atLeast(reborn, least);
      reborn.close();
      told(kill + 1);
    }
    const afterLast = answered();
    await until('writes are answered', () => answered() > afterLast, WAIT_MS_MAX);
    for (const writer of writers) await writer.stop();
    const [first, second] = [await pair.client(0), await pair.client(1)];
    for (const client of [first, second]) {
      await inSync(client);
      await pair.linked(client);
    }
    await pair.agree(first, second, [...new Map(writers.flatMap((writer) => [...writer.sent])).keys()]);
    first.close();
    second.close();
    return {
      kills,
      answered: answered(),
      unknown: writers.reduce((sum, writer) => sum + writer.unknown, 0),
      refused: writers.reduce((sum, writer) => sum + writer.refused, 0),
    };
  } finally {
    for (const writer of writers) await writer.stop();
    await pair.dispose();
  }
}

/** Waits until a node says that it has everything, and not because it believes that it is alone: its twin lives, and may be slow. */
async function inSync(client: TextClient): Promise<void> {
  await until(
    'it is in sync',
    async () => {
      const stats = await client.stats('replication');
      return stats.get('replication_in_sync') === '1' && stats.get('replication_state') === 'linked';
    },
    WAIT_MS_MAX,
  );
}

async function atLeast(client: TextClient, least: ReadonlyMap<string, number>): Promise<void> {
  const found = await ReplicatedPair.entries(client, [...least.keys()]);
  for (const [key, number] of least) {
    const value = Number(found.get(key)?.value ?? 0);
    assert(value >= number, `${key} is ${value}, and ${number} had been answered`);
  }
}

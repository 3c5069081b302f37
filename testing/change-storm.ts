import type { Random } from '../src/base/random.ts';
import type { ReplicatedPair } from './replicated-pair.ts';
import { TextClient } from './text-client.ts';

/** Runs changes of every kind on random keys of one side until told to stop; connection losses are expected. */
export class ChangeStorm {
  readonly #pair: ReplicatedPair;
  readonly #side: 0 | 1;
  readonly #keys: readonly string[];
  readonly #random: Random;
  #stopping = false;
  answered = 0;
  readonly unexpected: string[] = [];
  readonly #done: Promise<void>;

  constructor(pair: ReplicatedPair, side: 0 | 1, keys: readonly string[], random: Random) {
    this.#pair = pair;
    this.#side = side;
    this.#keys = keys;
    this.#random = random;
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    let client: TextClient | null = null;
    while (!this.#stopping) {
      try {
        client ??= await TextClient.connect(this.#pair.ports[this.#side], this.#pair.hosts[this.#side]);
        const replies = await Promise.all(Array.from({ length: 8 }, () => client?.ask(this.#request())));
        this.answered += replies.length;
        for (const reply of replies)
          if (reply !== undefined && /^(ERROR|SERVER_ERROR)/.test(reply) && this.unexpected.length < 10)
            this.unexpected.push(reply);
      } catch {
        client?.close();
        client = null;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
    client?.close();
  }

  #request(): string {
    const random = this.#random;
    const key = this.#keys[random.below(this.#keys.length)]!;
    const number = String(random.below(100_000));
    switch (random.below(12)) {
      case 0:
        return `delete ${key}`;
      case 1:
      case 2:
        return `incr ${key} ${number}`;
      case 3:
        return `append ${key} 0 0 1\r\n7`;
      case 4:
        return `touch ${key} ${1000 + random.below(1000)}`;
      case 5:
        return `add ${key} 3 0 ${number.length}\r\n${number}`;
      case 6:
        return `gat ${1000 + random.below(1000)} ${key}`;
      case 7:
        return random.below(400) === 0 ? 'flush_all' : `decr ${key} 3`;
      case 8: {
        const bytes = random.below(50) === 0 ? 300_000 : random.below(3000);
        return `set ${key} 1 0 ${bytes}\r\n${'v'.repeat(bytes)}`;
      }
      default:
        return `set ${key} 2 0 ${number.length}\r\n${number}`;
    }
  }
}

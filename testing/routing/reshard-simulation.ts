import { type Random, seededRandom } from '../../src/base/random.ts';
import { RESHARD_TAIL_SECONDS } from '../../src/routing/reshard.ts';
import { type RouteTree, treePlan } from '../../src/routing/tree-plan.ts';
import { RouteWorld, WALL_START_MS } from '../route-world.ts';
import { FreshnessChecker, type History } from './freshness-checker.ts';

/** Some stay where they are and some move, of those that were there and to the one that comes. */
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'];
const START_MS = 5000;
const END_MS: number = START_MS + 40_000;

/** What came up in one life. */
export interface ReshardLife {
  readonly reads: number;
  readonly writes: number;
  readonly carried: number;
}

/**
 * One life of proxies whose keys get a server more: before, while and after they move, over servers that answer late, and in some lives hang up, or are away for a moment. The
 * proxies' clocks differ in some lives; before and after, and as long as not all of them say that keys move, keys may be missed.
 *
 * No read gets a value that is older than a write which had been answered before the read was sent, and none misses a key that was stored and not deleted;
 * see FreshnessChecker.
 *
 * @param seed the same seed is the same life
 */
export function simulateReshards(seed: number): ReshardLife {
  return new Life(seed).run();
}

class Life {
  readonly #random: Random;
  readonly #world: RouteWorld;
  readonly #proxies: number;
  readonly #skewMs: number;
  readonly #isQuiet: boolean;
  readonly #clients: FreshnessChecker[];
  readonly #history: History = { writes: [], losses: [], step: 0 };
  #serial = 1;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#proxies = 1 + this.#random.below(3);
    this.#skewMs = this.#pick([0, 0, 3000]);
    this.#isQuiet = this.#random.below(2) === 0;
    const distribution = this.#pick(['modula', 'modulo']);
    const shard = (count: number): RouteTree => ({
      type: 'shard',
      hash: 'md5',
      distribution,
      hashTag: null,
      stopMark: null,
      children: Array.from({ length: count }, (_, index) => ({
        name: `server${index}`,
        weight: 1,
        route: { type: 'server', connections: [index] },
      })),
    });
    const isAdded = this.#random.below(3) > 0;
    const [from, to] = isAdded ? [shard(2), shard(3)] : [shard(3), shard(2)];
    this.#world = new RouteWorld({
      mains: 3,
      backups: 0,
      threads: this.#proxies,
      settings: { returnWaitMs: 1000 },
      plan: (destinations, context) => {
        // That its clock is behind looks the same as that its times are later.
        const lateSeconds = this.#random.below(this.#skewMs + 1) / 1000;
        const startSeconds = (WALL_START_MS + START_MS) / 1000 + lateSeconds;
        const endSeconds = (WALL_START_MS + END_MS) / 1000 + lateSeconds;
        return treePlan(destinations, { type: 'reshard', from, to, startSeconds, endSeconds }, context);
      },
    }).start();
    const knowsMeta = this.#random.below(4) > 0;
    for (const server of this.#world.servers) {
      server.knowsMeta = knowsMeta;
      server.hearMs = this.#pick([0, 0, 10, 50]);
    }
    this.#clients = Array.from(
      { length: 2 + this.#random.below(4) },
      () => new FreshnessChecker(this.#world.client(this.#random.below(this.#proxies)), this.#history),
    );
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#random.below(items.length)]!;
  }

  run(): ReshardLife {
    this.#live(START_MS - 1000, 15);
    this.#live(START_MS + 30_000, 120);
    this.#live(END_MS + 5000, 30);
    this.#live(END_MS + RESHARD_TAIL_SECONDS * 1000 + 5000, 15);
    for (const server of this.#world.servers) {
      server.mode = 'up';
      server.delayMs = 0;
      server.hearMs = 0;
    }
    this.#pass(12_000);
    for (const client of this.#clients) client.assertDone();
    this.#world.nothingLeft();
    const carried = this.#world.routers.map(({ root }) =>
      [...root.walk()].flatMap((handle) =>
        [...handle.counters()].flatMap(([name, count]) => (name === 'reshard_carried' ? [count] : [])),
      ),
    );
    return {
      reads: this.#clients.reduce((sum, { reads }) => sum + reads, 0),
      writes: this.#history.writes.length,
      carried: carried.flat().reduce((sum, count) => sum + count, 0),
    };
  }

  /** So many steps until then, most of them close together. */
  #live(untilMs: number, steps: number): void {
    for (let step = 0; step < steps; step++) {
      this.#history.step++;
      if (this.#random.below(12) === 0) this.#disturb();
      for (let count = this.#random.below(5); count > 0; count--) this.#ask(this.#pick(this.#clients));
      this.#pass(this.#pick([0, 0, 1, 5, 10, 50]));
    }
    const { nowMs } = this.#world.timeline;
    if (nowMs < untilMs) this.#pass(untilMs - nowMs);
  }

  #pass(ms: number): void {
    const beforeMs = this.#world.timeline.nowMs;
    this.#world.run(ms);
    this.#history.step++;
    const { nowMs } = this.#world.timeline;
    const isMixed = this.#skewMs > 0 && beforeMs < START_MS + this.#skewMs && nowMs >= START_MS;
    // In the last seconds nothing is carried over, and nobody waits for it.
    if (isMixed || nowMs >= END_MS - 15_000) this.#history.losses.push(this.#history.step);
    for (const client of this.#clients) client.check();
  }

  #ask(client: FreshnessChecker): void {
    const key = this.#pick(KEYS);
    const serial = this.#serial++;
    const data = `${serial}.`;
    switch (this.#random.below(20)) {
      case 0:
      case 1:
      case 2:
        client.write(serial, key, 'set', `set ${key} 0 0 ${data.length}\r\n${data}\r\n`);
        return;
      case 3:
        client.write(serial, key, 'set', `append ${key} 0 0 ${data.length}\r\n${data}\r\n`);
        return;
      case 4:
        client.write(serial, key, 'set', `add ${key} 0 0 ${data.length}\r\n${data}\r\n`);
        return;
      case 5:
      case 6:
        client.write(serial, key, 'delete', `delete ${key}\r\n`);
        return;
      case 7:
        client.write(serial, key, 'unheard', `set ${key} 0 0 ${data.length} noreply\r\n${data}\r\n`);
        return;
      case 8:
      case 9:
        client.read([key], `gets ${key}\r\n`);
        return;
      case 10:
      case 11: {
        const keys = [key, ...KEYS.filter(() => this.#random.below(2) === 0)];
        client.read(keys, `get ${keys.join(' ')}\r\n`);
        return;
      }
      default:
        client.read([key], `get ${key}\r\n`);
    }
  }

  #disturb(): void {
    const server = this.#pick(this.#world.servers);
    switch (this.#random.below(6)) {
      case 0:
        if (!this.#isQuiet) server.hangUp('ECONNRESET');
        return;
      case 1: {
        if (this.#isQuiet) return;
        server.mode = 'refusing';
        server.hangUp('ECONNRESET');
        const { timeline } = this.#world;
        timeline.at(timeline.nowMs + this.#random.below(300), () => {
          server.mode = 'up';
        });
        return;
      }
      case 2:
        server.hearMs = this.#pick([0, 10, 50, 200]);
        return;
      default:
        server.delayMs = this.#pick([0, 3, 10, 50, 100]);
    }
  }
}

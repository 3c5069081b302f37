import assert from 'node:assert/strict';
import { type Random, seededRandom } from '../../src/base/random.ts';
import { MAGENT_MANNER } from '../../src/routing/client-manner.ts';
import { hotKeyFigures } from '../../src/routing/hot-keys.ts';
import { ROUTING_SETTINGS_DEFAULT } from '../../src/routing/settings.ts';
import { type RouteTree, treePlan } from '../../src/routing/tree-plan.ts';
import { RouteWorld } from '../route-world.ts';
import { FreshnessChecker, type History } from './freshness-checker.ts';

const STEPS = 150;
const KEYS = ['a', 'b'];
const MANNER = { ...MAGENT_MANNER, flush: 'everywhere' } as const;

/** What came up in one life. */
export interface HotKeyLife {
  readonly reads: number;
  readonly writes: number;
  readonly changes: number;
  readonly figures: ReadonlyMap<string, number>;
}

/**
 * One life of routes for hot keys on several threads, over servers that answer late, hang, die and come back empty, while the routes change now and
 * then: on one thread after the other, as a proxy's main thread has it done. No read, on whichever thread, gets a value that is older than a
 * write which had been answered before the read was sent; see FreshnessChecker.
 *
 * @param seed the same seed is the same life
 */
export function simulateHotKeys(seed: number): HotKeyLife {
  return new Life(seed).run();
}

class Life {
  readonly #random: Random;
  readonly #world: RouteWorld;
  readonly #threads: number;
  readonly #clients: FreshnessChecker[];
  readonly #history: History = { writes: [], losses: [], step: 0 };
  #changes = 0;
  #isChanging = false;
  #serial = 1;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#threads = 1 + this.#random.below(3);
    const tree = this.#tree();
    this.#world = new RouteWorld({
      mains: 4,
      backups: 0,
      threads: this.#threads,
      manner: MANNER,
      plan: (destinations, context) => treePlan(destinations, tree, context),
    }).start();
    // Each pair is one server with two connections: what comes to one of the two is at both.
    for (const [index, server] of this.#world.servers.entries()) {
      server.twin = this.#world.servers[index ^ 1]!;
      server.knowsMeta = true;
      server.hearMs = this.#pick([0, 0, 10, 50]);
    }
    this.#clients = Array.from({ length: 2 + this.#random.below(4) }, () => this.#client());
  }

  #client(): FreshnessChecker {
    return new FreshnessChecker(this.#world.client(this.#random.below(this.#threads)), this.#history);
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#random.below(items.length)]!;
  }

  #tree(): RouteTree {
    const server = (index: number): RouteTree => ({
      type: 'server',
      connections: [2 * index, 2 * index + 1],
    });
    const shard: RouteTree = {
      type: 'shard',
      hash: 'fnv1a_64',
      distribution: 'modula',
      hashTag: null,
      stopMark: null,
      children: [0, 1].map((index) => ({ name: `server${index}`, weight: 1, route: server(index) })),
    };
    const hotGets = this.#pick([0, 0, 0, 3]);
    const coalesced: RouteTree = {
      type: 'coalesce',
      route: shard,
      waitersMax: this.#pick([1, 1000]),
      hotGets,
    };
    const cached = (route: RouteTree): RouteTree => ({
      type: 'near-cache',
      route,
      ttlMs: this.#pick([20, 1000]),
      itemsMax: this.#pick([1, 100]),
      bytesMax: 10_000,
      valueBytesMax: 1000,
      hotGets,
    });
    // Without either, what is under way has to be waited for when one comes: nearly as long as a life.
    const kind = this.#random.below(20);
    if (kind === 0) return shard;
    if (kind < 6) return coalesced;
    return cached(kind < 12 ? shard : coalesced);
  }

  run(): HotKeyLife {
    const history = this.#history;
    for (let step = 0; step < STEPS; step++) {
      history.step++;
      if (this.#random.below(12) === 0) this.#disturb();
      if (this.#random.below(60) === 0 && !this.#isChanging) this.#change();
      if (this.#random.below(30) === 0) this.#replaceClient();
      for (let count = this.#random.below(5); count > 0; count--) this.#ask(this.#pick(this.#clients));
      this.#pass(this.#pick([0, 0, 1, 5, 10, 50]));
    }
    for (const server of this.#world.servers) {
      server.mode = 'up';
      server.delayMs = 0;
      server.hearMs = 0;
    }
    this.#pass(12_000);
    for (const client of this.#clients) client.assertDone();
    this.#world.nothingLeft();
    this.#assertQuiet();
    const { root, hotKeyFigures: figures } = this.#world.router;
    return {
      reads: this.#clients.reduce((sum, { reads }) => sum + reads, 0),
      writes: history.writes.length,
      changes: this.#changes,
      figures: new Map(hotKeyFigures(root, figures)),
    };
  }

  #pass(ms: number): void {
    this.#world.run(ms);
    this.#history.step++;
    for (const client of this.#clients) client.check();
  }

  /** Every write has ended, or keys would not be kept any more. */
  #assertQuiet(): void {
    for (let hash = 0; hash < 1000; hash++)
      assert.ok(this.#world.generations.isQuiet(hash), 'a write has not ended');
  }

  #replaceClient(): void {
    const index = this.#random.below(this.#clients.length);
    this.#clients[index]!.client.pipe.close(true);
    this.#clients[index] = this.#client();
  }

  #ask(client: FreshnessChecker): void {
    const key = this.#pick(KEYS);
    const serial = this.#serial++;
    const data = `${serial}.`;
    switch (this.#random.below(36)) {
      case 0:
      case 1:
        client.write(serial, key, 'set', `set ${key} 0 0 ${data.length}\r\n${data}\r\n`);
        return;
      case 2:
        client.write(serial, key, 'set', `append ${key} 0 0 ${data.length}\r\n${data}\r\n`);
        return;
      case 3:
        client.write(serial, key, 'delete', `delete ${key}\r\n`);
        return;
      case 4:
        if (this.#random.below(4) === 0) client.write(serial, null, 'delete', 'flush_all\r\n');
        else client.write(serial, key, 'unheard', `set ${key} 0 0 ${data.length} noreply\r\n${data}\r\n`);
        return;
      case 5:
      case 6:
      case 7:
      case 8:
        client.read([key], `mg ${key} f v\r\n`);
        return;
      case 9:
      case 10:
        client.read([key], `gets ${key}\r\n`);
        return;
      case 11:
      case 12:
      case 13: {
        const keys = [key, ...KEYS.filter(() => this.#random.below(3) === 0)];
        client.read(keys, `get ${keys.join(' ')}\r\n`);
        return;
      }
      default:
        client.read([key], `get ${key}\r\n`);
    }
  }

  #disturb(): void {
    const { servers } = this.#world;
    const first = 2 * this.#random.below(servers.length / 2);
    const pair = [servers[first]!, servers[first + 1]!];
    const one = this.#pick(pair);
    switch (this.#random.below(8)) {
      case 0:
        for (const server of pair) {
          server.kill();
          server.restart();
        }
        this.#history.losses.push(this.#history.step);
        return;
      case 1:
        one.mode = 'hanging';
        return;
      case 2:
        one.hangUp('ECONNRESET');
        return;
      case 3:
      case 4:
        for (const server of pair) server.mode = 'up';
        return;
      case 5:
        one.hearMs = this.#pick([0, 10, 50, 200]);
        return;
      default:
        one.delayMs = this.#pick([0, 3, 10, 50, 200]);
    }
  }

  /** Other routes, on one thread after the other; until all have them any key counts as being written. */
  #change(): void {
    const { routers, timeline, generations } = this.#world;
    const tree = this.#tree();
    this.#changes++;
    this.#isChanging = true;
    generations.beginEverywhere();
    let open = routers.length;
    for (const router of routers)
      timeline.at(timeline.nowMs + this.#random.below(60), () => {
        router.reconfigure({
          settings: ROUTING_SETTINGS_DEFAULT,
          servers: [0, 1, 2, 3].map((index) => `server${index}`),
          manner: MANNER,
          plan: (destinations, context) => treePlan(destinations, tree, context),
        });
        open--;
        if (open > 0) return;
        generations.endEverywhere();
        this.#isChanging = false;
      });
  }
}

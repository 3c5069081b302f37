import assert from 'node:assert/strict';
import { type Random, seededRandom } from '../../src/base/random.ts';
import { MAGENT_MANNER } from '../../src/routing/client-manner.ts';
import { ROUTING_SETTINGS_DEFAULT, type RoutingSettings } from '../../src/routing/settings.ts';
import type { RouteTree } from '../../src/routing/tree-plan.ts';
import { treePlan } from '../../src/routing/tree-plan.ts';
import { RouteWorld, type ScriptedServer } from '../route-world.ts';
import { AnswerChecker } from './answer-checker.ts';
import { RandomTree } from './random-tree.ts';

/** Moments at which clients ask and servers are disturbed. */
const STEPS = 90;

/** Waits end at a look at the clock, and answers are looked at as seldom; each level of a tree may wait once. */
const LOOK_MS = 20;
const LATE_MS_MAX: number = 10 * LOOK_MS;

const KEYS = ['a', 'b', 'key5', '{t}x', '{t}y', 's|#|1', 's|#|2', 'p/a', 'p/q/a', 'p/q/b', 'r/a'];
const NUMBER_KEYS = ['n1', 'n2', 'p/n1', 'p/q/n2', 'r/n1'];

/** What came up in one life. */
export interface RouteLife {
  readonly types: ReadonlySet<RouteTree['type']>;
  readonly answers: number;
  readonly errors: number;
  readonly disturbances: number;
  readonly changes: number;
  readonly retained: number;
}

/**
 * One life of a random route tree over servers that die, hang, answer late or in part, and come back cold, and now and then other routes over some of them; then all is mended and time passes.
 * Whatever happened:
 *
 * - each request of a client has exactly one answer, in order, of the shape that its command has;
 * - it came within the time that the tree says it needs;
 * - no value belongs to another key;
 * - what counts twice when it is done twice (incr, append) came to no server twice, and, unless the tree makes copies, to one server only;
 * - queues, buffers and copies keep to their bounds;
 * - no call, no request and no buffer is left.
 *
 * @param seed the same seed is the same life
 */
export function simulateRoutes(seed: number): RouteLife {
  return new Life(seed).run();
}

class Life {
  readonly #random: Random;
  /** The routes in force, and all that there have been. */
  #made: RandomTree;
  readonly #everMade: RandomTree[] = [];
  readonly #settings: RoutingSettings;
  #promisedMs = 0;
  /** The routes change while it lasts. */
  readonly #changes: boolean;
  readonly #world: RouteWorld;
  readonly #clients: AnswerChecker[];
  readonly #gone: AnswerChecker[] = [];
  readonly #queueCallsMax: number;
  readonly #bufferBytesMax: number;
  readonly #pipelineMax: number;
  #serial = 1;
  #disturbances = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    const servers = 1 + this.#random.below(9);
    this.#changes = this.#random.below(2) === 0;
    this.#made = new RandomTree(this.#random, servers, !this.#changes);
    this.#everMade.push(this.#made);
    this.#queueCallsMax = this.#pick([20, 65536]);
    this.#bufferBytesMax = this.#pick([200_000, 256 * 1024 * 1024]);
    this.#pipelineMax = this.#pick([3, 1024]);
    this.#settings = {
      ...ROUTING_SETTINGS_DEFAULT,
      queueCallsMax: this.#queueCallsMax,
      bufferBytesMax: this.#bufferBytesMax,
      pipelineMax: this.#pipelineMax,
      writeAheadBytes: this.#pick([10, 1024 * 1024]),
      flapWindowMs: this.#pick([0, 10_000]),
      failOpenShare: this.#pick([1, 0.5]),
      returnWaitMs: this.#pick([0, 1000]),
    };
    this.#world = new RouteWorld({
      mains: servers,
      backups: 0,
      seed,
      settings: this.#settings,
      plan: (destinations, context) => treePlan(destinations, this.#made.tree, context),
      cut: (text) => this.#cut(text),
    }).start();
    const isSlow = this.#random.below(4) === 0;
    for (const server of this.#world.servers) {
      server.knowsMeta = this.#random.below(2) === 0;
      if (isSlow) server.link = { bytesPerMs: this.#pick([10, 100]), kernelBytes: 0, tellsTheWay: true };
    }
    this.#clients = Array.from(
      { length: 1 + this.#random.below(3) },
      () => new AnswerChecker(this.#world.client()),
    );
  }

  run(): RouteLife {
    const { timeline } = this.#world;
    for (let step = 0; step < STEPS; step++) {
      if (this.#random.below(3) === 0) this.#disturb();
      if (this.#changes && this.#random.below(20) === 0) this.#reconfigure();
      const client = this.#clientNow();
      for (let count = this.#random.below(5); count > 0; count--) {
        const words = this.#request();
        client.ask(words.text, words.words, timeline.nowMs);
      }
      this.#pass(this.#pick([0, 1, LOOK_MS, 200]));
    }
    this.#mend();
    this.#pass(12_000);
    for (const client of this.#clients) {
      assert.equal(client.client.gone, false, 'a client was dropped');
      assert.deepEqual(client.asked, [], 'requests without an answer');
    }
    this.#world.nothingLeft();
    this.#checkTimes();
    this.#checkOnce();
    const sum = (of: (client: AnswerChecker) => number): number =>
      [...this.#clients, ...this.#gone].reduce((total, client) => total + of(client), 0);
    return {
      types: new Set(this.#everMade.flatMap(({ types }) => [...types])),
      answers: sum(({ answers }) => answers),
      errors: sum(({ errors }) => errors),
      disturbances: this.#disturbances,
      changes: this.#everMade.length - 1,
      retained: this.#world.servers.reduce((total, { values }) => total + values.size, 0),
    };
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#random.below(items.length)]!;
  }

  /** One of the clients; now and then it is a new one, and an old one has gone without waiting for its answers. */
  #clientNow(): AnswerChecker {
    const index = this.#random.below(this.#clients.length);
    if (this.#random.below(25) === 0) {
      const gone = this.#clients[index]!;
      gone.client.pipe.close(true);
      this.#gone.push(gone);
      this.#clients[index] = new AnswerChecker(this.#world.client());
    }
    return this.#clients[index]!;
  }

  #cut(text: string): string[] {
    const pieces: string[] = [];
    const longest = this.#pick([4, 40, 4000]);
    for (let at = 0; at < text.length; ) {
      const to = at + 1 + this.#random.below(longest);
      pieces.push(text.slice(at, to));
      at = to;
    }
    return pieces;
  }

  #request(): { readonly text: string; readonly words: readonly string[] } {
    const key = this.#pick(KEYS);
    const number = this.#pick(NUMBER_KEYS);
    const serial = this.#serial++;
    const data = `${key}:${serial}.`;
    const line = (...words: string[]): { text: string; words: string[] } => ({
      text: `${words.join(' ')}\r\n`,
      words,
    });
    switch (this.#random.below(13)) {
      case 0:
      case 1:
      case 2: {
        const keys = Array.from({ length: 1 + this.#random.below(7) }, () =>
          this.#pick([...KEYS, ...NUMBER_KEYS]),
        );
        return line(this.#pick(['get', 'get', 'gets']), ...keys);
      }
      case 3:
        return { text: `add ${key} 0 0 ${data.length}\r\n${data}\r\n`, words: ['add', key] };
      case 4:
      case 5:
        // Its flags tell the server's log which one it is.
        return { text: `append ${key} ${serial} 0 ${data.length}\r\n${data}\r\n`, words: ['append', key] };
      case 6:
        return line('delete', key);
      case 7:
        return line('incr', number, String(serial));
      case 8:
        return { text: `set ${number} 0 0 1\r\n5\r\n`, words: ['set', number] };
      case 9:
        return line('mg', key, 't');
      case 10:
        return line('mn');
      case 11:
        return { text: `set ${key} 0 0 ${data.length} noreply\r\n${data}\r\n`, words: [] };
      default: {
        const long = data.repeat(this.#pick([1, 1, 1, 900]));
        return { text: `set ${key} 0 30 ${long.length}\r\n${long}\r\n`, words: ['set', key] };
      }
    }
  }

  #disturb(): void {
    this.#disturbances++;
    const server = this.#pick(this.#world.servers);
    switch (this.#random.below(10)) {
      case 0:
        server.kill();
        return;
      case 1:
        server.mode = 'hanging';
        return;
      case 2:
        server.hangUp(this.#pick(['ECONNRESET', undefined]));
        return;
      case 3:
        server.delayMs = this.#pick([0, 0, 5, 50, 700, 1500]);
        return;
      case 4:
        server.bytesUntilBreak = this.#random.below(100);
        return;
      case 5:
        server.mode = 'unreachable';
        server.hangUp('ETIMEDOUT');
        return;
      case 6:
        // Back, with nothing.
        server.kill();
        server.restart();
        return;
      default:
        // A stopped process that goes on, or one that is there again.
        server.mode = 'up';
    }
  }

  /** Other routes, over some of the servers, from now on. */
  #reconfigure(): void {
    const names = this.#world.servers
      .map((_, index) => `server${index}`)
      .filter(() => this.#random.below(4) > 0);
    this.#made = new RandomTree(this.#random, names.length, false);
    this.#everMade.push(this.#made);
    const { tree } = this.#made;
    this.#notePromise();
    this.#world.router.reconfigure({
      settings: this.#settings,
      servers: names,
      manner: MAGENT_MANNER,
      plan: (destinations, context) => treePlan(destinations, tree, context),
    });
    this.#world.router.connect(() => {});
  }

  /** What is promised is what the slowest tree needs: requests end by the one that they began with. */
  #notePromise(): void {
    const promisedMs = Number(/answer_ms_max (\d+)/.exec(this.#world.router.statistics('agent'))?.[1]);
    this.#promisedMs = Math.max(this.#promisedMs, promisedMs);
  }

  #mend(): void {
    for (const server of this.#world.servers) {
      server.mode = 'up';
      server.delayMs = 0;
      server.bytesUntilBreak = -1;
    }
  }

  #pass(ms: number): void {
    for (let left = ms; left > 0; left -= LOOK_MS) {
      this.#world.run(Math.min(left, LOOK_MS));
      this.#look();
    }
    if (ms === 0) this.#world.run(0);
  }

  #look(): void {
    const { router, timeline } = this.#world;
    for (const client of this.#clients) client.check(timeline.nowMs);
    for (const { queue } of router.destinations)
      assert.ok(queue.length <= this.#queueCallsMax, 'a queue is longer than its bound');
    assert.ok(router.requests.budget.used <= this.#bufferBytesMax, 'buffers hold more than their bound');
    let shadows = 0;
    for (const handle of router.root.walk())
      for (const [name, count] of handle.counters()) if (name === 'shadow_queue') shadows += count;
    assert.ok(shadows <= this.#made.shadowQueue, 'more copies under way than allowed');
  }

  /** With few requests at once a client's next ones wait outside, so only the wide window shows the promised bound. */
  #checkTimes(): void {
    if (this.#pipelineMax < 1024) return;
    this.#notePromise();
    const promisedMs = this.#promisedMs + this.#settings.returnWaitMs;
    const slowestMs = Math.max(...this.#clients.map((client) => client.slowestMs));
    assert.ok(
      slowestMs <= promisedMs + LATE_MS_MAX,
      `an answer took ${slowestMs} ms, promised were ${promisedMs}`,
    );
  }

  #checkOnce(): void {
    const copies = this.#everMade.some((made) => made.copies);
    // One tree has sent a copy somewhere, and the next one, by which a request goes on that has waited, has its place there.
    if (copies && this.#changes && this.#settings.returnWaitMs > 0) return;
    const everywhere: Map<string, number> = new Map();
    for (const server of this.#world.servers) {
      for (const [id, count] of receipts(server)) {
        assert.equal(count, 1, `${id} came to one server ${count} times`);
        everywhere.set(id, (everywhere.get(id) ?? 0) + 1);
      }
    }
    if (copies) return;
    for (const [id, count] of everywhere) assert.equal(count, 1, `${id} came to ${count} servers`);
  }
}

/** How often each request came to a server that must not come twice. */
function receipts(server: ScriptedServer): Map<string, number> {
  const counts: Map<string, number> = new Map();
  for (const line of server.seen) {
    const [verb, , number] = line.split(' ');
    if (verb !== 'append' && verb !== 'incr') continue;
    const id = `${verb} ${number}`;
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

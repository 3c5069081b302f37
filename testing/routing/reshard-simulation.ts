import { type Random, seededRandom } from '../../src/base/random.ts';
import type { PlacedServer } from '../../src/hashing/index.ts';
import { MAGENT_MANNER } from '../../src/routing/client-manner.ts';
import { isLeftBehind, keyPlace } from '../../src/routing/left-behind.ts';
import { RESHARD_TAIL_SECONDS } from '../../src/routing/reshard.ts';
import type { MakePlan } from '../../src/routing/router.ts';
import { ROUTING_SETTINGS_DEFAULT } from '../../src/routing/settings.ts';
import { type RouteTree, type ShardPlacement, treePlan } from '../../src/routing/tree-plan.ts';
import { RouteWorld, WALL_START_MS } from '../route-world.ts';
import { FreshnessChecker, type History } from './freshness-checker.ts';

/** Some stay where they are and some move, of those that were there and to the one that comes. */
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'];
const START_MS = 5000;
const MOVE_MS = 40_000;
/** From the start until all of it is over, whatever a proxy's clock says, and some time more. */
const ROUND_MS: number = MOVE_MS + RESHARD_TAIL_SECONDS * 1000 + 20_000;

const SETTINGS = { returnWaitMs: 1000 };

function serversOf(count: number): PlacedServer[] {
  return Array.from({ length: count }, (_, index) => ({ name: `server${index}`, weight: 1 }));
}

/** What came up in one life. */
export interface ReshardLife {
  readonly reads: number;
  readonly writes: number;
  readonly carried: number;
  /** Deleted because they had been left behind, before keys came back. */
  readonly purged: number;
}

/**
 * One life of proxies whose keys get a server more: before, while and after they move, over servers that answer late, and in some lives hang up, or are away for a moment. The
 * proxies' clocks differ in some lives; before and after, and as long as not all of them say that keys move, keys may be missed.
 *
 * In every third life they go back where they were when that is over. What they had left behind there has been deleted in between, while clients go on.
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
  readonly #history: History = { writes: [], losses: [], step: 0, failedDeletesUncover: true };
  readonly #placement: ShardPlacement;
  #from: readonly PlacedServer[];
  #to: readonly PlacedServer[];
  #startMs = START_MS;
  #isCalm = false;
  #serial = 1;
  #carried = 0;
  #purged = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#proxies = 1 + this.#random.below(3);
    this.#skewMs = this.#pick([0, 0, 3000]);
    this.#isQuiet = this.#random.below(2) === 0;
    const distribution = this.#pick(['modula', 'modulo']);
    this.#placement = { hash: 'md5', distribution, hashTag: null, stopMark: null };
    const isAdded = this.#random.below(3) > 0;
    [this.#from, this.#to] = isAdded ? [serversOf(2), serversOf(3)] : [serversOf(3), serversOf(2)];
    this.#world = new RouteWorld({
      mains: 3,
      backups: 0,
      threads: this.#proxies,
      settings: SETTINGS,
      plan: this.#planFrom(START_MS),
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

  /** The same route in all proxies, each with its clock. */
  #planFrom(startMs: number): MakePlan {
    const shard = (servers: readonly PlacedServer[]): RouteTree => ({
      type: 'shard',
      ...this.#placement,
      children: servers.map((server, index) => ({
        ...server,
        route: { type: 'server', connections: [index] },
      })),
    });
    const [from, to] = [shard(this.#from), shard(this.#to)];
    return (destinations, context) => {
      // That its clock is behind looks the same as that its times are later.
      const lateSeconds = this.#random.below(this.#skewMs + 1) / 1000;
      const startSeconds = (WALL_START_MS + startMs) / 1000 + lateSeconds;
      const endSeconds = startSeconds + MOVE_MS / 1000;
      return treePlan(destinations, { type: 'reshard', from, to, startSeconds, endSeconds }, context);
    };
  }

  run(): ReshardLife {
    const comesBack = this.#random.below(3) === 0;
    this.#move(comesBack);
    if (comesBack) {
      this.#goBack();
      this.#move(true);
    }
    for (const server of this.#world.servers) {
      server.mode = 'up';
      server.delayMs = 0;
      server.hearMs = 0;
    }
    this.#pass(12_000);
    for (const client of this.#clients) client.assertDone();
    this.#world.nothingLeft();
    this.#countCarried();
    return {
      reads: this.#clients.reduce((sum, { reads }) => sum + reads, 0),
      writes: this.#history.writes.length,
      carried: this.#carried,
      purged: this.#purged,
    };
  }

  /** @param isCalm little is written while keys move: what is not written is left behind */
  #move(isCalm: boolean): void {
    const startMs = this.#startMs;
    const endMs = startMs + MOVE_MS;
    this.#isCalm = isCalm && startMs > START_MS;
    this.#live(startMs - 1000, 15);
    this.#isCalm = isCalm;
    this.#live(startMs + 30_000, 120);
    this.#live(endMs + 5000, 30);
    this.#live(endMs + RESHARD_TAIL_SECONDS * 1000, 15);
    this.#isCalm = false;
  }

  /** What was left behind is deleted as soon as nobody reads it, and then all proxies are told of the way back before it begins. */
  #goBack(): void {
    const overMs = this.#startMs + MOVE_MS + RESHARD_TAIL_SECONDS * 1000;
    for (let index = 0; index < this.#world.servers.length; index++) this.#purge(index);
    this.#live(overMs + 15_000, 40);
    this.#isCalm = true;
    this.#countCarried();
    this.#startMs += ROUND_MS;
    [this.#from, this.#to] = [this.#to, this.#from];
    const plan = this.#planFrom(this.#startMs);
    const servers = this.#world.servers.map((_, index) => `server${index}`);
    const settings = { ...ROUTING_SETTINGS_DEFAULT, ...SETTINGS };
    for (const router of this.#world.routers) {
      router.reconfigure({ settings, servers, manner: MAGENT_MANNER, plan });
      this.#live(this.#world.timeline.nowMs, 3);
    }
  }

  /** Lists what is to go, and deletes it some time later, on condition that it is still the same. */
  #purge(index: number): void {
    const [server, name] = [this.#world.servers[index]!, `server${index}`];
    const places = [this.#from, this.#to].map((servers) => keyPlace(this.#placement, servers)!);
    const [were, are] = [places.slice(0, 1), places.slice(1)];
    const { timeline } = this.#world;
    for (const [key, { cas }] of server.values) {
      const bytes = new TextEncoder().encode(key);
      if (!isLeftBehind(bytes, 0, bytes.length, name, were, are)) continue;
      timeline.at(timeline.nowMs + this.#random.below(3000), () => {
        if (server.values.get(key)?.cas !== cas) return;
        server.values.delete(key);
        this.#purged++;
      });
    }
  }

  #countCarried(): void {
    for (const { root } of this.#world.routers)
      for (const handle of root.walk())
        for (const [name, count] of handle.counters()) if (name === 'reshard_carried') this.#carried += count;
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
    const startMs = this.#startMs;
    const endMs = startMs + MOVE_MS;
    const isMixed = this.#skewMs > 0 && beforeMs < startMs + this.#skewMs && nowMs >= startMs;
    // In the last seconds nothing is carried over, and nobody waits for it. What is stored later is there.
    const isEnding = beforeMs < endMs + this.#skewMs + 2000 && nowMs >= endMs - 15_000;
    // Of what is not written anew more is in the old place alone, which nobody waits for when it is away for longer than a moment.
    const mayBeAway = this.#isCalm && !this.#isQuiet;
    if (isMixed || isEnding || mayBeAway) this.#history.losses.push(this.#history.step);
    for (const client of this.#clients) client.check();
  }

  #ask(client: FreshnessChecker): void {
    const key = this.#pick(KEYS);
    const serial = this.#serial++;
    const data = `${serial}.`;
    const isRead = this.#isCalm && this.#random.below(30) > 0;
    switch (isRead ? 8 + this.#random.below(12) : this.#random.below(20)) {
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

import type { Random } from '../../src/base/random.ts';
import { DISTRIBUTIONS, KEY_HASHES } from '../../src/hashing/index.ts';
import { WAITS } from '../../src/routing/replicate.ts';
import { MODULO, type RouteTree } from '../../src/routing/tree-plan.ts';
import { WALL_START_MS } from '../route-world.ts';

/** Routes inside one another at most. */
const DEPTH_MAX = 4;

/** Keys that prefixes of random trees tell apart. */
export const PREFIXES: readonly string[] = ['p/', 'p/q/', 'r/'];

/** Route trees over a number of servers, each of which stands at one place of the tree. Every type of route comes up. */
export class RandomTree {
  /** A request may be sent to several servers on purpose. */
  copies = false;
  /** What its shadows may have under way together. */
  shadowQueue = 0;
  readonly types: Set<RouteTree['type']> = new Set();
  readonly tree: RouteTree;
  readonly #random: Random;
  readonly #strips: boolean;

  /** @param strips prefixes may be taken off; then other trees must not use the same servers, where keys have other names */
  constructor(random: Random, servers: number, strips: boolean) {
    this.#random = random;
    this.#strips = strips;
    this.tree = this.#over(
      Array.from({ length: servers }, (_, index) => index),
      0,
    );
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#random.below(items.length)]!;
  }

  #note<T extends RouteTree>(tree: T): T {
    this.types.add(tree.type);
    return tree;
  }

  #over(servers: readonly number[], depth: number): RouteTree {
    if (servers.length === 0)
      return this.#note(
        this.#random.below(2) === 0 ? { type: 'null' } : { type: 'error', message: 'CLOSED' },
      );
    if (servers.length === 1 || depth === DEPTH_MAX) return this.#leaf(servers);
    switch (this.#random.below(16)) {
      case 0:
        return this.#shard(servers, depth);
      case 1:
        return this.#note({
          type: 'failover',
          children: this.#some(servers, depth),
          standInSeconds: this.#pick([null, 60]),
        });
      case 2:
        return this.#note({
          type: 'miss-failover',
          children: this.#some(servers, depth),
          prefersMiss: this.#random.below(2) === 0,
        });
      case 3:
        this.copies = true;
        return this.#note({
          type: 'replicate',
          children: this.#some(servers, depth),
          wait: this.#pick(WAITS),
        });
      case 4:
        return this.#note({ type: 'random', children: this.#some(servers, depth) });
      case 5: {
        const [cold, warm] = this.#two(servers, depth);
        return this.#note({ type: 'warm-up', cold, warm, exptimeSeconds: this.#pick([null, 60]) });
      }
      case 6: {
        const children = this.#parts(servers, 1 + PREFIXES.length).map((part) => this.#over(part, depth + 1));
        const [otherwise, ...routes] = children;
        return this.#note({
          type: 'prefix',
          routes: routes.map((route, index) => [PREFIXES[index]!, route]),
          otherwise: otherwise!,
          strip: this.#strips && this.#random.below(2) === 0,
        });
      }
      case 7: {
        this.copies = true;
        const [route, shadow] = this.#two(servers, depth);
        const queueMax = this.#pick([1, 5, 1000]);
        this.shadowQueue += queueMax;
        return this.#note({ type: 'shadow', route, shadow, from: 0.2, to: 0.9, queueMax });
      }
      case 8: {
        const [from, to] = this.#two(servers, depth);
        const startSeconds = WALL_START_MS / 1000 + this.#random.below(8);
        return this.#note({
          type: 'migrate',
          from,
          to,
          startSeconds,
          intervalSeconds: 1 + this.#random.below(4),
        });
      }
      case 9: {
        const zones = this.#some(servers, depth).map((route, index): [string, RouteTree] => [
          `${index}`,
          route,
        ]);
        return this.#note({ type: 'zone', zones, local: '1', alsoOnMiss: this.#random.below(2) === 0 });
      }
      case 10: {
        const [reads, deletes, otherwise] = this.#parts(servers, 3).map((part) =>
          this.#over(part, depth + 1),
        );
        return this.#note({
          type: 'by-command',
          commands: [
            ['reads', reads!],
            ['delete', deletes!],
          ],
          otherwise: otherwise!,
        });
      }
      case 12:
        return this.#note({
          type: 'coalesce',
          route: this.#over(servers, depth + 1),
          waitersMax: this.#pick([1, 3, 1000]),
          hotGets: this.#pick([0, 2, 128]),
        });
      case 13:
        return this.#note({
          type: 'near-cache',
          route: this.#over(servers, depth + 1),
          ttlMs: this.#pick([1, 50, 10_000]),
          itemsMax: this.#pick([1, 3, 1000]),
          bytesMax: this.#pick([100, 1000, 65_536]),
          valueBytesMax: this.#pick([10, 65_536]),
          hotGets: this.#pick([0, 2, 16]),
        });
      case 14: {
        const [from, to] = [this.#shard(servers, DEPTH_MAX), this.#shard(servers, DEPTH_MAX)];
        const startSeconds = WALL_START_MS / 1000 + this.#random.below(8);
        const endSeconds = startSeconds + 15 + this.#random.below(15);
        return this.#note({ type: 'reshard', from, to, startSeconds, endSeconds });
      }
      case 11: {
        this.copies = true;
        const [main, backup] = this.#two(servers, depth);
        return this.#note({ type: 'mirror', main, backup });
      }
      default:
        return this.#leaf(servers);
    }
  }

  /** One server, or a shard over several. */
  #leaf(servers: readonly number[]): RouteTree {
    const [only, ...others] = servers;
    if (only !== undefined && others.length === 0) return this.#note({ type: 'server', connections: [only] });
    return this.#shard(servers, DEPTH_MAX);
  }

  #shard(servers: readonly number[], depth: number): RouteTree {
    const routes =
      depth < DEPTH_MAX
        ? this.#some(servers, depth)
        : servers.map((server) => this.#note<RouteTree>({ type: 'server', connections: [server] }));
    return this.#note({
      type: 'shard',
      hash: this.#pick([...KEY_HASHES.keys()]),
      distribution: this.#pick([...DISTRIBUTIONS.keys(), MODULO].filter((name) => name !== 'random')),
      hashTag: this.#pick([null, '{}']),
      stopMark: this.#pick([null, '|#|']),
      children: routes.map((route, index) => ({ name: `child${index}`, weight: 1 + index, route })),
    });
  }

  #some(servers: readonly number[], depth: number): RouteTree[] {
    const count = 2 + this.#random.below(Math.min(3, servers.length));
    return this.#parts(servers, count).map((part) => this.#over(part, depth + 1));
  }

  #two(servers: readonly number[], depth: number): [RouteTree, RouteTree] {
    const [one, other] = this.#parts(servers, 2);
    return [this.#over(one!, depth + 1), this.#over(other!, depth + 1)];
  }

  /** Deals the servers out; some part may get none. */
  #parts(servers: readonly number[], count: number): number[][] {
    const parts = Array.from({ length: count }, (): number[] => []);
    for (const [index, server] of servers.entries())
      parts[index < count ? index : this.#random.below(count)]!.push(server);
    return parts;
  }
}

import { assert } from '../base/assert.ts';
import type { Distribution } from '../hashing/distribution.ts';
import {
  DISTRIBUTIONS,
  KEY_HASHES,
  type KeyHash,
  magentModuloHash,
  modulo,
  type PlacedServer,
  taggedHash,
} from '../hashing/index.ts';
import { stoppedHash } from '../hashing/stop-mark.ts';
import { ByCommandRoute } from './by-command.ts';
import { CoalesceRoute, type CoalesceRules } from './coalesce.ts';
import type { Destination } from './destination.ts';
import { serverFigureLines } from './destination-figure-lines.ts';
import { DestinationRoute } from './destination-route.ts';
import { EjectingDistribution, type EjectionHost, type EjectionRules } from './ejecting-distribution.ts';
import { EjectingShard, serversBelow } from './ejecting-shard.ts';
import { ErrandRoute } from './errand-route.ts';
import { ErrorRoute } from './error.ts';
import { FailoverRoute } from './failover.ts';
import { FailoverExptimeRoute } from './failover-exptime.ts';
import { hotKeyFigures } from './hot-keys.ts';
import { MigrateRoute } from './migrate.ts';
import { MirrorRoute } from './mirror.ts';
import { MissFailoverRoute } from './miss-failover.ts';
import { NearCacheRoute, type NearCacheRules } from './near-cache.ts';
import { NullRoute } from './null.ts';
import { counterLines, poolFigureLines, statText } from './pool-figure-lines.ts';
import { PrefixRoute } from './prefix.ts';
import { RandomRoute } from './random.ts';
import { ReplicateRoute, type Wait } from './replicate.ts';
import { ReshardRoute, type ReshardRules } from './reshard.ts';
import { RotationRoute } from './rotation.ts';
import type { RouteContext, RouteHandle } from './route-handle.ts';
import type { RoutePlan } from './router.ts';
import { ShadowRoute } from './shadow.ts';
import { ShardRoute } from './shard.ts';
import { StripPrefixRoute } from './strip-prefix.ts';
import { WarmUpRoute } from './warm-up.ts';
import { zoneRoute } from './zone.ts';

/** magent's placement without `-k`, as a distribution: its hash modulo the number of children, in their order, each as often as its weight. */
export const MODULO = 'modulo';

/** The hash by which shadows and migrations choose keys: none that a shard would use by default, so that they take some of each server. */
const CHOOSING_HASH = 'murmur';

/** How a shard places keys. */
export interface ShardPlacement {
  readonly hash: string;
  readonly distribution: string;
  /** Two characters; null: none. */
  readonly hashTag: string | null;
  readonly stopMark: string | null;
}

/** A route tree as data: structured-clonable. */
export type RouteTree =
  /** One server, by the positions of its connections. */
  | { readonly type: 'server'; readonly connections: readonly number[] }
  | ({
      readonly type: 'shard';
      readonly children: readonly (PlacedServer & { readonly route: RouteTree })[];
      /** Not given: keys stay where they are when a child is dead. */
      readonly ejection?: EjectionRules;
    } & ShardPlacement)
  | { readonly type: 'mirror'; readonly main: RouteTree; readonly backup: RouteTree }
  | {
      readonly type: 'failover';
      readonly children: readonly RouteTree[];
      /** See FailoverExptimeRoute; null: children are all alike. */
      readonly standInSeconds: number | null;
    }
  | { readonly type: 'miss-failover'; readonly children: readonly RouteTree[]; readonly prefersMiss: boolean }
  | { readonly type: 'replicate'; readonly children: readonly RouteTree[]; readonly wait: Wait }
  | {
      readonly type: 'warm-up';
      readonly cold: RouteTree;
      readonly warm: RouteTree;
      readonly exptimeSeconds: number | null;
    }
  | {
      readonly type: 'prefix';
      readonly routes: readonly (readonly [prefix: string, route: RouteTree])[];
      readonly otherwise: RouteTree;
      readonly strip: boolean;
    }
  | {
      readonly type: 'shadow';
      readonly route: RouteTree;
      readonly shadow: RouteTree;
      readonly from: number;
      readonly to: number;
      readonly queueMax: number;
    }
  | {
      readonly type: 'migrate';
      readonly from: RouteTree;
      readonly to: RouteTree;
      readonly startSeconds: number;
      readonly intervalSeconds: number;
    }
  | ({ readonly type: 'reshard'; readonly from: RouteTree; readonly to: RouteTree } & ReshardRules)
  | {
      readonly type: 'zone';
      readonly zones: readonly (readonly [name: string, route: RouteTree])[];
      readonly local: string;
      readonly alsoOnMiss: boolean;
    }
  | {
      readonly type: 'by-command';
      readonly commands: readonly (readonly [kind: string, route: RouteTree])[];
      readonly otherwise: RouteTree;
    }
  | ({ readonly type: 'coalesce'; readonly route: RouteTree } & CoalesceRules)
  | ({ readonly type: 'near-cache'; readonly route: RouteTree } & NearCacheRules)
  | { readonly type: 'random'; readonly children: readonly RouteTree[] }
  | { readonly type: 'null' }
  | { readonly type: 'error'; readonly message: string };

/**
 * A route tree of handles out of one of data.
 *
 * @param more further lines of `stats`
 */
export function treePlan(
  destinations: readonly Destination[],
  tree: RouteTree,
  context: RouteContext & EjectionHost,
  more: () => readonly string[] = () => [],
): RoutePlan {
  const root = new TreeBuilder(destinations, context).build(tree);
  // Handles that ask several children at once may wait for some of them in the first round and for others in the last.
  const rounds = [...root.walk()].some((handle) => handle instanceof ErrandRoute) ? 2 : 1;
  const answerMsMax = (): number => rounds * root.answerMsMax();
  const { calls } = context;
  const { requests } = calls;
  return {
    root,
    answerMsMax,
    statistics: (subject, isForMerging = false) => {
      const servers = (): string[] => serverFigureLines(destinations, isForMerging, ejectedBelow(root));
      const pools = (): string[] => [
        ...poolFigureLines(requests, calls.failures),
        ...counterLines(root),
        ...hotKeyFigures(root, context.hotKeyFigures).map(([name, count]) => `${name} ${count}`),
        ...groupLines(destinations),
      ];
      const lines =
        subject === 'agent'
          ? [`agent_answer_ms_max ${Math.ceil(answerMsMax())}`]
          : subject === 'pools'
            ? pools()
            : subject === 'servers'
              ? servers()
              : [...more(), ...pools(), ...servers()];
      return statText(lines);
    },
  };
}

class TreeBuilder {
  readonly #destinations: readonly Destination[];
  readonly #context: RouteContext & EjectionHost;
  readonly #choosingHash: KeyHash;

  constructor(destinations: readonly Destination[], context: RouteContext & EjectionHost) {
    this.#destinations = destinations;
    this.#context = context;
    this.#choosingHash = hashOf(CHOOSING_HASH);
  }

  build(tree: RouteTree): RouteHandle {
    const context = this.#context;
    const { calls } = context;
    switch (tree.type) {
      case 'server':
        return this.#server(tree.connections);
      case 'shard': {
        const children = tree.children.map(({ route }) => this.build(route));
        const hash = placementHash(tree);
        const distribute = (isLive: (position: number) => boolean): Distribution =>
          distributionOf(tree.distribution, tree.children, isLive, context);
        const { ejection } = tree;
        if (ejection === undefined) return new ShardRoute(hash, distribute(isAlwaysLive), children, calls);
        const ejecting = new EjectingDistribution(children.map(serversBelow), distribute, ejection, context);
        return new EjectingShard(hash, ejecting, children, calls);
      }
      case 'mirror':
        return new MirrorRoute(this.build(tree.main), this.build(tree.backup), context);
      case 'failover': {
        const children = this.#all(tree.children);
        const { standInSeconds } = tree;
        if (standInSeconds === null) return new FailoverRoute(children);
        return new FailoverExptimeRoute(children, standInSeconds, calls);
      }
      case 'miss-failover':
        return new MissFailoverRoute(this.#all(tree.children), tree.prefersMiss, calls);
      case 'replicate':
        return new ReplicateRoute(this.#all(tree.children), tree.wait, calls);
      case 'warm-up': {
        const rules = {
          exptimeSeconds: tree.exptimeSeconds,
          exptimeSecondsUnknown: context.settings.fillExptimeSeconds,
        };
        return new WarmUpRoute(this.build(tree.cold), this.build(tree.warm), rules, calls);
      }
      case 'prefix': {
        const routes = tree.routes.map(([prefix, route]): [string, RouteHandle] => {
          const handle = this.build(route);
          const bytes = new TextEncoder().encode(prefix).length;
          return [prefix, tree.strip ? new StripPrefixRoute(handle, bytes, calls) : handle];
        });
        return new PrefixRoute(new Map(routes), this.build(tree.otherwise), calls);
      }
      case 'shadow':
        return new ShadowRoute(
          this.build(tree.route),
          this.build(tree.shadow),
          tree,
          this.#choosingHash,
          calls,
        );
      case 'migrate':
        return new MigrateRoute(
          this.build(tree.from),
          this.build(tree.to),
          tree,
          this.#choosingHash,
          () => context.wallMs(),
          calls,
        );
      case 'reshard':
        return new ReshardRoute(this.build(tree.to), this.build(tree.from), tree, context);
      case 'zone':
        return zoneRoute(this.#named(tree.zones), tree.local, tree.alsoOnMiss, calls);
      case 'by-command':
        return new ByCommandRoute(this.#named(tree.commands), this.build(tree.otherwise));
      case 'coalesce':
        return new CoalesceRoute(this.build(tree.route), tree, context);
      case 'near-cache':
        return new NearCacheRoute(this.build(tree.route), tree, context);
      case 'random':
        return new RandomRoute(this.#all(tree.children), context.random);
      case 'null':
        return new NullRoute(calls);
      case 'error':
        return new ErrorRoute(tree.message);
    }
  }

  #all(trees: readonly RouteTree[]): RouteHandle[] {
    return trees.map((tree) => this.build(tree));
  }

  #named(trees: readonly (readonly [string, RouteTree])[]): Map<string, RouteHandle> {
    return new Map(trees.map(([name, tree]) => [name, this.build(tree)]));
  }

  #server(connections: readonly number[]): RouteHandle {
    const leaves = connections.map((position) => {
      const destination = this.#destinations[position];
      assert(destination !== undefined, 'a tree names servers of its own list');
      return new DestinationRoute(destination);
    });
    const [first, ...others] = leaves;
    assert(first !== undefined, 'a server has a connection');
    return others.length === 0 ? first : new RotationRoute(leaves);
  }
}

function hashOf(name: string): KeyHash {
  const hash = KEY_HASHES.get(name);
  assert(hash !== undefined, 'names of hashes were checked when they were read');
  return hash;
}

/** The hash of a placement, tag and stop mark included. */
export function placementHash({ hash, distribution, hashTag, stopMark }: ShardPlacement): KeyHash {
  let made = distribution === MODULO ? magentModuloHash : hashOf(hash);
  if (hashTag !== null) {
    const [open, close] = new TextEncoder().encode(hashTag);
    assert(open !== undefined && close !== undefined, 'a hash tag has two characters');
    made = taggedHash(made, open, close);
  }
  return stopMark === null ? made : stoppedHash(made, new TextEncoder().encode(stopMark));
}

/** @param name was checked when it was read */
export function distributionOf(
  name: string,
  servers: readonly PlacedServer[],
  isLive: (position: number) => boolean,
  { random }: Pick<RouteContext, 'random'>,
): Distribution {
  if (name === MODULO) return moduloOver(servers, isLive);
  const make = DISTRIBUTIONS.get(name);
  assert(make !== undefined, 'names of distributions were checked when they were read');
  return make(servers, isLive, random);
}

const isAlwaysLive = (): boolean => true;

function moduloOver(servers: readonly PlacedServer[], isLive: (position: number) => boolean): Distribution {
  const live = [...servers.keys()].filter(isLive);
  if (live.length === 0) return { pick: () => -1 };
  const weights = live.map((position) => servers[position]?.weight ?? 1);
  const among = modulo(live.length, weights);
  return live.length === servers.length ? among : { pick: (hash) => live[among.pick(hash)] ?? -1 };
}

/** Servers that a shard has ejected; null where none may do so. */
function ejectedBelow(root: RouteHandle): ReadonlySet<Destination> | null {
  const shards = [...root.walk()].filter((handle) => handle instanceof EjectingShard);
  return shards.length === 0 ? null : new Set(shards.flatMap((shard) => [...shard.ejected()]));
}

function groupLines(destinations: readonly Destination[]): string[] {
  const groups = [...new Set(destinations.map(({ group }) => group))];
  const openings = groups.reduce((sum, group) => sum + group.openings, 0);
  return [
    `pools_failing_open ${groups.filter(({ failsOpen }) => failsOpen).length}`,
    `pool_fail_openings ${openings}`,
  ];
}

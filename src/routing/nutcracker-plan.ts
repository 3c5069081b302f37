import { assert } from '../base/assert.ts';
import { DISTRIBUTIONS, KEY_HASHES, type PlacedServer, taggedHash } from '../hashing/index.ts';
import { VERB } from '../protocol/text/verbs.ts';
import type { Call } from './call.ts';
import { mayTryElsewhere } from './call.ts';
import type { Destination } from './destination.ts';
import { DestinationRoute } from './destination-route.ts';
import { EjectingDistribution, type EjectionHost, type EjectionRules } from './ejecting-distribution.ts';
import { type HotKeys, withHotKeys } from './hot-keys.ts';
import { MirrorRoute } from './mirror.ts';
import { RotationRoute } from './rotation.ts';
import type { RouteContext, RouteHandle } from './route-handle.ts';
import type { RoutePlan } from './router.ts';
import { ShardRoute } from './shard.ts';

/** A pool of twemproxy's as a route tree is made of it. */
export interface NutcrackerPool {
  readonly servers: readonly PlacedServer[];
  /** One of twemproxy's names. */
  readonly hash: string;
  readonly hashTag: string | null;
  readonly distribution: string;
  readonly serverConnections: number;
  /** Null: nobody is ejected. With probes the first failure is enough, and who answers is back at once, whatever the other two say. */
  readonly ejection: EjectionRules | null;
  /** What stands around the tree; not given: nothing. */
  readonly hotKeys?: HotKeys | null;
  /** Ours: behind the destinations of `servers` stand those of twins, each of the server at this position. Twins hold the same keys. */
  readonly twinOf?: readonly number[];
}

/** What statistics tell of a pool. */
export interface NutcrackerPlan extends RoutePlan {
  readonly ejecting: EjectingDistribution | null;
}

/** `version` has no key and is as well answered by any other server, when the one that is asked cannot. */
class PoolShard extends ShardRoute {
  override childFailed(index: number, call: Call): void {
    if (call.request.verb === VERB.version && call.rehashes < this.childCount - 1) {
      call.rehashes++;
      this.routeTo((index + 1) % this.childCount, call);
    } else super.childFailed(index, call);
  }
}

/** A request whose server has been ejected because of it goes to the server that has its key now. */
class RehashingShard extends ShardRoute {
  override triesOthers(): boolean {
    return true;
  }

  override childFailed(index: number, call: Call): void {
    if (call.rehashes < this.childCount && mayTryElsewhere(call)) {
      call.rehashes++;
      this.route(call);
    } else super.childFailed(index, call);
  }
}

/**
 * twemproxy's meaning as a route tree:
 *
 *     shard(rotation(connections of a server), ...)
 *     shard(mirror(rotation(connections of a server), rotation(connections of its twin)), ...)
 *
 * @param destinations of the first server all connections, then of the second, ..., then those of twins in the same way
 */
export function nutcrackerPlan(
  destinations: readonly Destination[],
  pool: NutcrackerPool,
  context: RouteContext & EjectionHost,
): NutcrackerPlan {
  const { servers, serverConnections: connections } = pool;
  const keyHash = KEY_HASHES.get(pool.hash);
  const make = DISTRIBUTIONS.get(pool.distribution);
  assert(
    keyHash !== undefined && make !== undefined,
    'hash and distribution were checked when the file was read',
  );
  const [open = 0, close = 0] = new TextEncoder().encode(pool.hashTag ?? '');
  const hash = pool.hashTag === null ? keyHash : taggedHash(keyHash, open, close);
  const node = (position: number): readonly Destination[] =>
    destinations.slice(position * connections, (position + 1) * connections);
  const { twinOf = [] } = pool;
  const shards = servers.map((_, position) => {
    const twin = twinOf.indexOf(position);
    return twin < 0 ? [node(position)] : [node(position), node(servers.length + twin)];
  });
  const children = shards.map((nodes) => {
    const [main, twin] = nodes.map(routeTo);
    assert(main !== undefined, 'a shard has a node');
    return twin === undefined ? main : new MirrorRoute(main, twin, context);
  });
  const distribute = (isLive: (position: number) => boolean) => make(servers, isLive, context.random);
  const { ejection } = pool;
  const rules = ejection?.probes === true ? { failureLimit: 1, retryMs: 0, probes: true } : ejection;
  const ejecting = rules === null ? null : new EjectingDistribution(shards, distribute, rules, context);
  const distribution = ejecting ?? distribute(() => true);
  const hotKeys = pool.hotKeys ?? null;
  const rounds = hotKeys === null ? 1 : 2;
  const Shard = ejection?.probes === true ? RehashingShard : PoolShard;
  return {
    root: withHotKeys(new Shard(hash, distribution, children, context.calls), hotKeys, context),
    ejecting,
    answerMsMax: () => rounds * Math.max(...children.map((child) => child.answerMsMax())),
    statistics: () => 'END\r\n',
  };
}

function routeTo(connections: readonly Destination[]): RouteHandle {
  const leaves = connections.map((destination) => new DestinationRoute(destination));
  return leaves.length === 1 ? leaves[0]! : new RotationRoute(leaves);
}

import type { Distribution } from '../hashing/distribution.ts';
import type { KeyHash } from '../hashing/key-hash.ts';
import { magentByteHash, magentKetama, magentWordHash } from '../hashing/magent-ketama.ts';
import { magentModuloHash } from '../hashing/magent-modulo-hash.ts';
import { modulo } from '../hashing/modulo.ts';
import type { CallPool } from './call.ts';
import { DESTINATION, type Destination } from './destination.ts';
import { serverFigureLines } from './destination-figure-lines.ts';
import { DestinationRoute } from './destination-route.ts';
import { type HotKeys, hotKeyFigures, withHotKeys } from './hot-keys.ts';
import { MirrorRoute } from './mirror.ts';
import { counterLines, poolFigureLines, statText } from './pool-figure-lines.ts';
import type { RouteContext, RouteHandle } from './route-handle.ts';
import type { RoutePlan } from './router.ts';
import { ShardRoute } from './shard.ts';

/** Where keys lie: the same rule for mains and backups, each over its own list. */
export interface Placement {
  readonly hash: KeyHash;
  /**
   * @param servers as `address:port`
   * @param weights of those that have one; not given: all are 1
   */
  distribution(servers: readonly string[], weights?: readonly number[]): Distribution;
}

/** magent without `-k`. */
export const MODULO_PLACEMENT: Placement = {
  hash: magentModuloHash,
  distribution: (servers, weights) => modulo(servers.length, weights),
};

/** The ring is made of addresses as typed, `127.1:11221` as `127.1-11221`. */
function ringNames(servers: readonly string[]): string[] {
  return servers.map((server) => server.replace(/:(\d+)$/, '-$1'));
}

/** magent with `-k`, with the key hash of its 0.7: what `-k` was meant to be. */
export const KETAMA_PLACEMENT: Placement = {
  hash: magentWordHash,
  distribution: (servers, weights) => magentKetama(ringNames(servers), 'word', weights),
};

/** magent 0.5 and 0.6 with `-k`: by a mistake of theirs nearly every key lies on one server. For fleets that are filled so. */
export const KETAMA_8BIT_PLACEMENT: Placement = {
  hash: magentByteHash,
  distribution: (servers, weights) => magentKetama(ringNames(servers), 'byte', weights),
};

/**
 * magent's meaning as a route tree:
 *
 *     mirror(shard(mains), shard(backups))      with -b
 *     shard(mains)                              without
 *
 * @param destinations mains first, then backups
 * @param mains how many of them are mains; at least one
 * @param weights by destination; not given: 1
 * @param hotKeys what stands around the tree; null: nothing
 */
export function magentPlan(
  destinations: readonly Destination[],
  mains: number,
  placement: Placement,
  context: RouteContext,
  weights: readonly number[] = [],
  hotKeys: HotKeys | null = null,
): RoutePlan {
  const { calls } = context;
  const mainList = destinations.slice(0, mains);
  const backupList = destinations.slice(mains);
  const mainRoute = shardOver(mainList, weights.slice(0, mains), placement, calls);
  const inner =
    backupList.length === 0
      ? mainRoute
      : new MirrorRoute(mainRoute, shardOver(backupList, weights.slice(mains), placement, calls), context);
  const root = withHotKeys(inner, hotKeys, context);
  // Who has waited for another's answer in vain may have to wait as long for one of its own.
  const rounds = hotKeys === null ? 1 : 2;
  const answerMsMax = (): number => {
    let sum = 0;
    for (const side of [mainList, backupList])
      sum += side.reduce((longest, destination) => Math.max(longest, destination.answerMsMax), 0);
    return rounds * sum;
  };
  return {
    root,
    answerMsMax,
    statistics: (subject, isForMerging = false) => {
      if (subject === 'agent') return agentStatistics(answerMsMax());
      if (subject === 'pools')
        return statText([
          ...poolFigureLines(calls.requests, calls.failures),
          ...counterLines(root),
          ...hotKeyFigures(root, context.hotKeyFigures).map(([name, count]) => `${name} ${count}`),
        ]);
      return subject === 'servers' ? serverStatistics(destinations, isForMerging) : matrix(mainList);
    },
  };
}

function shardOver(
  list: readonly Destination[],
  weights: readonly number[],
  placement: Placement,
  calls: CallPool,
): RouteHandle {
  const leaves = list.map((destination) => new DestinationRoute(destination));
  const names = list.map((destination) => destination.name);
  return new ShardRoute(placement.hash, placement.distribution(names, weights), leaves, calls);
}

/** magent's answer to `stats`: mains only, no STAT words. */
function matrix(mains: readonly Destination[]): string {
  const lines = mains.map((main, index) => {
    const idle = main.state === DESTINATION.up && main.queue.length === 0 ? 1 : 0;
    return `matrix ${index + 1} -> ${main.name}, pool size ${idle}\r\n`;
  });
  return `memcached agent v0.5\r\n${lines.join('')}END\r\n`;
}

/** `stats servers`, ours: what this thread has counted of each server. */
function serverStatistics(destinations: readonly Destination[], withBuckets: boolean): string {
  return statText(serverFigureLines(destinations, withBuckets));
}

/** `stats agent`, ours: how long a proxy in front of this one has to wait before it may think that this one is dead. */
function agentStatistics(answerMsMax: number): string {
  return statText([`agent_answer_ms_max ${Math.ceil(answerMsMax)}`]);
}

/** Keys that move because the shards behind a pool have changed: from where, and when. */
import { isRecord } from '../base/json-record.ts';
import { StartError } from '../base/start-error.ts';
import { DEFAULT_POLICY } from '../checks/service-policy.ts';
import { RESHARD_TAIL_SECONDS } from '../routing/reshard.ts';
import type { ClusterDescription } from './cluster-file.ts';
import type { PlacedPool, PlacedProxy, PlacedShard, Target } from './placed-services.ts';
import { readStateEntries, statePath, writeState } from './state-directory.ts';

/** How keys lie behind a pool. */
interface Placement {
  /** In their order, with the weights of servers. */
  readonly to: readonly { readonly name: string; readonly weight: number }[];
  readonly placement: PlacedPool['placement'];
}

/** What moves behind one pool. */
export interface Move {
  readonly from: Placement;
  readonly to: Placement;
  /** Seconds since 1970. */
  readonly startSeconds: number;
  readonly endSeconds: number;
  /** So long after that proxies of other hosts may still read where keys were. */
  readonly tailSeconds: number;
  /** Shards that the file does not have any more, and that go on until their keys have moved. */
  readonly leaving: readonly PlacedShard[];
  /** Its start is not settled: some proxy may not know of it yet. */
  readonly isAnnounced: boolean;
}

/** By pool; a proxy without pools is its own. */
export type Moves = ReadonlyMap<string, Move>;

/** A move begins after so long if nothing comes of the order that it belongs to, and nobody gives another one. */
const ANNOUNCED_SECONDS = 86_400;

/**
 * What moves when another file is taken over. Moves are only announced here: `begun` says when all proxies know of them.
 *
 * @param after as the file says, without moves
 * @param lines gets one for each pool of which something is to be told
 * @throws StartError where keys are on their way already
 */
export function movesAfter(
  before: ClusterDescription,
  after: ClusterDescription,
  moves: Moves,
  nowSeconds: number,
  lines: string[],
): Moves {
  const { reshard } = after;
  const next = new Map<string, Move>();
  if (reshard === null) return next;
  const poolsBefore = poolsOf(before);
  const busy: string[] = [];
  for (const [name, pool] of poolsOf(after)) {
    const move = moves.get(name);
    const kept = move !== undefined && nowSeconds < forgottenAt(move) ? move : undefined;
    const poolBefore = poolsBefore.get(name);
    if (poolBefore === undefined || isSame(placementOf(poolBefore), placementOf(pool))) {
      if (kept !== undefined && poolBefore !== undefined) next.set(name, kept);
      continue;
    }
    // What was announced and has not begun: all keys lie where they lay.
    const isPending = kept?.isAnnounced === true && nowSeconds < kept.startSeconds - RESHARD_TAIL_SECONDS;
    const lies = isPending ? kept.from : placementOf(poolBefore);
    if (isPending && isSame(lies, placementOf(pool))) continue;
    if (kept !== undefined && !isPending && nowSeconds < kept.endSeconds + kept.tailSeconds) {
      busy.push(
        `keys of ${name} are on their way since the last change of its shards, until ${timeText(kept.endSeconds + kept.tailSeconds)}; change them again then, or write "reshard: false" to have them lost`,
      );
      continue;
    }
    const leaving = leavingShards(lies, before, after);
    const obstacle = obstacleOf(poolBefore, lies, pool, [...after.shards, ...leaving, ...after.proxies]);
    if (obstacle !== null) {
      lines.push(
        `keys of ${name} that lie elsewhere from now on are misses until they are stored anew: ${obstacle}`,
      );
      continue;
    }
    const startSeconds = Math.ceil(nowSeconds) + ANNOUNCED_SECONDS;
    next.set(name, {
      from: lies,
      to: placementOf(pool),
      startSeconds,
      endSeconds: startSeconds + reshard.forSeconds,
      // Other hosts may begin later by as much, and end so.
      tailSeconds: RESHARD_TAIL_SECONDS + reshard.prepareSeconds,
      leaving,
      isAnnounced: true,
    });
    lines.push(
      `keys of ${name} that lie elsewhere from now on are carried over from ${namesOf(lies)} as they are asked for, for ${reshard.forSeconds / 60} min`,
      ...returnLines(name, lies, placementOf(pool)),
      ...leaving.map((shard) => `${shard.name} goes on until its keys have moved, and is stopped then`),
    );
  }
  if (busy.length > 0) throw new StartError(busy.join('\n'));
  return next;
}

/**
 * A key may come back to a shard that it has left some time ago. What was not asked for meanwhile is still there, and no server can tell that it is the older
 * one. Only where rings of the same kind take in further shards no key goes to one that was there before.
 */
function returnLines(name: string, from: Placement, to: Placement): readonly string[] {
  const before = new Set(from.to.map((target) => target.name));
  const takers = to.to.filter((target) => before.has(target.name));
  const hasGrown = takers.length === before.size && isSame({ ...from, to: takers }, { ...to, to: takers });
  const keepsKeys = to.placement.distribution === 'ketama' || before.size === 1;
  if (takers.length === 0 || (hasGrown && keepsKeys)) return [];
  const shards = takers.map((target) => target.name).join(', ');
  return [
    `keys of ${name} come to ${shards} as well: should they have been there before, what is left of them there is read, though it is older`,
  ];
}

/** All proxies that run here know of the moves: they begin, as soon as those of other hosts may be expected to. @param lines gets one for each */
export function begun(
  { reshard }: ClusterDescription,
  moves: Moves,
  nowSeconds: number,
  lines: string[],
): Moves {
  if (reshard === null) return moves;
  return new Map(
    [...moves].map(([name, move]) => {
      if (!move.isAnnounced) return [name, move];
      const startSeconds = Math.ceil(nowSeconds) + reshard.prepareSeconds;
      const endSeconds = startSeconds + move.endSeconds - move.startSeconds;
      lines.push(
        `keys of ${name} move from ${namesOf(move.from)} to ${namesOf(move.to)}, from ${timeText(startSeconds)} to ${timeText(endSeconds)}`,
      );
      return [name, { ...move, startSeconds, endSeconds, isAnnounced: false }];
    }),
  );
}

/** The same cluster with what moves behind its pools. What is over, or belongs to another placement, or comes from what is no more, is left out. */
export function withMoves(cluster: ClusterDescription, moves: Moves, nowSeconds: number): ClusterDescription {
  if (cluster.reshard === null || moves.size === 0) return cluster;
  const shards = [...cluster.shards, ...shardsThatLeave(cluster, moves, nowSeconds)];
  const moved = (pool: PlacedPool): PlacedPool => {
    const move = moves.get(pool.name);
    if (move === undefined || nowSeconds >= forgottenAt(move)) return pool;
    if (!isSame(move.to, placementOf(pool)) || pool.eject !== null) return pool;
    const from = move.from.to.map((target) => targetNamed(target, [...shards, ...cluster.proxies]));
    if (!from.every((target) => target !== null)) return pool;
    const { startSeconds, endSeconds, tailSeconds } = move;
    const { placement } = move.from;
    return { ...pool, move: { to: from, placement, startSeconds, endSeconds, tailSeconds } };
  };
  return {
    ...cluster,
    shards,
    proxies: cluster.proxies.map((proxy) => ({ ...proxy, pools: proxy.pools.map(moved) })),
  };
}

/** As the file says: without what moves, and without shards that it has no more. */
export function withoutMoves(cluster: ClusterDescription): ClusterDescription {
  const settled = ({ move: _, ...pool }: PlacedPool): PlacedPool => pool;
  return {
    ...cluster,
    shards: cluster.shards.filter(({ isLeaving }) => isLeaving !== true),
    proxies: cluster.proxies.map((proxy) => ({ ...proxy, pools: proxy.pools.map(settled) })),
  };
}

/** When the next shard may be stopped that is gone from the file; null: there is none. */
export function nextLeave(moves: Moves): number | null {
  const ends = [...moves.values()].flatMap((move) => (move.leaving.length === 0 ? [] : [forgottenAt(move)]));
  return ends.length === 0 ? null : Math.min(...ends);
}

function shardsThatLeave({ shards }: ClusterDescription, moves: Moves, nowSeconds: number): PlacedShard[] {
  const byName = new Map<string, PlacedShard>();
  for (const { leaving, ...move } of moves.values())
    if (nowSeconds < forgottenAt(move)) for (const shard of leaving) byName.set(shard.name, shard);
  for (const { name } of shards) byName.delete(name);
  return [...byName.values()];
}

/** Those that keys of a pool leave, and that the file does not have any more. */
function leavingShards(
  { to }: Placement,
  before: ClusterDescription,
  after: ClusterDescription,
): PlacedShard[] {
  const names = new Set([...after.shards, ...after.proxies].map(({ name }) => name));
  return before.shards
    .filter((shard) => !names.has(shard.name) && to.some(({ name }) => name === shard.name))
    .map((shard) => ({ ...shard, isLeaving: true }));
}

/** For the status: what moves now, a line for each pool. */
export function moveLines(moves: Moves, nowSeconds: number): string[] {
  return [...moves].flatMap(([name, { from, to, startSeconds, endSeconds }]) =>
    nowSeconds < endSeconds
      ? [
          `keys of ${name} move from ${namesOf(from)} to ${namesOf(to)}, ${nowSeconds < startSeconds ? `from ${timeText(startSeconds)} to` : 'until'} ${timeText(endSeconds)}`,
        ]
      : [],
  );
}

/** Moves outlive the monitor. What cannot be read counts as nothing. */
export function readMoves(cluster: string, host: string | null): Moves {
  const pairs = readStateEntries(statePath(cluster, 'moves', host));
  return new Map(pairs.flatMap(([pool, move]) => (isMove(move) ? [[pool, move] as const] : [])));
}

/** @returns why they could not be kept, or null */
export function writeMoves(cluster: string, host: string | null, moves: Moves): string | null {
  return writeState(
    statePath(cluster, 'moves', host),
    `${JSON.stringify(Object.fromEntries(moves), null, 2)}\n`,
  );
}

/** When nothing of a move is left in any proxy, whatever its clock says. */
function forgottenAt({ endSeconds, tailSeconds }: Pick<Move, 'endSeconds' | 'tailSeconds'>): number {
  return endSeconds + 2 * tailSeconds;
}

function poolsOf({ proxies }: ClusterDescription): Map<string, PlacedPool> {
  return new Map(proxies.flatMap(({ pools }) => pools.map((pool) => [pool.name, pool] as const)));
}

function placementOf({ to, placement }: PlacedPool): Placement {
  return {
    to: to.map((target) => ({ name: target.name, weight: target.kind === 'server' ? target.weight : 1 })),
    placement,
  };
}

function isSame(one: Placement, other: Placement): boolean {
  return JSON.stringify([one.to, sorted(one)]) === JSON.stringify([other.to, sorted(other)]);
}

function sorted({ placement }: Placement): unknown {
  return Object.entries(placement).toSorted(([one], [other]) => (one < other ? -1 : 1));
}

/** Why keys cannot be carried over; null: they can. */
function obstacleOf(
  before: PlacedPool,
  lies: Placement,
  after: PlacedPool,
  named: readonly (PlacedShard | PlacedProxy)[],
): string | null {
  if (before.eject !== null || after.eject !== null) return 'the pool ejects';
  if (lies.placement.distribution === 'random' || after.placement.distribution === 'random')
    return 'they lie at random';
  const gone = lies.to.filter((target) => targetNamed(target, named) === null);
  if (gone.length === 0) return null;
  return `${gone.map(({ name }) => name).join(', ')} is gone from the file; to have them carried over, leave the proxy there until they have moved`;
}

/** What a placement names; a server that is none of the cluster needs no entry in the file. */
function targetNamed(
  { name, weight }: Placement['to'][number],
  named: readonly (PlacedShard | PlacedProxy)[],
): Target | null {
  const found = named.find((target) => target.name === name);
  if (found !== undefined) return found;
  return name.includes(':') || name.startsWith('/') ? { kind: 'server', name, weight } : null;
}

function namesOf({ to }: Placement): string {
  return to.map(({ name }) => name).join(', ');
}

function timeText(seconds: number): string {
  return new Date(seconds * 1000).toTimeString().slice(0, 8);
}

function isMove(value: unknown): value is Move {
  return (
    isRecord(value) &&
    typeof value['startSeconds'] === 'number' &&
    typeof value['endSeconds'] === 'number' &&
    typeof value['tailSeconds'] === 'number' &&
    typeof value['isAnnounced'] === 'boolean' &&
    Array.isArray(value['leaving']) &&
    value['leaving'].every(isShard) &&
    isPlacement(value['from']) &&
    isPlacement(value['to'])
  );
}

function isShard(value: unknown): value is PlacedShard {
  if (!isRecord(value) || !isRecord(value['policy'])) return false;
  const { twins, options } = value;
  return (
    value['kind'] === 'shard' &&
    typeof value['name'] === 'string' &&
    ['replicationPort', 'memoryMib', 'threads'].every((name) => typeof value[name] === 'number') &&
    Object.keys(DEFAULT_POLICY).every((name) => isRecord(value['policy']) && name in value['policy']) &&
    Array.isArray(options) &&
    options.every((word) => typeof word === 'string') &&
    Array.isArray(twins) &&
    twins.length > 0 &&
    twins.every(
      (twin) =>
        isRecord(twin) &&
        ['name', 'host', 'address'].every((name) => typeof twin[name] === 'string') &&
        typeof twin['port'] === 'number',
    )
  );
}

function isPlacement(value: unknown): value is Placement {
  if (!isRecord(value) || !isRecord(value['placement']) || !Array.isArray(value['to'])) return false;
  const to: unknown[] = value['to'];
  const words = Object.values(value['placement']);
  return (
    typeof value['placement']['distribution'] === 'string' &&
    words.every((word) => typeof word === 'string') &&
    to.every(
      (target) =>
        isRecord(target) && typeof target['name'] === 'string' && typeof target['weight'] === 'number',
    )
  );
}

/** Keys that move because the shards behind a pool have changed: from where, and when. */
import { isRecord } from '../base/json-record.ts';
import { StartError } from '../base/start-error.ts';
import type { KeyMove } from '../checks/key-moves.ts';
import { DEFAULT_POLICY } from '../checks/service-policy.ts';
import { RESHARD_TAIL_SECONDS } from '../routing/reshard.ts';
import type { ClusterDescription } from './cluster-file.ts';
import { type LeftBehind, type Leftover, type LeftPlace, leftPlaces, obstacleAt } from './left-behind.ts';
import type { PlacedPool, PlacedProxy, PlacedShard } from './placed-services.ts';
import {
  isPlacement,
  isSame,
  namesOf,
  type Placement,
  placementOf,
  poolsOf,
  targetNamed,
} from './placements.ts';
import { readStateEntries, statePath, writeState } from './state-directory.ts';

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
 * @param left what shards hold of keys from an earlier time; nothing unless given
 * @throws StartError where keys are on their way already, or would come to where they are found as they were
 */
export function movesAfter(
  before: ClusterDescription,
  after: ClusterDescription,
  moves: Moves,
  nowSeconds: number,
  lines: string[],
  left: LeftBehind = new Map(),
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
    const isPending = kept !== undefined && isPendingAt(kept, nowSeconds);
    const lies = liesNow(kept, poolBefore, nowSeconds);
    if (isPending && isSame(lies, placementOf(pool))) continue;
    if (kept !== undefined && !isPending && nowSeconds < kept.endSeconds + kept.tailSeconds) {
      busy.push(
        `keys of ${name} are on their way since the last change of its shards, until ${timeText(kept.endSeconds + kept.tailSeconds)}; change them again then, or write "reshard: false" to have them lost`,
      );
      continue;
    }
    const takers = takersOf(lies, placementOf(pool));
    const places = leftPlaces(left, name, after).filter((place) => takers.includes(place.name));
    const waiting = places.filter(({ obstacle }) => obstacle === null).map((place) => place.name);
    if (waiting.length > 0) {
      busy.push(
        `${waiting.join(', ')} still ${waiting.length === 1 ? 'has' : 'have'} keys of ${name} from the time before they lay elsewhere, which are being deleted; change its shards again when that is done, or write "reshard: false" to have them read although they are older`,
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
      ...deletionLines(name, lies, after),
      ...returnLines(name, lies, after, takers, places),
      ...leaving.map((shard) => `${shard.name} goes on until its keys have moved, and is stopped then`),
    );
  }
  if (busy.length > 0) throw new StartError(busy.join('\n'));
  return next;
}

/** Of one pool; what is older is forgotten. So many come only where keys are sent elsewhere again and again with `reshard: false`. */
const LEFTOVERS_MAX = 16;

/**
 * What is left behind when another file is taken over.
 *
 * @param moves as they are before
 */
export function leftAfter(
  before: ClusterDescription,
  after: ClusterDescription,
  moves: Moves,
  left: LeftBehind,
  nowSeconds: number,
): LeftBehind {
  const poolsBefore = poolsOf(before);
  const next = new Map<string, readonly Leftover[]>();
  for (const [name, pool] of poolsOf(after)) {
    const now = placementOf(pool);
    const poolBefore = poolsBefore.get(name);
    const lay = poolBefore === undefined ? now : liesNow(moves.get(name), poolBefore, nowSeconds);
    const known = left.get(name) ?? [];
    // Where keys lie again, what is there is theirs.
    const others = known.filter(({ from }) => !isSame(from, now) && !isSame(from, lay));
    const isAnywhere = lay.placement.distribution === 'random' || poolBefore?.eject != null;
    const obstacle = isAnywhere ? `keys of ${name} were anywhere` : null;
    const places = lay.to.map((target) => ({ name: target.name, obstacle }));
    const leftovers = isSame(lay, now) ? others : [...others, { from: lay, places }].slice(-LEFTOVERS_MAX);
    if (leftovers.length > 0) next.set(name, leftovers);
  }
  return next;
}

/** What was announced and has not begun: all keys lie where they lay. */
function isPendingAt({ isAnnounced, startSeconds }: Move, nowSeconds: number): boolean {
  return isAnnounced && nowSeconds < startSeconds - RESHARD_TAIL_SECONDS;
}

/** Where the keys of a pool lie, or lay before the move that is under way. */
function liesNow(move: Move | undefined, pool: PlacedPool, nowSeconds: number): Placement {
  return move !== undefined && isPendingAt(move, nowSeconds) ? move.from : placementOf(pool);
}

/** What gets keys that lay elsewhere. Only where rings of the same kind take in further shards none comes to those that were there before. */
function takersOf(from: Placement, to: Placement): readonly string[] {
  const before = new Set(from.to.map((target) => target.name));
  const stay = to.to.filter((target) => before.has(target.name));
  const hasGrown = stay.length === before.size && isSame({ ...from, to: stay }, { ...to, to: stay });
  const keepsKeys = to.placement.distribution === 'ketama' || before.size === 1;
  const takers = hasGrown && keepsKeys ? to.to.filter((target) => !before.has(target.name)) : to.to;
  return takers.map((target) => target.name);
}

function deletionLines(name: string, { to }: Placement, after: ClusterDescription): readonly string[] {
  const places = to.map((target) => target.name).filter((place) => obstacleAt(place, after) === null);
  if (places.length === 0) return [];
  return [`what keys of ${name} leave behind in ${places.join(', ')} is deleted when they have moved`];
}

/**
 * A key may come back to a place that it has left some time ago. What it has left there is deleted when the move is over, where that can be done; elsewhere
 * no server can tell that it is the older one.
 */
function returnLines(
  name: string,
  from: Placement,
  after: ClusterDescription,
  takers: readonly string[],
  left: readonly LeftPlace[],
): readonly string[] {
  const lines: string[] = [];
  for (const taker of takers) {
    const known = left.find((place) => place.name === taker);
    const wasThere = known !== undefined || from.to.some((target) => target.name === taker);
    const obstacle = known?.obstacle ?? obstacleAt(taker, after);
    if (wasThere && obstacle !== null)
      lines.push(
        `keys of ${name} come to ${taker} as well: should they have been there before, what is left of them there is read, though it is older (${obstacle})`,
      );
  }
  return lines;
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

/** The same for programs, and what follows: until all proxies of this host have forgotten where keys were. */
export function keyMoves(moves: Moves, nowSeconds: number): KeyMove[] {
  return [...moves].flatMap(([pool, { from, to, startSeconds, endSeconds, tailSeconds, isAnnounced }]) => {
    if (nowSeconds >= endSeconds + tailSeconds) return [];
    const names = ({ to: targets }: Placement): string[] => targets.map(({ name }) => name);
    const phase =
      nowSeconds >= endSeconds
        ? 'after'
        : nowSeconds >= startSeconds
          ? 'moving'
          : isAnnounced
            ? 'announced'
            : 'before';
    const isSettled = phase !== 'announced';
    return [
      {
        pool,
        from: names(from),
        to: names(to),
        phase,
        startAtMs: isSettled ? startSeconds * 1000 : null,
        endAtMs: isSettled ? endSeconds * 1000 : null,
      },
    ];
  });
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

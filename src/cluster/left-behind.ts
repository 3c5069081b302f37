/** What keys have left behind in shards that they lie in no more: what is known of it, kept for the next monitor, and what is to be told. */
import { isRecord } from '../base/json-record.ts';
import { addressParts } from '../net/server-exchange.ts';
import type { ClusterDescription } from './cluster-file.ts';
import { isPlacement, isSame, type Placement, placementOf, poolsOf } from './placements.ts';
import { readStateEntries, statePath, writeState } from './state-directory.ts';

/** A placement of a pool that was in force once. */
export interface Leftover {
  readonly from: Placement;
  /** What may still hold keys that had their place there. */
  readonly places: readonly LeftPlace[];
}

export interface LeftPlace {
  readonly name: string;
  /** Why the server will not have them deleted; null: it will. */
  readonly obstacle: string | null;
}

/** By pool, what is the longest ago in front. */
export type LeftBehind = ReadonlyMap<string, readonly Leftover[]>;

/** Why keys from an earlier time cannot be told from others in a place; null: they can, and are deleted. */
export function obstacleAt(name: string, { proxies }: Pick<ClusterDescription, 'proxies'>): string | null {
  if (proxies.some((proxy) => proxy.name === name)) return 'it is a proxy';
  const isServer = name.includes(':') || name.startsWith('/');
  if (isServer && addressParts(name)[1] === null) return 'it is a socket';
  let first: { readonly pool: string; readonly placement: Placement } | null = null;
  for (const pool of poolsOf({ proxies }).values()) {
    if (pool.spare?.name === name) return `it is the spare of ${pool.name}`;
    if (!pool.to.some((target) => target.name === name)) continue;
    if (pool.eject !== null || pool.placement.distribution === 'random')
      return `keys of ${pool.name} may be anywhere`;
    const placement = placementOf(pool);
    first ??= { pool: pool.name, placement };
    if (!isSame(placement, first.placement))
      return `it has keys of ${first.pool} and ${pool.name}, which lie by different rules`;
  }
  return null;
}

/** One place of a pool no more has anything from before, or never can be rid of it. @param obstacle null: it has nothing */
export function settled(left: LeftBehind, pool: string, place: string, obstacle: string | null): LeftBehind {
  const next = new Map(left);
  const leftovers = (left.get(pool) ?? []).flatMap(({ from, places }) => {
    const others = places.flatMap((one) =>
      one.name !== place ? [one] : obstacle === null ? [] : [{ ...one, obstacle }],
    );
    return others.length === 0 ? [] : [{ from, places: others }];
  });
  if (leftovers.length === 0) next.delete(pool);
  else next.set(pool, leftovers);
  return next;
}

/** What of a pool holds keys from before, each once. */
export function leftPlaces(left: LeftBehind, pool: string, cluster: ClusterDescription): LeftPlace[] {
  const places = new Map<string, LeftPlace>();
  for (const leftover of left.get(pool) ?? [])
    for (const { name, obstacle } of leftover.places)
      places.set(name, { name, obstacle: obstacle ?? obstacleAt(name, cluster) });
  return [...places.values()];
}

/** It outlives the monitor. What cannot be read counts as nothing. */
export function readLeftBehind(cluster: string, host: string | null): LeftBehind {
  return new Map(
    readStateEntries(statePath(cluster, 'left-behind', host)).flatMap(([pool, leftovers]) =>
      Array.isArray(leftovers) && leftovers.every(isLeftover) ? [[pool, leftovers] as const] : [],
    ),
  );
}

/** @returns why it could not be kept, or null */
export function writeLeftBehind(cluster: string, host: string | null, left: LeftBehind): string | null {
  const text = JSON.stringify(Object.fromEntries(left), null, 2);
  return writeState(statePath(cluster, 'left-behind', host), `${text}\n`);
}

function isLeftover(value: unknown): value is Leftover {
  return (
    isRecord(value) &&
    isPlacement(value['from']) &&
    Array.isArray(value['places']) &&
    value['places'].every(
      (place) =>
        isRecord(place) &&
        typeof place['name'] === 'string' &&
        (place['obstacle'] === null || typeof place['obstacle'] === 'string'),
    )
  );
}

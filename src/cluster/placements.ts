/** How keys lie behind pools: what is told of one that has changed, and kept of it. */
import { isRecord } from '../base/json-record.ts';
import type { ClusterDescription } from './cluster-file.ts';
import type { PlacedPool, PlacedProxy, PlacedShard, Target } from './placed-services.ts';

/** How keys lie behind a pool. */
export interface Placement {
  /** In their order, with the weights of servers. */
  readonly to: readonly { readonly name: string; readonly weight: number }[];
  readonly placement: PlacedPool['placement'];
}

/** Each once, by its name; a proxy without pools is its own. */
export function poolsOf({ proxies }: Pick<ClusterDescription, 'proxies'>): Map<string, PlacedPool> {
  return new Map(proxies.flatMap(({ pools }) => pools.map((pool) => [pool.name, pool] as const)));
}

/** As the file says, whatever moves. */
export function placementOf({ to, placement }: PlacedPool): Placement {
  return {
    to: to.map((target) => ({ name: target.name, weight: target.kind === 'server' ? target.weight : 1 })),
    placement,
  };
}

/** Whether all keys lie alike, and their servers are called alike. */
export function isSame(one: Placement, other: Placement): boolean {
  return JSON.stringify([one.to, sorted(one)]) === JSON.stringify([other.to, sorted(other)]);
}

function sorted({ placement }: Placement): unknown {
  return Object.entries(placement).toSorted(([one], [other]) => (one < other ? -1 : 1));
}

/** What a placement names; a server that is none of the cluster needs no entry in the file. */
export function targetNamed(
  { name, weight }: Placement['to'][number],
  named: readonly (PlacedShard | PlacedProxy)[],
): Target | null {
  const found = named.find((target) => target.name === name);
  if (found !== undefined) return found;
  return name.includes(':') || name.startsWith('/') ? { kind: 'server', name, weight } : null;
}

export function namesOf({ to }: Placement): string {
  return to.map(({ name }) => name).join(', ');
}

export function isPlacement(value: unknown): value is Placement {
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

/** What keys leave in their old place: whose place a server is, without a route tree. */
import { seededRandom } from '../base/random.ts';
import type { PlacedServer } from '../hashing/index.ts';
import { distributionOf, placementHash, type ShardPlacement } from './tree-plan.ts';

/** The name of the server that a key, bytes [start, end), has its place at. */
export type KeyPlace = (bytes: Uint8Array, start: number, end: number) => string;

/** Where a shard route puts keys. @returns null where they have no place of their own */
export function keyPlace(placement: ShardPlacement, servers: readonly PlacedServer[]): KeyPlace | null {
  if (placement.distribution === 'random' || servers.length === 0) return null;
  const hash = placementHash(placement);
  const isLive = (): boolean => true;
  const distribution = distributionOf(placement.distribution, servers, isLive, { random: seededRandom(1) });
  return (bytes, start, end) => servers[distribution.pick(hash(bytes, start, end))]?.name ?? '';
}

/**
 * Whether a server has a key, bytes [start, end), from an earlier time: nobody looks for it there now, and somebody has before. Such a key may be deleted at
 * any moment, since nobody reads or stores it there; see docs/internals/resharding.md.
 *
 * @param were placements that are over
 * @param are those in force, all of them: of every pool, and of what moves the old one and the new one
 */
export function isLeftBehind(
  bytes: Uint8Array,
  start: number,
  end: number,
  server: string,
  were: readonly KeyPlace[],
  are: readonly KeyPlace[],
): boolean {
  for (const place of are) if (place(bytes, start, end) === server) return false;
  for (const place of were) if (place(bytes, start, end) === server) return true;
  return false;
}

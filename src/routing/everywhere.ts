import type { Destination } from './destination.ts';
import { DestinationRoute } from './destination-route.ts';
import { EverywhereWriteRoute, hasHotKeys } from './hot-key-route.ts';
import { ReplicateRoute } from './replicate.ts';
import { RootRoute, type RouteContext, type RouteHandle } from './route-handle.ts';

/**
 * A second tree beside that of a pool, for what every server is to do, whatever the key: each server that the pool's tree knows, once. The answer
 * is the worst of theirs, so it is an error when one of them could not be reached.
 *
 * @param root the pool's tree
 * @returns null when there is no server in it
 */
export function everywhereRoute(
  root: RouteHandle,
  { calls, generations }: Pick<RouteContext, 'calls' | 'generations'>,
): RouteHandle | null {
  const byName = new Map<string, Destination>();
  for (const handle of root.walk())
    if (handle instanceof DestinationRoute && !byName.has(handle.destination.name))
      byName.set(handle.destination.name, handle.destination);
  if (byName.size === 0) return null;
  const leaves = [...byName.values()].map((destination) => new DestinationRoute(destination));
  const all = new ReplicateRoute(leaves, 'all', calls);
  return new RootRoute(hasHotKeys(root) ? new EverywhereWriteRoute(all, generations) : all, calls);
}

import type { Destination } from './destination.ts';
import { DestinationRoute } from './destination-route.ts';
import type { RouteHandle } from './route-handle.ts';

/** The servers of a tree whose failures are tried nowhere else, wherever they stand in it. */
export function findLastPlaces(root: RouteHandle): ReadonlySet<Destination> {
  const lastPlaces = new Set<Destination>();
  const others = new Set<Destination>();
  for (const handle of root.walk())
    if (handle instanceof DestinationRoute) (hasOthers(handle) ? others : lastPlaces).add(handle.destination);
  for (const destination of others) lastPlaces.delete(destination);
  return lastPlaces;
}

function hasOthers(leaf: RouteHandle): boolean {
  for (let handle = leaf.parent; handle !== null; handle = handle.parent)
    if (handle.triesOthers()) return true;
  return false;
}

import type { CallPool } from './call.ts';
import { FailoverRoute } from './failover.ts';
import { MissFailoverRoute } from './miss-failover.ts';
import type { RouteHandle } from './route-handle.ts';

/**
 * The same keys in several zones: the local one is asked first, then the others in their order.
 *
 * @param zones by name
 * @param local the name of the zone that this proxy is in; one that is not there has no precedence
 * @param alsoOnMiss the others are asked for keys, too, that the local zone does not have
 */
export function zoneRoute(
  zones: ReadonlyMap<string, RouteHandle>,
  local: string,
  alsoOnMiss: boolean,
  calls: CallPool,
): RouteHandle {
  const near = zones.get(local);
  const far = [...zones].filter(([name]) => name !== local).map(([, handle]) => handle);
  const children = near === undefined ? far : [near, ...far];
  return alsoOnMiss ? new MissFailoverRoute(children, true, calls) : new FailoverRoute(children);
}

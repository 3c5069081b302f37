import type { Random } from '../base/random.ts';
import type { Distribution, PlacedServer } from './distribution.ts';
import { everyServer } from './twemproxy-servers.ts';

/**
 * twemproxy's `random`: any live server with equal chance for each request, whatever the key; weights are ignored.
 *
 * @param servers in the order of the configuration
 * @param isLive tells by position whether a server takes part
 */
export function randomServer(
  random: Random,
  servers: readonly PlacedServer[],
  isLive: (position: number) => boolean = everyServer,
): Distribution {
  const live = [...servers.keys()].filter(isLive);
  return { pick: () => (live.length === 0 ? -1 : live[random.below(live.length)]!) };
}

import type { Distribution, PlacedServer } from './distribution.ts';
import { everyServer, liveServers } from './twemproxy-servers.ts';

/**
 * twemproxy's `modula`: a list with each live server as often as its weight says, in the order of names; the hash modulo the
 * length of the list.
 *
 * @param servers in the order of the configuration
 * @param isLive tells by position whether a server takes part; when one is ejected nearly every key moves
 */
export function modula(
  servers: readonly PlacedServer[],
  isLive: (position: number) => boolean = everyServer,
): Distribution {
  // One entry per server with the sum of the weights up to and with it, so that a weight costs no memory.
  const live = liveServers(servers, isLive);
  const sums = new Float64Array(live.length);
  let total = 0;
  for (const [i, { weight }] of live.entries()) {
    total += weight;
    sums[i] = total;
  }
  const positions = Int32Array.from(live, ({ position }) => position);
  return {
    pick(hash) {
      if (total === 0) return -1;
      const slot = hash % total;
      let i = 0;
      while (sums[i]! <= slot) i++;
      return positions[i]!;
    },
  };
}

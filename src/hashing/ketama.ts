import type { Distribution, PlacedServer } from './distribution.ts';
import { addMarks, POINTS_PER_DIGEST, Ring } from './ring.ts';
import { everyServer, liveServers } from './twemproxy-servers.ts';

/** Points that a server of average weight gets. */
const POINTS_PER_SERVER = 160;

/** What the original adds so that a share that should be whole is not rounded down. In single precision it is nearly always lost. */
const ROUNDING = 1e-10;

/**
 * twemproxy's `ketama`: a ring with 160 points per live server on average, shared out by weight.
 *
 * The number of points is computed in single precision step by step, as the original's C does, because one point more or less
 * moves keys.
 *
 * @param servers in the order of the configuration
 * @param isLive tells by position whether a server takes part; the keys of an ejected one spread over the others, and the rest
 *   mostly stays, though shares are computed anew over the live ones
 */
export function ketama(
  servers: readonly PlacedServer[],
  isLive: (position: number) => boolean = everyServer,
): Distribution {
  const { fround } = Math;
  const live = liveServers(servers, isLive);
  const totalWeight = live.reduce((sum, { weight }) => sum + weight, 0);
  const marks: number[] = [];
  for (const { name, weight, position } of live) {
    const share = fround(fround(weight) / fround(totalWeight));
    const perServer = fround(fround(share * POINTS_PER_SERVER) / POINTS_PER_DIGEST);
    const digests = Math.floor(fround(fround(perServer * live.length) + ROUNDING));
    addMarks(marks, name, position, digests);
  }
  const ring = new Ring(marks);
  return { pick: (hash) => ring.ownerOf(hash) };
}

import { assert } from '../base/assert.ts';
import type { PlacedServer } from './distribution.ts';

/** A server with its position in the list as configured. */
export interface LiveServer extends PlacedServer {
  readonly position: number;
}

/** A shorter name comes first; names of one length are in the order of their bytes. */
function compareNames(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return a.length - b.length;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}

/**
 * The live servers in the order in which twemproxy counts them: by name, whatever the order in the file. Both of its weighted
 * distributions number servers this way.
 *
 * @param isLive tells by position whether a server takes part; ejected ones do not
 */
export function liveServers(
  servers: readonly PlacedServer[],
  isLive: (position: number) => boolean,
): readonly LiveServer[] {
  const encoder = new TextEncoder();
  return servers
    .map(({ name, weight }, position) => {
      assert(Number.isInteger(weight) && weight > 0, `server ${name} has the weight ${weight}`);
      return { name, weight, position, bytes: encoder.encode(name) };
    })
    .filter(({ position }) => isLive(position))
    .sort((a, b) => compareNames(a.bytes, b.bytes));
}

/** Says of every server that it is live; what the distributions assume when nothing is ejected. */
export const everyServer = (): boolean => true;

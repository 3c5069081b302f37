/** The hashes and distributions by the names that configurations use. */
import type { Random } from '../base/random.ts';
import { crc16 } from './crc16.ts';
import { crc32 } from './crc32.ts';
import { crc32a } from './crc32a.ts';
import type { Distribution, PlacedServer } from './distribution.ts';
import { fnv132 } from './fnv1-32.ts';
import { fnv164 } from './fnv1-64.ts';
import { fnv1a32 } from './fnv1a-32.ts';
import { fnv1a64 } from './fnv1a-64.ts';
import { hsieh } from './hsieh.ts';
import { jenkins } from './jenkins.ts';
import { ketama } from './ketama.ts';
import type { KeyHash } from './key-hash.ts';
import { md5Hash } from './md5.ts';
import { modula } from './modula.ts';
import { murmur } from './murmur.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { randomServer } from './random-server.ts';

export type { Distribution, PlacedServer } from './distribution.ts';
export { taggedHash } from './hash-tag.ts';
export type { KeyHash } from './key-hash.ts';
export { magentByteHash, magentKetama, magentWordHash } from './magent-ketama.ts';
export { magentModuloHash } from './magent-modulo-hash.ts';
export { modulo } from './modulo.ts';

/** twemproxy's `hash` directive. */
export const KEY_HASHES: ReadonlyMap<string, KeyHash> = new Map([
  ['one_at_a_time', oneAtATime],
  ['md5', md5Hash],
  ['crc16', crc16],
  ['crc32', crc32],
  ['crc32a', crc32a],
  ['fnv1_64', fnv164],
  ['fnv1a_64', fnv1a64],
  ['fnv1_32', fnv132],
  ['fnv1a_32', fnv1a32],
  ['hsieh', hsieh],
  ['murmur', murmur],
  ['jenkins', jenkins],
]);

/**
 * Makes a distribution over servers.
 *
 * @param servers in the order of the configuration; `pick` gives positions in this list
 * @param isLive tells by position whether a server takes part; asked once, here, so make a new one when it changes
 * @param random only `random` uses it
 */
export type MakeDistribution = (
  servers: readonly PlacedServer[],
  isLive: (position: number) => boolean,
  random: Random,
) => Distribution;

/** twemproxy's `distribution` directive. */
export const DISTRIBUTIONS: ReadonlyMap<string, MakeDistribution> = new Map<string, MakeDistribution>([
  ['ketama', (servers, isLive) => ketama(servers, isLive)],
  ['modula', (servers, isLive) => modula(servers, isLive)],
  ['random', (servers, isLive, random) => randomServer(random, servers, isLive)],
]);

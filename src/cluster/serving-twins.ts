/** Which twin of each shard the proxies ask first, as the last switch-over left it. Kept over a start of the monitor. */
import { join } from 'node:path';
import { readWhole } from '../monitor/whole-file.ts';
import { stateDirectory, writeState } from './state-directory.ts';

/** Of the proxies of one host, or of all where there is only one. */
function pathOf(cluster: string, host: string | null): string {
  return join(stateDirectory(cluster), host === null ? 'serving.json' : `serving-${host}.json`);
}

/** By shard the name of a twin; shards that were never switched are missing. What cannot be read counts as nothing. */
export function readServing(cluster: string, host: string | null): ReadonlyMap<string, string> {
  let value: unknown;
  try {
    value = JSON.parse(readWhole(pathOf(cluster, host)) ?? '{}');
  } catch {
    return new Map();
  }
  if (typeof value !== 'object' || value === null) return new Map();
  const pairs: [string, unknown][] = Object.entries(value);
  return new Map(
    pairs.flatMap(([shard, twin]) => (typeof twin === 'string' ? [[shard, twin] as const] : [])),
  );
}

/** @returns why it could not be kept, or null */
export function writeServing(
  cluster: string,
  host: string | null,
  serving: ReadonlyMap<string, string>,
): string | null {
  return writeState(pathOf(cluster, host), `${JSON.stringify(Object.fromEntries(serving), null, 2)}\n`);
}

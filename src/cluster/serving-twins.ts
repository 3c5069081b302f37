/** Which twin of each shard the proxies ask first, as the last switch-over left it. Kept over a start of the monitor. */
import { readStateEntries, statePath, writeState } from './state-directory.ts';

/** By shard the name of a twin; shards that were never switched are missing. What cannot be read counts as nothing. */
export function readServing(cluster: string, host: string | null): ReadonlyMap<string, string> {
  const pairs = readStateEntries(statePath(cluster, 'serving', host));
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
  return writeState(
    statePath(cluster, 'serving', host),
    `${JSON.stringify(Object.fromEntries(serving), null, 2)}\n`,
  );
}

/** What an operator has taken out of proxies, kept over a start of the monitor: a node that is no good is none after a restart either. */
import type { TakenOut } from './proxy-configuration.ts';
import { readStateEntries, statePath, writeState } from './state-directory.ts';

/** By proxy the addresses of nodes. What cannot be read counts as nothing. */
export function readOut(cluster: string, host: string | null): TakenOut {
  const pairs = readStateEntries(statePath(cluster, 'out', host));
  return new Map(
    pairs.flatMap(([proxy, addresses]) =>
      Array.isArray(addresses)
        ? [[proxy, new Set(addresses.filter((address) => typeof address === 'string'))] as const]
        : [],
    ),
  );
}

/** @returns why it could not be kept, or null */
export function writeOut(cluster: string, host: string | null, out: TakenOut): string | null {
  const value = Object.fromEntries([...out].map(([proxy, addresses]) => [proxy, [...addresses]]));
  return writeState(statePath(cluster, 'out', host), `${JSON.stringify(value, null, 2)}\n`);
}

/** What an operator has taken out of proxies, kept over a start of the monitor: a node that is no good is none after a restart either. */
import { join } from 'node:path';
import { readWhole } from '../monitor/whole-file.ts';
import type { TakenOut } from './proxy-configuration.ts';
import { stateDirectory, writeState } from './state-directory.ts';

/** Of the proxies of one host, or of all where there is only one. */
function pathOf(cluster: string, host: string | null): string {
  return join(stateDirectory(cluster), host === null ? 'out.json' : `out-${host}.json`);
}

/** By proxy the addresses of nodes. What cannot be read counts as nothing. */
export function readOut(cluster: string, host: string | null): TakenOut {
  let value: unknown;
  try {
    value = JSON.parse(readWhole(pathOf(cluster, host)) ?? '{}');
  } catch {
    return new Map();
  }
  if (typeof value !== 'object' || value === null) return new Map();
  const pairs: [string, unknown][] = Object.entries(value);
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
  return writeState(pathOf(cluster, host), `${JSON.stringify(value, null, 2)}\n`);
}

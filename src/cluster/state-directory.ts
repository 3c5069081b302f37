/** Where a cluster keeps what belongs to it beside its file: as the XDG base directory specification has it, or below /var/lib for root. */
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { isRecord } from '../base/json-record.ts';
import { readWhole, writeWhole } from '../monitor/whole-file.ts';

/** The directory that has one for each cluster, by its name. */
export function stateRoot(): string {
  const { XDG_STATE_HOME: home } = process.env;
  if (home !== undefined && home !== '') return join(home, 'twincached');
  return process.getuid?.() === 0 ? '/var/lib/twincached' : join(homedir(), '.local/state/twincached');
}

/** Where all that outlives the monitor of a cluster is kept. */
export function stateDirectory(cluster: string): string {
  return join(stateRoot(), cluster);
}

/**
 * Where a part of what outlives the monitor is kept: of one host, or of all where there is only one.
 *
 * @param part such as `serving`
 */
export function statePath(cluster: string, part: string, host: string | null): string {
  return join(stateDirectory(cluster), host === null ? `${part}.json` : `${part}-${host}.json`);
}

/** What `writeState` has kept of a mapping, by name. What cannot be read counts as nothing. */
export function readStateEntries(path: string): [string, unknown][] {
  try {
    const value: unknown = JSON.parse(readWhole(path) ?? '{}');
    return isRecord(value) ? Object.entries(value) : [];
  } catch {
    return [];
  }
}

/** Writes a file whole or not at all, its directory too, readable by its owner alone. @returns why it failed, or null */
export function writeState(path: string, text: string): string | null {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  } catch (error) {
    return reasonText(error);
  }
  const failure = writeWhole(path, text);
  return failure === null ? null : reasonText(failure);
}

/** Why the system refused something, without the name of the call and the path. */
export function reasonText(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^\w+: ([^,]+),.*$/s, '$1');
}

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { StartError } from '../base/start-error.ts';
import { parseClusterFile } from './cluster-file.ts';
import { type FilePlan, filePlan } from './file-plan.ts';

/**
 * Reads a cluster file and plans what runs on a host.
 *
 * @param file as typed
 * @param host null: everything, on whatever host
 * @param command program and first arguments that run a personality
 * @throws StartError when it cannot be read, or something in it is wrong
 */
export function readClusterFile(file: string, host: string | null, command: readonly string[]): FilePlan {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new StartError(`${file}: cannot be read: ${reason(error)}`);
  }
  const cluster = parseClusterFile(file, text);
  if (host !== null && !cluster.hosts.has(host))
    throw new StartError(`${file} has no host ${host}; it has ${[...cluster.hosts.keys()].join(', ')}`);
  return filePlan(cluster, {
    command,
    host,
    asRoot: process.getuid?.() === 0,
    stateDirectory: stateDirectory(cluster.name),
    secretFile: cluster.secretFile === null ? null : resolve(dirname(file), cluster.secretFile),
  });
}

/** Where a cluster's own files are: as the XDG base directory specification has it, or below /var/lib for root. */
export function stateDirectory(cluster: string): string {
  const { XDG_STATE_HOME: home } = process.env;
  if (home !== undefined && home !== '') return join(home, 'twincached', cluster);
  return process.getuid?.() === 0
    ? join('/var/lib/twincached', cluster)
    : join(homedir(), '.local/state/twincached', cluster);
}

/** Writes the configurations that proxies are started with. @throws StartError */
export function writePlannedFiles({ files }: FilePlan): void {
  for (const { path, text } of files) {
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      const draft = `${path}.tmp`;
      writeFileSync(draft, text, { mode: 0o600 });
      renameSync(draft, path);
    } catch (error) {
      throw new StartError(`${path}: cannot be written: ${reason(error)}`);
    }
  }
}

function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^\w+: ([^,]+),.*$/s, '$1');
}

/** Where the configurations of a cluster are that leaves nothing behind when it ends. */
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stateDirectory, stateRoot } from './state-directory.ts';

export interface RunDirectory {
  readonly path: string;
  /** From now on what is in it is ours, not that of a cluster that runs already. */
  readonly own: () => void;
  /** Takes it away again, with what is in it if that is ours, and its parents if there is nothing else. */
  readonly remove: () => void;
}

/**
 * In the cluster's state directory, for a temporary one may be cleared while it is in use; and always the same one, so that processes which a killed
 * monitor has left are known by their command lines. Where that cannot be written, a temporary one all the same.
 *
 * @param part what tells monitors of one cluster apart on one machine
 */
export function runDirectory(cluster: string, part: string): RunDirectory {
  let path = join(stateDirectory(cluster), part === '' ? 'run' : `run-${part}`);
  let isOurs = false;
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch {
    path = mkdtempSync(join(tmpdir(), `twincached-${cluster}-`));
    isOurs = true;
  }
  const own = (): void => {
    isOurs = true;
  };
  const remove = (): void => {
    if (isOurs) rmSync(path, { recursive: true, force: true });
    for (const directory of [path, stateDirectory(cluster), stateRoot()])
      try {
        rmdirSync(directory);
      } catch {
        // Then there is more in it, or it was never there.
      }
  };
  return { path, own, remove };
}

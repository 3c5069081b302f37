/** Where the configurations of a cluster are that leaves nothing behind. */
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stateDirectory, stateRoot } from './state-directory.ts';

export interface RunDirectory {
  readonly path: string;
  /** Takes it away again, with what is in it, and its parents if there is nothing else. */
  readonly remove: () => void;
}

/** In the cluster's state directory, for a temporary one may be cleared while it is in use; where that cannot be written, a temporary one all the same. */
export function runDirectory(cluster: string): RunDirectory {
  let path = join(stateDirectory(cluster), `run-${process.pid}`);
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch {
    path = mkdtempSync(join(tmpdir(), `twincached-${cluster}-`));
  }
  const remove = (): void => {
    rmSync(path, { recursive: true, force: true });
    try {
      rmdirSync(stateDirectory(cluster));
      rmdirSync(stateRoot());
    } catch {
      // Then there is more in it, or it was never there.
    }
  };
  return { path, remove };
}

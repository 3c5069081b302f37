import { readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';

/** A pid file that was asked for. */
export interface PidFile {
  /** Lines for the operator: another process had it, it could not be written. Neither stops a start, as in memcached. */
  readonly warnings: readonly string[];
  /** Removes the file, unless it is another process's by now. Never throws. */
  remove(): void;
}

/**
 * Writes the process id, whole or not at all: into a file beside it, which is then renamed. An old file is replaced; a stale one is no obstacle.
 *
 * @param path absolute
 * @param pid the process that serves
 */
export function writePidFile(path: string, pid: number): PidFile {
  const warnings: string[] = [];
  const previous = readPid(path);
  if (previous !== null && previous !== pid && isRunning(previous))
    warnings.push(`WARNING: The pid file contained the following (running) pid: ${previous}`);
  const draft = `${path}.tmp`;
  let written = false;
  try {
    createAnew(draft, `${pid}\n`);
    try {
      renameSync(draft, path);
      written = true;
    } catch (error) {
      unlinkSync(draft);
      warnings.push(`Could not rename the pid file from ${draft} to ${path}: ${reason(error)}`);
    }
  } catch (error) {
    warnings.push(`Could not open the pid file ${draft} for writing: ${reason(error)}`);
  }
  return {
    warnings,
    remove: () => {
      if (!written || readPid(path) !== pid) return;
      try {
        unlinkSync(path);
      } catch {
        // Somebody else has removed it, or the directory is closed to the user that we have become: no harm.
      }
    },
  };
}

/** Creates a file that was not there before, so that a link that somebody planted in a shared directory is not followed. */
function createAnew(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'wx', mode: 0o644 });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    unlinkSync(path);
    writeFileSync(path, text, { flag: 'wx', mode: 0o644 });
  }
}

/** The process id in a file; null when there is none. */
function readPid(path: string): number | null {
  try {
    const digits = /^\s*(\d{1,10})\s*$/.exec(readFileSync(path, 'latin1').slice(0, 64))?.[1];
    return digits === undefined ? null : Number(digits);
  } catch {
    return null;
  }
}

function isRunning(pid: number): boolean {
  if (pid < 1) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

function errorCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

/** The system's sentence for an error, with a capital as C has it. */
function reason(error: unknown): string {
  const errno =
    error instanceof Error && 'errno' in error && typeof error.errno === 'number' ? error.errno : 0;
  const sentence = getSystemErrorMap().get(errno)?.[1];
  if (sentence === undefined) return error instanceof Error ? error.message : String(error);
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

import { lstatSync, readlinkSync, realpathSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { StartError } from '../base/start-error.ts';

/** The programs that this one stands in for. */
export const LINK_NAMES: readonly string[] = ['memcached', 'magent', 'nutcracker', 'monit'];

/**
 * Makes the drop-in names in a directory of the operator's choice, as symbolic links to the executable. Links of ours that are there already stay; anything
 * else of these names is left alone and refused, before the first link is made.
 *
 * @param directory where the links go
 * @param executable the real path of bin/twincached
 * @returns the paths of the links, made now or before
 * @throws StartError when the directory is missing or a name is taken
 */
export function makeLinks(directory: string, executable: string): string[] {
  checkDirectory(directory);
  const paths = LINK_NAMES.map((name) => join(directory, name));
  const missing = paths.filter((path) => !isOwnLink(path, executable));
  for (const path of missing) {
    try {
      symlinkSync(executable, path);
    } catch (error) {
      throw new StartError(`links: cannot make ${path}: ${errorText(error)}`, 1, { cause: error });
    }
  }
  return paths;
}

function checkDirectory(directory: string): void {
  let isDirectory: boolean;
  try {
    isDirectory = statSync(directory).isDirectory();
  } catch (error) {
    throw new StartError(`links: ${directory}: ${errorText(error)}`, 1, { cause: error });
  }
  if (!isDirectory) throw new StartError(`links: ${directory}: not a directory`);
}

/**
 * @returns false when nothing is there
 * @throws StartError when something else is there
 */
function isOwnLink(path: string, executable: string): boolean {
  let isLink: boolean;
  try {
    isLink = lstatSync(path).isSymbolicLink();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw new StartError(`links: ${path}: ${errorText(error)}`, 1, { cause: error });
  }
  if (isLink && linkTarget(path) === executable) return true;
  throw new StartError(`links: ${path} is there already and is not a link to ${executable}; remove it first`);
}

/** Where a link leads in the end; as written when that does not exist. */
function linkTarget(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(dirname(path), readlinkSync(path));
  }
}

/** `ENOENT: no such file or directory, stat '/x'` without the code and the call. */
function errorText(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^E[A-Z]+: /, '').replace(/, \w+ '.*$/, '');
}

import { readFileSync, statSync } from 'node:fs';
import { StartError } from '../base/start-error.ts';
import { errorOfName } from '../net/system-errors.ts';

/** A file larger than this is surely another file. */
const FILE_BYTES_MAX: number = 64 * 1024;

/** The mode's bits that let everybody read. */
const READABLE_BY_OTHERS = 0o004;

/**
 * The text of a file with a password, a key, or something else that only the cluster is to know; it is in no message.
 *
 * @param what it is, as a phrase, for messages
 * @throws StartError when it cannot be read
 */
export function readSecretFile(what: string, path: string): string {
  try {
    const found = statSync(path);
    // A pipe or a device could keep us waiting for ever.
    if (!found.isFile()) throw new Error('not an ordinary file');
    if (found.size > FILE_BYTES_MAX) throw new Error(`it is larger than ${FILE_BYTES_MAX} bytes`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new StartError(`cannot read the ${what}: ${path}: ${reasonOf(error)}`);
  }
}

/**
 * The first line of such a file.
 *
 * @param as what a message begins with when it is empty
 * @param warn is told when everybody can read it
 * @throws StartError when it cannot be read, or is empty
 */
export function readSecretLine(what: string, path: string, as: string, warn: (text: string) => void): string {
  const [line = ''] = readSecretFile(what, path).split(/\r?\n/, 1);
  if (line === '') throw new StartError(`${as}: ${path}: its first line is empty`);
  if ((statSync(path).mode & READABLE_BY_OTHERS) !== 0)
    warn(`everybody on this host can read ${as}: chmod 600 ${path}`);
  return line;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? errorOfName(error.code).message : error.message;
}

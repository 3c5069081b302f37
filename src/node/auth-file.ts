import { readFileSync, statSync } from 'node:fs';
import { StartError } from '../base/start-error.ts';
import { parseTextUsers, type TextUser } from '../engine/text-logins.ts';
import { errorOfName } from '../net/system-errors.ts';

/** A password file larger than this is surely another file. */
const FILE_BYTES_MAX: number = 64 * 1024;

/**
 * Reads the password file of `-Y`.
 *
 * @throws StartError in memcached's words when it cannot be read or a line is no user's
 */
export function readAuthFile(path: string): readonly TextUser[] {
  let text: Uint8Array;
  try {
    text = contentOf(path);
  } catch (error) {
    throw new StartError(`Could not open authfile [${path}] for reading, error ${reasonOf(error)}`);
  }
  const users = parseTextUsers(text);
  if (typeof users !== 'number') return users;
  throw new StartError(`Authfile [${path}] has a malformed entry. Should be 'user:password' (line ${users})`);
}

function contentOf(path: string): Uint8Array {
  const found = statSync(path);
  if (found.isDirectory()) throw new Error(errorOfName('EISDIR').message);
  // A pipe or a device could keep the node waiting for ever.
  if (!found.isFile()) throw new Error('not an ordinary file');
  if (found.size > FILE_BYTES_MAX) throw new Error(`it is larger than ${FILE_BYTES_MAX} bytes`);
  return readFileSync(path);
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? errorOfName(error.code).message : error.message;
}

import { readFileSync, statSync } from 'node:fs';
import { StartError } from '../base/start-error.ts';
import { parseSaslUsers, type SaslDatabase, type SaslUser } from '../engine/sasl.ts';
import { errorOfName } from '../net/system-errors.ts';

/** A password file larger than this is surely another file. */
const FILE_BYTES_MAX: number = 4 * 1024 * 1024;

/** What tells one state of a file from another. */
interface FileState {
  readonly modifiedMs: number;
  readonly bytes: number;
  readonly inode: number;
}

/**
 * SASL's password file. It is looked at when somebody logs in and read again when it has changed, as memcached does, so users come and go without
 * a restart. While it cannot be read nobody can log in.
 */
export class SaslPasswordFile implements SaslDatabase {
  readonly #path: string;
  readonly #log: (message: string) => void;
  #state: FileState | null = null;
  #users: readonly SaslUser[] = [];
  /** The last complaint, so that each is made once. */
  #complaint = '';

  /** @param log gets one line when the file cannot be read */
  constructor(path: string, log: (message: string) => void) {
    this.#path = path;
    this.#log = log;
  }

  users(): readonly SaslUser[] {
    try {
      const state = stateOf(this.#path);
      if (!isSame(state, this.#state)) {
        this.#users = readUsers(this.#path, state);
        this.#state = state;
        this.#complaint = '';
      }
    } catch (error) {
      this.#users = [];
      this.#state = null;
      const complaint = complaintOf(this.#path, error);
      if (complaint !== this.#complaint) this.#log(complaint);
      this.#complaint = complaint;
    }
    return this.#users;
  }
}

/** @throws StartError when nobody could log in, because the file cannot be read or names no user */
export function checkSaslPasswordFile(path: string): void {
  let users: readonly SaslUser[];
  try {
    users = readUsers(path, stateOf(path));
  } catch (error) {
    throw new StartError(complaintOf(path, error));
  }
  if (users.length === 0)
    throw new StartError(`${path}: no line has the form user:password (the SASL password file of -S)`);
}

function stateOf(path: string): FileState {
  const found = statSync(path);
  // A pipe or a device could keep this thread waiting for ever.
  if (!found.isFile()) throw new Error('not an ordinary file');
  return { modifiedMs: found.mtimeMs, bytes: found.size, inode: found.ino };
}

function isSame(one: FileState, other: FileState | null): boolean {
  return (
    other !== null &&
    one.modifiedMs === other.modifiedMs &&
    one.bytes === other.bytes &&
    one.inode === other.inode
  );
}

function readUsers(path: string, state: FileState): readonly SaslUser[] {
  if (state.bytes > FILE_BYTES_MAX) throw new Error(`it is larger than ${FILE_BYTES_MAX} bytes`);
  return parseSaslUsers(readFileSync(path));
}

function complaintOf(path: string, error: unknown): string {
  return `cannot read the SASL password file ${path}: ${reasonOf(error)}`;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? errorOfName(error.code).message : error.message;
}

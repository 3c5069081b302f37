import { readFileSync, statSync } from 'node:fs';
import { StartError } from '../base/start-error.ts';
import { errorOfName } from '../net/system-errors.ts';
import type { ReplicationOptions } from './options.ts';

/** A shorter secret can be guessed by whoever has seen one proof of it. */
export const SECRET_BYTES_MIN = 16;

/** A file larger than this is surely another file. */
const FILE_BYTES_MAX: number = 64 * 1024;

/** The mode's bits that let everybody read. */
const READABLE_BY_OTHERS = 0o004;

/** What was found. */
export interface ReplicationSecret {
  /** Null: twins need none. */
  readonly secret: string | null;
  readonly warnings: readonly string[];
}

/**
 * Reads the secret that twins must share: the first line of a file, or what was given as it stands; in both cases without blanks around it.
 * It is in no message.
 *
 * @throws StartError when the file cannot be read, or the secret is too short
 */
export function readReplicationSecret({ secret, secretFile }: ReplicationOptions): ReplicationSecret {
  if (secretFile === null) {
    return {
      secret: secret === null ? null : checked(secret, 'TWINCACHED_REPLICATION_SECRET'),
      warnings: [],
    };
  }
  try {
    const found = statSync(secretFile);
    if (found.isDirectory()) throw new Error(errorOfName('EISDIR').message);
    // A pipe or a device could keep the node waiting for ever.
    if (!found.isFile()) throw new Error('not an ordinary file');
    if (found.size > FILE_BYTES_MAX) throw new Error(`it is larger than ${FILE_BYTES_MAX} bytes`);
    const [line = ''] = readFileSync(secretFile, 'utf8').split('\n', 1);
    const warnings =
      (found.mode & READABLE_BY_OTHERS) === 0
        ? []
        : [`WARNING: everybody on this host can read the secret of the twins: chmod 600 ${secretFile}`];
    return { secret: checked(line, secretFile), warnings };
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(`cannot read the secret of the twins: ${secretFile}: ${reasonOf(error)}`);
  }
}

/** @param where it stands */
function checked(text: string, where: string): string {
  const secret = text.trim();
  const { length } = Buffer.from(secret);
  if (length >= SECRET_BYTES_MIN) return secret;
  throw new StartError(
    `${where}: the secret of the twins has ${length} bytes; ${SECRET_BYTES_MIN} are needed`,
  );
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? errorOfName(error.code).message : error.message;
}

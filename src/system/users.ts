import { userInfo } from 'node:os';
import { StartError } from '../base/start-error.ts';

/** sysexits.h */
const EX_USAGE = 64;
const EX_NOUSER = 67;
const EX_OSERR = 71;

/** A user of this system. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  /** The primary group. */
  readonly gid: number;
}

/** True when this process has root's rights, really or effectively. */
export function runsAsRoot(): boolean {
  return process.getuid?.() === 0 || process.geteuid?.() === 0;
}

/**
 * memcached's rule for `-u`: root must say whom the server is to run as; anybody else's `-u` is ignored.
 *
 * @param name the value of `-u`, null when there was none
 * @returns the account to change to; null when nothing is to be changed
 * @throws StartError in memcached's words, exit codes 64 and 67
 */
export function accountToBecome(name: string | null): Account | null {
  if (!runsAsRoot()) return null;
  if (name === null || name === '') throw new StartError("can't run as root without the -u switch", EX_USAGE);
  const account = findAccount(name);
  if (account === null) throw new StartError(`can't find the user ${name} to switch to`, EX_NOUSER);
  return account.uid === 0 ? null : account;
}

/**
 * Looks a user up by name; only root can.
 *
 * Node knows getpwuid of the effective user only, so that user is put on for a moment: the look-up goes through the system's own name
 * service (LDAP and the like), which reading /etc/passwd would not.
 *
 * @returns null when there is no such user
 * @throws StartError when this process may not change its user at all
 */
export function findAccount(name: string): Account | null {
  const { seteuid, geteuid } = process;
  if (seteuid === undefined || geteuid === undefined) return null;
  const before = geteuid();
  try {
    seteuid(name);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_UNKNOWN_CREDENTIAL') return null;
    throw new StartError(`failed to assume identity of user ${name}`, EX_OSERR, { cause: error });
  }
  try {
    const { uid, gid } = userInfo();
    return { name, uid, gid };
  } finally {
    seteuid(before);
  }
}

/**
 * Gives root's rights away for good, in all threads: supplementary groups first (all of them, as memcached does), the user last, because
 * afterwards nothing can be changed.
 *
 * @throws StartError in memcached's words, exit code 71
 */
export function becomeAccount(account: Account): void {
  try {
    process.setgroups?.([]);
    process.setgid?.(account.gid);
    process.setuid?.(account.uid);
  } catch (error) {
    throw new StartError(`failed to assume identity of user ${account.name}`, EX_OSERR, { cause: error });
  }
}

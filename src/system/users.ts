import { userInfo } from 'node:os';
import { StartError } from '../base/start-error.ts';

/** sysexits.h */
const EX_USAGE = 64;
const EX_NOUSER = 67;
const EX_OSERR = 71;

/** A user of this system. */
export interface Account {
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
 * Looks a user up by name or number; only root can.
 *
 * Node knows getpwuid of the effective user only, so that user is put on for a moment: the look-up goes through the system's own name
 * service (LDAP and the like), which reading /etc/passwd would not.
 *
 * @returns null when there is no such user
 * @throws StartError when this process may not change its user at all
 */
export function findAccount(user: string | number): Account | null {
  const { seteuid, geteuid } = process;
  if (seteuid === undefined || geteuid === undefined) return null;
  const before = geteuid();
  try {
    seteuid(user);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_UNKNOWN_CREDENTIAL') return null;
    throw new StartError(`failed to assume identity of user ${user}`, EX_OSERR, { cause: error });
  }
  try {
    const { uid, gid } = userInfo();
    return { uid, gid };
  } catch {
    // A number that no user has: its group is taken to be of the same number, so that root's is not kept.
    return typeof user === 'number' ? { uid: user, gid: user } : null;
  } finally {
    seteuid(before);
  }
}

/**
 * Gives root's rights away for good, in all threads: supplementary groups first (all of them, as memcached does), the user last, because
 * afterwards nothing can be changed.
 *
 * @param wanted as typed, for the message
 * @throws StartError in memcached's words, exit code 71
 */
export function becomeUser(identity: Identity, wanted: string): void {
  try {
    process.setgroups?.([]);
    if (identity.gid !== null) process.setgid?.(identity.gid);
    if (identity.uid !== null) process.setuid?.(identity.uid);
  } catch (error) {
    throw new StartError(`failed to assume identity of user ${wanted}`, EX_OSERR, { cause: error });
  }
}

/** A user and a group as numbers; null: stays as it is. */
export interface Identity {
  readonly uid: number | null;
  readonly gid: number | null;
}

/**
 * magent's rule for `-u` and `-g`: neither is needed, both are numbers; names are understood too. A user that comes without a group brings its own.
 *
 * @returns null when nothing is to be changed: not root, nothing given, or root itself
 * @throws StartError when a name is unknown
 */
export function identityToBecome(user: string | null, group: string | null): Identity | null {
  if (!runsAsRoot()) return null;
  const account = user === null ? null : findAccount(/^\d{1,9}$/.test(user) ? Number(user) : user);
  if (user !== null && account === null) throw new StartError(`can't find the user ${user} to switch to`);
  const uid = account === null || account.uid === 0 ? null : account.uid;
  const ownGroup = uid === null ? null : (account?.gid ?? null);
  const gid = group === null ? ownGroup : findGroup(group);
  return uid === null && gid === null ? null : { uid, gid };
}

function findGroup(group: string): number | null {
  const { setegid, getegid } = process;
  if (setegid === undefined || getegid === undefined) return null;
  if (/^\d{1,9}$/.test(group)) return Number(group) === 0 ? null : Number(group);
  const before = getegid();
  try {
    setegid(group);
  } catch (error) {
    throw new StartError(`can't find the group ${group} to switch to`, 1, { cause: error });
  }
  const gid = getegid();
  setegid(before);
  return gid;
}

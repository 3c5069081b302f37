import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import type { IpNetwork } from '../control/ip-networks.ts';
import type { Httpd } from '../control/tree.ts';
import { hasHash } from '../system/password-hash.ts';
import { type PasswordCheck, pamCheck, systemGroupMembers } from '../system/system-password.ts';
import { type AccessUser, HttpAccess, isSameText, userWithPassword } from './http-access.ts';

/** Whose rules PAM goes by, as for monit. */
const PAM_SERVICE = 'monit';

/** A password of the system that was right is not asked for again within this time: a program shows it with each request. */
const KNOWN_MS_MAX = 60_000;

/** The users of this system. */
export interface SystemUsers {
  /** Null when there is no such group; throws when that cannot be said. */
  readonly members: (group: string) => readonly string[] | null;
  /** Null when it cannot be asked for. */
  readonly check: () => PasswordCheck | null;
  readonly nowMs: () => number;
}

const SYSTEM_USERS: SystemUsers = {
  members: systemGroupMembers,
  check: () => pamCheck(PAM_SERVICE),
  nowMs: () => performance.now(),
};

/**
 * Who may see monit's page, by the `allow` of a control file. Looks up names and reads password files.
 *
 * @param warn what of the settings has no effect
 * @param system whom `allow @GROUP` lets in
 */
export async function controlAccess(
  httpd: Httpd,
  warn: (text: string) => void,
  system: SystemUsers = SYSTEM_USERS,
): Promise<HttpAccess> {
  const networks: IpNetwork[] = [];
  for (const host of httpd.allowedHosts) {
    if (host.kind === 'network') {
      networks.push(host);
      continue;
    }
    try {
      const addresses = await lookup(host.name, { all: true });
      for (const { address } of addresses) networks.push({ address, bits: address.includes(':') ? 128 : 32 });
    } catch {
      warn(
        `${host.place.file}:${host.place.line}: allow ${host.name}: the name cannot be found; passed over`,
      );
    }
  }
  const users = httpd.users.map(({ name, password, isReadOnly }) =>
    userWithPassword(name, password, isReadOnly),
  );
  for (const { name, isReadOnly } of httpd.groups)
    users.push(...usersOfGroup(name, isReadOnly, system, warn));
  for (const { format, path, users: wanted, isReadOnly } of httpd.passwordFiles) {
    for (const { name, password } of passwordLines(format, path, warn)) {
      if (wanted.length > 0 && !wanted.includes(name)) continue;
      if (format === 'cleartext') users.push(userWithPassword(name, password, isReadOnly));
      else if (hasHash('', password) === null)
        warn(
          `allow ${format} ${path}: the password of ${name} has a form that is not known here; passed over`,
        );
      else users.push(userWithHash(name, password, isReadOnly));
    }
  }
  const hasHosts = httpd.allowedHosts.length > 0;
  const wantsUsers = httpd.users.length + httpd.groups.length + httpd.passwordFiles.length > 0;
  return new HttpAccess({
    networks: hasHosts ? networks : null,
    users,
    // Without users, hosts alone decide; without either, nobody is let in. Users that cannot be read are not the same as none.
    needsNoUser: hasHosts && !wantsUsers,
    isReadOnly: httpd.isReadOnly,
  });
}

function usersOfGroup(
  group: string,
  isReadOnly: boolean,
  system: SystemUsers,
  warn: (text: string) => void,
): AccessUser[] {
  const check = system.check();
  if (check === null) {
    warn(`allow @${group}: there is no PAM here to ask for passwords; passed over`);
    return [];
  }
  try {
    const members = system.members(group);
    if (members === null) warn(`allow @${group}: there is no such group; passed over`);
    return (members ?? []).map((name) => userOfSystem(name, isReadOnly, check, system.nowMs));
  } catch (error) {
    warn(`allow @${group}: ${error instanceof Error ? error.message : String(error)}; passed over`);
    return [];
  }
}

function userOfSystem(
  name: string,
  isReadOnly: boolean,
  check: PasswordCheck,
  nowMs: () => number,
): AccessUser {
  let last: string | null = null;
  let askedMs = 0;
  return {
    name,
    isReadOnly,
    isPassword: (given) => {
      if (last !== null && nowMs() - askedMs < KNOWN_MS_MAX && isSameText(last, given)) return true;
      if (!check(name, given)) return false;
      last = given;
      askedMs = nowMs();
      return true;
    },
  };
}

/** A hash takes long on purpose, and programs show their password with each request: the one that was right last is known by a quick hash, too. */
function userWithHash(name: string, hash: string, isReadOnly: boolean): AccessUser {
  let last: string | null = null;
  return {
    name,
    isReadOnly,
    isPassword: (given) => {
      if (last !== null && isSameText(last, given)) return true;
      if (hasHash(given, hash) !== true) return false;
      last = given;
      return true;
    },
  };
}

function passwordLines(
  format: string,
  path: string,
  warn: (text: string) => void,
): { name: string; password: string }[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => /^[^#:]+:./.test(line))
      .map((line) => ({
        name: line.slice(0, line.indexOf(':')),
        // As in /etc/shadow, there may be more behind a hash.
        password: (format === 'cleartext'
          ? line.slice(line.indexOf(':') + 1)
          : (line.split(':', 2)[1] ?? '')
        ).trim(),
      }));
  } catch (error) {
    warn(`allow ${format} ${path}: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}

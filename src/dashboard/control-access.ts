import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import type { IpNetwork } from '../control/ip-networks.ts';
import type { Httpd } from '../control/tree.ts';
import { HttpAccess, userWithPassword } from './http-access.ts';

/**
 * Who may see monit's page, by the `allow` of a control file. Looks up names and reads password files.
 *
 * @param warn what of the settings has no effect
 */
export async function controlAccess(httpd: Httpd, warn: (text: string) => void): Promise<HttpAccess> {
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
  for (const { name } of httpd.groups)
    warn(`allow @${name}: passwords of the system are not asked for; passed over`);
  for (const { format, path, users: wanted, isReadOnly } of httpd.passwordFiles) {
    if (format !== 'cleartext') {
      warn(`allow ${format} ${path}: only cleartext password files are understood; passed over`);
      continue;
    }
    for (const { name, password } of passwordLines(path, warn))
      if (wanted.length === 0 || wanted.includes(name))
        users.push(userWithPassword(name, password, isReadOnly));
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

function passwordLines(path: string, warn: (text: string) => void): { name: string; password: string }[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => /^[^#:]+:./.test(line))
      .map((line) => ({
        name: line.slice(0, line.indexOf(':')),
        password: line.slice(line.indexOf(':') + 1).trim(),
      }));
  } catch (error) {
    warn(`allow cleartext ${path}: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}

/** The passwords, certificates and the audit log of a page, as it is opened. */
import { StartError } from '../base/start-error.ts';
import type { DashboardOptions } from '../dashboard/dashboard.ts';
import { type AccessUser, HttpAccess, userWithPassword } from '../dashboard/http-access.ts';
import { isLoopbackAddress } from '../dashboard/request-origin.ts';
import { AuditLog } from '../telemetry/audit-log.ts';
import type { PageSettings, PageUser } from './page-settings.ts';
import { readSecretFile, readSecretLine } from './secret-file.ts';

export interface OpenedPage {
  readonly options: Pick<DashboardOptions, 'address' | 'access' | 'tls' | 'audit'>;
  readonly warnings: readonly string[];
}

/**
 * Reads what the settings name. No password is in any message.
 *
 * @param environment of this process; a password is taken out of it, so that no child is given it
 * @param auditLog where that is unless the settings say otherwise
 * @param warn what goes wrong while the page is open
 * @throws StartError when something cannot be read
 */
export function openPage(
  settings: PageSettings,
  environment: NodeJS.ProcessEnv,
  auditLog: string,
  warn: (text: string) => void,
): OpenedPage {
  const { address, users, networks, tls } = settings;
  const warnings: string[] = [];
  const audit = new AuditLog(settings.auditLog ?? auditLog, warn);
  if (!isLoopbackAddress(address) && tls === null)
    warnings.push(
      `the page at ${address} is not encrypted: passwords can be read on the way; give it a certificate, or let it listen on this machine alone`,
    );
  const known = users.map((user) => accessUser(user, environment, warnings));
  // Two users may have the same variable.
  for (const { password } of users) if (password.kind === 'variable') delete environment[password.name];
  return {
    options: {
      address,
      access: new HttpAccess({ networks, users: known, needsNoUser: users.length === 0, isReadOnly: false }),
      tls: readPageTls(settings),
      audit: (record) => audit.write(Date.now(), { ...record }),
    },
    warnings,
  };
}

/** The page's certificate chain and key as they are on disk now; null: it has none. @throws StartError when they cannot be read */
export function readPageTls({ tls }: PageSettings): { readonly cert: string; readonly key: string } | null {
  return tls === null
    ? null
    : {
        cert: readSecretFile('certificate of the page', tls.certFile),
        key: readSecretFile('key of the page', tls.keyFile),
      };
}

function accessUser(user: PageUser, environment: NodeJS.ProcessEnv, warnings: string[]): AccessUser {
  const { name, password, isReadOnly } = user;
  let text: string;
  if (password.kind === 'variable') {
    text = environment[password.name] ?? '';
    if (text === '')
      throw new StartError(`the password of ${name}: the variable ${password.name} is not set, or empty`);
  } else {
    const { path } = password;
    const whose = `the password of ${name}`;
    text = readSecretLine(`password of ${name} of the page`, path, whose, (line) => warnings.push(line));
  }
  return userWithPassword(name, text, isReadOnly);
}

/** The passwords, certificates and the audit log of a page, as it is opened. */
import { readFileSync, statSync } from 'node:fs';
import { StartError } from '../base/start-error.ts';
import type { DashboardOptions } from '../dashboard/dashboard.ts';
import { type AccessUser, HttpAccess, userWithPassword } from '../dashboard/http-access.ts';
import { isLoopbackAddress } from '../dashboard/request-origin.ts';
import { errorOfName } from '../net/system-errors.ts';
import { AuditLog } from '../telemetry/audit-log.ts';
import type { PageSettings, PageUser } from './page-settings.ts';

/** A file larger than this is surely another file. */
const FILE_BYTES_MAX: number = 64 * 1024;

/** The mode's bits that let everybody read. */
const READABLE_BY_OTHERS = 0o004;

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
  return tls === null ? null : { cert: textOf('certificate', tls.certFile), key: textOf('key', tls.keyFile) };
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
    [text = ''] = textOf(`password of ${name}`, path).split(/\r?\n/, 1);
    if (text === '') throw new StartError(`the password of ${name}: ${path}: its first line is empty`);
    if ((statSync(path).mode & READABLE_BY_OTHERS) !== 0)
      warnings.push(`everybody on this host can read the password of ${name}: chmod 600 ${path}`);
  }
  return userWithPassword(name, text, isReadOnly);
}

function textOf(what: string, path: string): string {
  try {
    const found = statSync(path);
    // A pipe or a device could keep us waiting for ever.
    if (!found.isFile()) throw new Error('not an ordinary file');
    if (found.size > FILE_BYTES_MAX) throw new Error(`it is larger than ${FILE_BYTES_MAX} bytes`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new StartError(`cannot read the ${what} of the page: ${path}: ${reasonOf(error)}`);
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? errorOfName(error.code).message : error.message;
}

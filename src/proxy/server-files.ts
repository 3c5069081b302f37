/** The files that let a proxy in at its servers, as a configuration names them. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { authoritiesIn } from '../net/authority-pem.ts';
import type { DialCertificates } from '../net/tls-dialler.ts';
import type { ConfigurationFiles } from './server-access.ts';
import { fileReason } from './server-login.ts';

/** Files of a configuration, which are looked for beside it. */
export function configurationFiles(directory: string): ConfigurationFiles {
  return {
    read: (file) => {
      try {
        return readFileSync(resolve(directory, file), 'latin1');
      } catch (error) {
        throw new Error(fileReason(error));
      }
    },
    nameOf: (file) => resolve(directory, file),
    tlsMistake,
  };
}

/** @returns why certificates are of no use; null: they are */
function tlsMistake({ chain, key, authorities, pinned = null }: DialCertificates): string | null {
  // Only here: most proxies need no TLS.
  const { createSecureContext }: typeof import('node:tls') = createRequire(import.meta.url)('node:tls');
  try {
    createSecureContext({
      ...(chain === null ? {} : { cert: chain, key: key ?? chain }),
      ...(authorities === null ? {} : { ca: authoritiesIn(authorities) }),
    });
    if (pinned !== null) new X509Certificate(pinned);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

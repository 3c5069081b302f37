import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TlsListening } from '../src/net/tls-server.ts';

/** The path of a file of testing/certificates, which is not compiled. */
export function certificatePath(name: string): string {
  return fileURLToPath(new URL(`../../testing/certificates/${name}`, import.meta.url));
}

function pem(name: string): string {
  return readFileSync(certificatePath(name), 'latin1');
}

/** A certificate with its key and who vouches for it, as node:tls takes them. */
export function credentials(name: 'server' | 'renewed' | 'client' | 'stranger'): {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
} {
  return { cert: pem(`${name}.pem`), key: pem(`${name}-key.pem`), ca: pem('authority.pem') };
}

/** How a listener of a test speaks TLS. */
export function testListening(given: Partial<TlsListening> = {}): TlsListening {
  const { cert, key, ca } = credentials('server');
  return {
    certificates: { chain: cert, key, authorities: ca },
    clientCertificate: 'none',
    ciphers: null,
    versionMin: 'TLSv1.2',
    sessions: false,
    ...given,
  };
}

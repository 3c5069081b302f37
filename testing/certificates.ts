import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TlsCertificates, TlsListening } from '../src/net/tls-server.ts';

/** The path of a file of testing/certificates, which is not compiled. */
export function certificatePath(name: string): string {
  return fileURLToPath(new URL(`../../testing/certificates/${name}`, import.meta.url));
}

const AUTHORITIES = {
  server: 'authority',
  renewed: 'authority',
  client: 'authority',
  stranger: 'authority',
  twin: 'twins-authority',
  expired: 'twins-authority',
} as const;

function pem(name: string): string {
  return readFileSync(certificatePath(name), 'latin1');
}

/** A certificate with its key and who vouches for it, as node:tls takes them. */
export function credentials(name: keyof typeof AUTHORITIES): {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
} {
  return { cert: pem(`${name}.pem`), key: pem(`${name}-key.pem`), ca: pem(`${AUTHORITIES[name]}.pem`) };
}

/** The same as a server or a dialler of ours takes them. */
export function testCertificates(name: keyof typeof AUTHORITIES): TlsCertificates {
  const { cert, key, ca } = credentials(name);
  return { chain: cert, key, authorities: ca };
}

/** How a listener of a test speaks TLS. */
export function testListening(given: Partial<TlsListening> = {}): TlsListening {
  return {
    certificates: testCertificates('server'),
    clientCertificate: 'none',
    ciphers: null,
    versionMin: 'TLSv1.2',
    sessions: false,
    ...given,
  };
}

import { X509Certificate } from 'node:crypto';
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { authoritiesIn } from './authority-pem.ts';
import { NOT_THE_CERTIFICATE } from './tls-errors.ts';

/** What a dialler shows, and whom it believes, in PEM. Structured-clonable. */
export interface DialCertificates {
  /** Its certificate, and those that vouch for it; null: it has none to show. */
  readonly chain: string | null;
  /** Null: it stands in the chain. */
  readonly key: string | null;
  /** Who vouches for the other side; null: those whom the system trusts, or nobody where the other side's own certificate is known. */
  readonly authorities: string | null;
  /** The certificate of the other side itself: who shows it is believed. Not given: it is not known. */
  readonly pinned?: string | null;
}

/** How a dialled connection speaks TLS. Structured-clonable. */
export interface TlsDialling {
  readonly certificates: DialCertificates;
  /** In their place where they cannot be used: their files may be being written just now. Not given: there are no others. */
  readonly fallback?: DialCertificates;
  readonly versionMin: 'TLSv1.2' | 'TLSv1.3';
}

/**
 * Dials with TLS. The other side's certificate must be the one that is known, or one of the authority's; the name in it is not looked at, for a server or a twin is
 * dialled by an address, and a twin is known by its authority just as a twin that has dialled is.
 *
 * @returns the socket, which tells `secureConnect` when the other side's certificate is good; where it is not the one that is known the socket is destroyed
 *   by then, and tells the error later
 * @throws Error when the certificates cannot be used, and there are no others
 */
export function dialTls(
  target: { readonly host: string; readonly port: number } | { readonly path: string },
  dialling: TlsDialling,
): TLSSocket {
  const { secureContext, ownFingerprint, hasAuthority } = credentialsFor(dialling);
  const socket = connect({
    ...target,
    secureContext,
    rejectUnauthorized: ownFingerprint === null,
    checkServerIdentity: () => undefined,
  });
  if (ownFingerprint !== null)
    socket.on('secureConnect', () => {
      const isVouchedFor = hasAuthority && socket.authorized;
      if (isVouchedFor || socket.getPeerCertificate().fingerprint256 === ownFingerprint) return;
      socket.destroy(Object.assign(new Error(NOT_THE_CERTIFICATE), { code: NOT_THE_CERTIFICATE }));
    });
  socket.allowHalfOpen = true;
  socket.setNoDelay(true);
  socket.setKeepAlive(true);
  return socket;
}

interface Credentials {
  readonly secureContext: SecureContext;
  /** Of the other side's certificate; null: it is not known. */
  readonly ownFingerprint: string | null;
  readonly hasAuthority: boolean;
}

function credentialsFor({ certificates, fallback, versionMin }: TlsDialling): Credentials {
  const of = ({ chain, key, authorities, pinned = null }: DialCertificates): Credentials => ({
    secureContext: createSecureContext({
      ...(chain === null ? {} : { cert: chain, key: key ?? chain }),
      ...(authorities === null ? {} : { ca: authoritiesIn(authorities) }),
      minVersion: versionMin,
    }),
    ownFingerprint: pinned === null ? null : new X509Certificate(pinned).fingerprint256,
    hasAuthority: authorities !== null,
  });
  try {
    return of(certificates);
  } catch (error) {
    if (fallback === undefined) throw error;
    return of(fallback);
  }
}

import { connect, type TLSSocket } from 'node:tls';
import type { TlsCertificates } from './tls-server.ts';

/** How a dialled connection speaks TLS. Structured-clonable. */
export interface TlsDialling {
  /** What is shown to the other side, and who may vouch for it. */
  readonly certificates: TlsCertificates;
  readonly versionMin: 'TLSv1.2' | 'TLSv1.3';
}

/**
 * Dials with TLS. The other side's certificate must be one of the authority's; the name in it is not looked at, for a twin is dialled by an
 * address, and is known by its authority just as a twin that has dialled is.
 *
 * @returns the socket, which tells `secureConnect` when the other side's certificate is good
 */
export function dialTls(
  target: { readonly host: string; readonly port: number } | { readonly path: string },
  { certificates, versionMin }: TlsDialling,
): TLSSocket {
  const { chain, key, authorities } = certificates;
  const socket = connect({
    ...target,
    cert: chain,
    key,
    ...(authorities === null ? {} : { ca: authorities }),
    minVersion: versionMin,
    rejectUnauthorized: true,
    checkServerIdentity: () => undefined,
  });
  socket.allowHalfOpen = true;
  socket.setNoDelay(true);
  socket.setKeepAlive(true);
  return socket;
}

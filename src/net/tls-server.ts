import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import type { ConnectionError } from '../base/session.ts';
import { tlsError, tlsErrorOf } from './tls-errors.ts';

/** What a server shows its clients, as PEM. Structured-clonable. */
export interface TlsCertificates {
  /** Its certificate, and those that vouch for it. */
  readonly chain: string;
  readonly key: string;
  /** Who vouches for clients; null: those whom the system trusts. */
  readonly authorities: string | null;
}

/** How a listener speaks TLS. Structured-clonable. */
export interface TlsListening {
  readonly certificates: TlsCertificates;
  /** Of the client: none is asked for, one that is shown must be good, or one must be shown. */
  readonly clientCertificate: 'none' | 'checked' | 'needed';
  /** OpenSSL's list for versions before 1.3; null: the default. */
  readonly ciphers: string | null;
  readonly versionMin: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
  /** Clients may take up a session again, which saves half of the handshake. */
  readonly sessions: boolean;
}

/** What is told of clients that are not connections yet, or had trouble with TLS. */
export interface TlsObserver {
  /** The handshake failed, or took too long. @param error EPROTO when TLS itself is the reason; @param peer its address and port, '' when they are known no more */
  handshakeFailed(error: ConnectionError, peer: string): void;
  /** A connection was broken by something that is no TLS. */
  protocolFailed(): void;
  /** A client has begun a new session. */
  sessionBegun(): void;
}

/** A server, and how those are sent away that are not connections yet: node knows of no end but theirs. */
export interface TlsServer {
  readonly server: Server;
  /** Cuts off the clients that are within their handshakes. */
  readonly cutHandshakes: () => void;
}

/** A handshake takes two round trips; whoever takes longer than this wants to hold a connection. */
export const HANDSHAKE_MS_MAX = 10_000;

/** The ciphers of TLS 1.3, which OpenSSL has in a list of their own. */
const TLS13_CIPHERS = 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256';

/** What node:tls makes a server's context of. */
export function contextOptions({ certificates, ciphers, versionMin, sessions }: TlsListening): TlsOptions {
  const isOld = versionMin === 'TLSv1' || versionMin === 'TLSv1.1';
  // The versions before 1.2 sign with SHA-1, which OpenSSL allows on its lowest level only.
  const list = ciphers ?? (isOld ? 'DEFAULT@SECLEVEL=0' : null);
  return {
    cert: certificates.chain,
    key: certificates.key,
    minVersion: versionMin,
    ...(certificates.authorities === null ? {} : { ca: certificates.authorities }),
    ...(list === null ? {} : { ciphers: `${TLS13_CIPHERS}:${list}` }),
    ...(sessions ? {} : { secureOptions: constants.SSL_OP_NO_TICKET }),
  };
}

/**
 * A server that gives connections away once their handshake is done.
 *
 * @param handshakesMax more clients than this may not be within their handshakes
 * @param handshakeMs how long one may take
 */
export function createTlsServer(
  tls: TlsListening,
  handshakesMax: number,
  handshakeMs: number,
  observer: TlsObserver,
  connected: (socket: Socket) => void,
): TlsServer {
  const asks = tls.clientCertificate !== 'none';
  const server = createServer({
    ...contextOptions(tls),
    requestCert: asks,
    rejectUnauthorized: tls.clientCertificate === 'needed',
    handshakeTimeout: handshakeMs,
    noDelay: true,
    keepAlive: true,
  });
  let handshakes = 0;
  // By the client's address: node tells of two sockets for each client, and not which belong together.
  const shaking = new Map<string, Socket>();
  server.on('connection', (raw) => {
    handshakes++;
    const peer = peerOf(raw);
    shaking.set(peer, raw);
    raw.once('close', () => {
      if (shaking.get(peer) === raw) shaking.delete(peer);
    });
    // It ends as any other that fails: by an error, which counts it.
    if (handshakes > handshakesMax) raw.destroy();
  });
  server.on('tlsClientError', (error, socket) => {
    handshakes--;
    // Of a certificate that was shown and is no good node tells here only.
    const { authorizationError } = socket;
    observer.handshakeFailed(
      authorizationError ? tlsError(authorizationError) : tlsErrorOf(error),
      remoteOf(socket),
    );
    socket.destroy();
  });
  server.on('secureConnection', (socket) => {
    handshakes--;
    shaking.delete(peerOf(socket));
    // Not before: a client that leaves within its handshake has nothing to wait for.
    socket.allowHalfOpen = true;
    socket.on('error', (error) => {
      if ('code' in error && String(error.code).startsWith('ERR_SSL')) observer.protocolFailed();
    });
    if (tls.clientCertificate === 'checked' && showsCertificate(socket) && !socket.authorized) {
      observer.handshakeFailed(tlsError(socket.authorizationError), remoteOf(socket));
      socket.destroy();
      return;
    }
    if (tls.sessions && !socket.isSessionReused()) observer.sessionBegun();
    connected(socket);
  });
  const cutHandshakes = (): void => {
    for (const raw of shaking.values()) raw.destroy();
  };
  return { server, cutHandshakes };
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function remoteOf({ remoteAddress: host, remotePort: port }: Socket): string {
  if (host === undefined || port === undefined) return '';
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function showsCertificate(socket: TLSSocket): boolean {
  return Object.keys(socket.getPeerCertificate()).length > 0;
}

/** Connections to servers that may want TLS, and a login, before they answer anything. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { createSecureContext, type SecureContext, type TLSSocket, connect as tlsConnect } from 'node:tls';
import { authoritiesIn } from './authority-pem.ts';
import { loginWords, NO_LOGIN } from './login-file.ts';

/** What a server wants. Plain data; the files are read for each connection, for they may have changed. */
export interface ServerAccess {
  /** Null: it is spoken to in the clear. */
  readonly tls: ServerTls | null;
  /** A file of `user:password` lines, as memcached's `-Y` has it; the first user logs in. Null: nobody has to. */
  readonly authFile: string | null;
}

/** Files in PEM. */
export interface ServerTls {
  /** The server's own certificate: what shows it is the server. */
  readonly chainFile: string;
  /** The server asks for a certificate: it is shown its own, with this key; null where the chain has it. */
  readonly client: { readonly keyFile: string | null } | null;
  /** Who may vouch for another certificate; null: the system's authorities. */
  readonly authoritiesFile: string | null;
}

export interface ServerPlace {
  readonly host: string;
  readonly port: number;
  /** Not given: nothing. */
  readonly access?: ServerAccess;
}

/**
 * The server is there and has answered, but nobody can be let in: it refuses, is not believed, or what it wants cannot be read. That says nothing bad of its
 * life: a password or a certificate may have been renewed that it does not know yet.
 */
export class AccessError extends Error {}

/** Whether an error of `openServer` is such a refusal; what TLS tells of the other side's objections is one, too. */
export function isRefusal(error: NodeJS.ErrnoException): boolean {
  return error instanceof AccessError || objections.has(error) || /^ERR_SSL_\w*ALERT/.test(error.code ?? '');
}

/** Errors of connections that ended as noteObjection says. */
const objections: WeakSet<Error> = new WeakSet();

/** Longest line that answers a login. */
const LOGIN_LINE_MAX = 512;

/** What `version` is answered with by who lets in only whom he knows, and by who does not. */
const WANTS_LOGIN = 'CLIENT_ERROR unauthenticated\r\n';
const VERSION_LINE = /^VERSION [^\r\n]*\r\n$/;

const ERROR_LINE = /^(?:ERROR|CLIENT_ERROR .*|SERVER_ERROR .*)\r\n/;

/**
 * Connects to a server, and logs in where it says that it wants that.
 *
 * @param ready is called once, when questions may be written; what the server sends from then on is the caller's to read
 * @returns emits `error` where it fails, a file that is of no use and a refused login included, and `close` in any case
 */
export function openServer({ host, port, access }: ServerPlace, ready: (socket: Socket) => void): Socket {
  if (access === undefined) {
    const socket = connect({ host, port, noDelay: true });
    socket.on('connect', () => ready(socket));
    return socket;
  }
  const { tls, authFile } = access;
  const open = (socket: Socket): void => (authFile === null ? ready(socket) : logIn(socket, authFile, ready));
  if (tls === null) {
    const socket = connect({ host, port, noDelay: true });
    socket.on('connect', () => open(socket));
    return socket;
  }
  let files: TlsFiles;
  try {
    files = readTlsFiles(tls);
  } catch (error) {
    // Whether anybody is there can be told all the same.
    const socket = connect({ host, port });
    socket.on('connect', () => socket.destroy(new AccessError(textOf(error))));
    return socket;
  }
  const { ownFingerprint, secureContext } = files;
  const socket = tlsConnect({ host, port, secureContext, rejectUnauthorized: false });
  socket.setNoDelay(true);
  if (tls.client !== null) noteObjection(socket);
  socket.on('secureConnect', () => {
    // Addresses are not in certificates as a rule, so it must be this one, or somebody has to vouch for it.
    if (socket.authorized || socket.getPeerCertificate().fingerprint256 === ownFingerprint) open(socket);
    else
      socket.destroy(new AccessError('shows a certificate that is not its own, and that nobody vouches for'));
  });
  return socket;
}

interface TlsFiles {
  readonly ownFingerprint: string;
  readonly secureContext: SecureContext;
}

/** @throws Error when one cannot be read, or has not in it what it should: it may be being written just now */
function readTlsFiles({ chainFile, client, authoritiesFile }: ServerTls): TlsFiles {
  const chain = readFileSync(chainFile, 'utf8');
  return {
    ownFingerprint: new X509Certificate(chain).fingerprint256,
    secureContext: createSecureContext({
      ...(authoritiesFile === null ? {} : { ca: authoritiesIn(readFileSync(authoritiesFile, 'utf8')) }),
      ...(client === null
        ? {}
        : { cert: chain, key: client.keyFile === null ? chain : readFileSync(client.keyFile, 'utf8') }),
    }),
  };
}

/** Whoever does not like the certificate that it is shown, because it has expired for instance, closes without a word when the handshake is over. */
function noteObjection(socket: TLSSocket): void {
  let isAwaited = false;
  socket.once('secureConnect', () => {
    isAwaited = true;
    socket.once('data', () => {
      isAwaited = false;
    });
  });
  socket.once('end', () => {
    if (isAwaited) socket.destroy(new AccessError('does not take the certificate that it is shown'));
  });
  // What we had written already came too late.
  socket.once('error', (error: NodeJS.ErrnoException) => {
    if (isAwaited && (error.code === 'ECONNRESET' || error.code === 'EPIPE')) objections.add(error);
  });
}

function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

function logIn(socket: Socket, authFile: string, ready: (socket: Socket) => void): void {
  let words: string | null;
  try {
    words = loginWords(readFileSync(authFile, 'latin1'));
  } catch (error) {
    socket.destroy(new AccessError(textOf(error)));
    return;
  }
  if (words === null) {
    socket.destroy(new AccessError(`${authFile} ${NO_LOGIN}`));
    return;
  }
  let answer = '';
  let hasAsked = false;
  const onData = (piece: Buffer): void => {
    answer += piece.toString('latin1');
    if (!answer.includes('\r\n') && answer.length <= LOGIN_LINE_MAX) return;
    if (!hasAsked && answer === WANTS_LOGIN) {
      hasAsked = true;
      answer = '';
      socket.write(`set auth 0 0 ${words.length}\r\n${words}\r\n`, 'latin1');
      return;
    }
    socket.off('data', onData);
    const failure = `cannot log in: ${answer.split('\r\n')[0]?.slice(0, LOGIN_LINE_MAX)}`;
    if (hasAsked ? answer === 'STORED\r\n' : VERSION_LINE.test(answer)) ready(socket);
    else socket.destroy(ERROR_LINE.test(answer) ? new AccessError(failure) : new Error(failure));
  };
  socket.on('data', onData);
  // Who wants no login, not yet or not any more, would store the password as an item, for all to see.
  socket.write('version\r\n');
}

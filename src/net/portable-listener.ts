import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { ConnectionError } from '../base/session.ts';
import type { Listener, ListenOptions, SocketAddress } from './loop.ts';
import { UNIX_MODE } from './sockets.ts';
import { attempt, errorOfName } from './system-errors.ts';
import {
  contextOptions,
  createTlsServer,
  HANDSHAKE_MS_MAX,
  type TlsCertificates,
  type TlsObserver,
} from './tls-server.ts';

/**
 * A server of node:net. It accepts whenever it listens; so connections that come while the listener is on hold or pauses wait here,
 * as many as the backlog says.
 */
export class PortableListener implements Listener {
  readonly takesDatagrams = false;
  readonly descriptor: number;
  readonly #options: ListenOptions;
  readonly #accept: (socket: Socket, service: number) => void;
  #service: number;
  readonly #onClose: (listener: PortableListener) => void;
  readonly #server: Server;
  readonly #waiting: Socket[] = [];
  readonly #useCertificates: (certificates: TlsCertificates) => void = () => {};
  readonly #cutHandshakes: () => void = () => {};
  #address: SocketAddress;
  #isOpen = false;

  /** @param descriptor a serial number, for want of a descriptor */
  constructor(
    descriptor: number,
    options: ListenOptions,
    service: number,
    observer: TlsObserver,
    accept: (socket: Socket, service: number) => void,
    onClose: (listener: PortableListener) => void,
  ) {
    this.descriptor = descriptor;
    this.#options = options;
    this.#address = options.address;
    this.#service = service;
    this.#accept = accept;
    this.#onClose = onClose;
    const { tls } = options;
    if (tls === undefined) {
      this.#server = createServer({
        allowHalfOpen: true,
        pauseOnConnect: true,
        noDelay: true,
        keepAlive: true,
      });
      this.#server.on('connection', (socket) => this.#connected(socket));
    } else {
      const { backlog, handshakeMs = HANDSHAKE_MS_MAX } = options;
      const connected = (socket: Socket): void => this.#connected(socket);
      const { server, cutHandshakes } = createTlsServer(
        tls,
        Math.max(1, backlog),
        handshakeMs,
        observer,
        connected,
      );
      this.#server = server;
      this.#cutHandshakes = cutHandshakes;
      this.#useCertificates = (certificates) =>
        server.setSecureContext(contextOptions({ ...tls, certificates }));
    }
  }

  get address(): SocketAddress {
    return this.#address;
  }

  /** Binds and listens. @param done called once */
  start(done: (error: ConnectionError | null) => void): void {
    const { address, backlog } = this.#options;
    const server = this.#server;
    let isRetried = false;
    const listen = (): void => {
      if (address.family === 'unix') server.listen({ path: address.path, backlog });
      else
        server.listen({ host: address.host, port: address.port, backlog, ipv6Only: true, exclusive: true });
    };
    const failed = (error: Error): void => {
      const code = 'code' in error ? String(error.code) : 'EINVAL';
      if (code !== 'EADDRINUSE' || address.family !== 'unix' || isRetried) {
        done(errorOfName(code));
        return;
      }
      isRetried = true;
      ifStale(address.path, (isStale) => {
        const failure = isStale ? attempt(() => unlinkSync(address.path)) : errorOfName(code);
        if (failure === null) listen();
        else done(failure);
      });
    };
    server.on('error', failed);
    server.once('listening', () => {
      server.off('error', failed);
      // Failures to accept: node has closed the one connection, and goes on.
      server.on('error', () => {});
      if (address.family === 'unix') {
        const failure = attempt(() => chmodSync(address.path, address.mode ?? UNIX_MODE));
        if (failure !== null) {
          server.close();
          done(failure);
          return;
        }
      } else {
        const bound = server.address();
        if (bound !== null && typeof bound === 'object') this.#address = { ...address, port: bound.port };
      }
      this.#isOpen = !this.#options.hold;
      done(null);
    });
    listen();
  }

  useCertificates(certificates: TlsCertificates): void {
    this.#useCertificates(certificates);
  }

  open(): ConnectionError | null {
    this.#isOpen = true;
    // Whoever counts what is accepted may pause it again.
    while (this.#isOpen) {
      const socket = this.#waiting.shift();
      if (socket === undefined) break;
      this.#accept(socket, this.#service);
    }
    return null;
  }

  useFor(service: number, _backlog: number, mode: number): ConnectionError | null {
    const address = this.#address;
    this.#service = service;
    return address.family === 'unix' ? attempt(() => chmodSync(address.path, mode)) : null;
  }

  pause(): void {
    this.#isOpen = false;
  }

  close(): void {
    this.#server.close();
    this.#cutHandshakes();
    for (const socket of this.#waiting.splice(0)) socket.destroy();
    this.#onClose(this);
  }

  #connected(socket: Socket): void {
    if (this.#isOpen) {
      this.#accept(socket, this.#service);
    } else if (this.#waiting.length < this.#options.backlog) {
      socket.on('error', () => {});
      this.#waiting.push(socket);
    } else {
      socket.destroy();
    }
  }
}

/** Whether the path is a socket that refuses connections: its program has gone without removing it. */
function ifStale(path: string, done: (isStale: boolean) => void): void {
  let isSocket = false;
  const failure = attempt(() => {
    isSocket = lstatSync(path).isSocket();
  });
  if (failure !== null || !isSocket) {
    done(false);
    return;
  }
  const socket = connect({ path });
  socket.once('connect', () => {
    socket.destroy();
    done(false);
  });
  socket.once('error', (error) => done('code' in error && error.code === 'ECONNREFUSED'));
}

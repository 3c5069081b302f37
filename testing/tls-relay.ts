import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';

/** One who sits between two ends that speak TLS, has a certificate that both believe, and passes on what they say. */
export class TlsRelay {
  readonly port: number;
  /** Bytes passed on so far. */
  bytes = 0;
  readonly #server: Server;
  readonly #sockets: Set<Socket> = new Set();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  /** Listens on any free port of 127.0.0.1. @param shown what it shows to both */
  static async to(
    targetPort: number,
    targetHost: string,
    shown: { readonly cert: string; readonly key: string; readonly ca: string },
  ): Promise<TlsRelay> {
    const server = createServer({ ...shown, requestCert: true, rejectUnauthorized: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the relay has a port');
    const relay = new TlsRelay(server, address.port);
    server.on('tlsClientError', () => {});
    server.on('secureConnection', (near) => {
      const far = connect({
        ...shown,
        host: targetHost,
        port: targetPort,
        checkServerIdentity: () => undefined,
      });
      relay.#join(near, far);
    });
    return relay;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #join(near: TLSSocket, far: TLSSocket): void {
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      from.on('data', (bytes) => {
        this.bytes += bytes.length;
        to.write(bytes);
      });
      from.on('end', () => to.end());
      from.on('error', () => {});
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }
}

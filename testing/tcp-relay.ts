import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { resetSocket } from './reset-socket.ts';

type Way = 'forth' | 'back';

/** A stretch of network between one who dials and a port: it can be cut, and hold back what goes either way while the connections stay. */
export class TcpRelay {
  readonly port: number;
  readonly #server: Server;
  readonly #pairs: Set<readonly [Socket, Socket]> = new Set();
  readonly #held: Set<Way> = new Set();
  readonly #lateEnds: (() => void)[] = [];
  #isCut = false;
  /** So many bytes pass in a millisecond, on each connection and in each direction. */
  bytesPerMs: number = Number.POSITIVE_INFINITY;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  /** Listens on any free port of 127.0.0.1, or where it is told to. */
  static async to(
    targetPort: number,
    targetHost = '127.0.0.1',
    { host, port }: { readonly host: string; readonly port: number } = { host: '127.0.0.1', port: 0 },
  ): Promise<TcpRelay> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(port, host);
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the relay has a port');
    const relay = new TcpRelay(server, address.port);
    server.on('connection', (near) => relay.#join(near, connect(targetPort, targetHost)));
    return relay;
  }

  /** Connections that pass through it now. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Ends all connections, and lets none be made. */
  cut(): void {
    this.#isCut = true;
    for (const [near, far] of this.#pairs) {
      resetSocket(near);
      resetSocket(far);
    }
  }

  /** Lets nothing pass any more in these directions; forth is away from who has dialled. */
  hold(...ways: readonly Way[]): void {
    for (const way of ways) this.#held.add(way);
    this.#settle();
  }

  /** Everything passes again. */
  heal(): void {
    this.#isCut = false;
    this.#held.clear();
    for (const end of this.#lateEnds.splice(0)) end();
    this.#settle();
  }

  /** Leaves nothing open, not even a connection that is still being made. */
  close(): void {
    this.cut();
    for (const pair of this.#pairs) for (const end of pair) end.destroy();
    this.#server.close();
  }

  #join(near: Socket, far: Socket): void {
    const pair = [near, far] as const;
    if (this.#isCut) {
      resetSocket(near);
      far.destroy();
      return;
    }
    this.#pairs.add(pair);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.setNoDelay(true);
      from.on('data', (bytes) => {
        to.write(bytes);
        if (this.bytesPerMs === Number.POSITIVE_INFINITY) return;
        from.pause();
        setTimeout(() => this.#settle(), bytes.length / this.bytesPerMs);
      });
      from.on('end', () => to.end());
      from.on('error', () => {});
      from.on('close', () => {
        const end = (): void => {
          to.destroy();
          this.#pairs.delete(pair);
        };
        // Where nothing passes an end does not, either.
        if (this.#held.size > 0) this.#lateEnds.push(end);
        else end();
      });
    }
    this.#settle();
  }

  #settle(): void {
    for (const [near, far] of this.#pairs) {
      if (this.#held.has('forth')) near.pause();
      else near.resume();
      if (this.#held.has('back')) far.pause();
      else far.resume();
    }
  }
}

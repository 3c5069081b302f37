import { connect, type Socket } from 'node:net';
import { resetSocket } from './reset-socket.ts';
import { until } from './wait.ts';

/** A bare connection: sends any bytes, keeps what comes back, and never objects. */
export class RawSocket {
  readonly #socket: Socket;
  #received = '';
  #bytes = 0;
  #isClosed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#bytes += text.length;
      // Large answers are only counted.
      if (this.#received.length < 16 << 20) this.#received += text;
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#isClosed = true;
    });
  }

  /** Connects to a port of 127.0.0.1 or to a unix socket. Rejects with the socket's error. */
  static connect(where: number | string, host = '127.0.0.1'): Promise<RawSocket> {
    return new Promise((resolve, reject) => {
      const socket = typeof where === 'number' ? connect(where, host) : connect(where);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new RawSocket(socket));
      });
    });
  }

  /** Sends bytes. @returns when the system has taken them, or the connection is gone */
  send(text: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isClosed) resolve();
      else if (typeof text === 'string') this.#socket.write(text, 'latin1', () => resolve());
      else this.#socket.write(text, () => resolve());
    });
  }

  /** Sends without waiting, for a peer that may not read. */
  push(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  /** Stops reading: the peer's bytes stay in the kernel. */
  stopReading(): void {
    this.#socket.pause();
  }

  readOn(): void {
    this.#socket.resume();
  }

  /** What has come so far (of more than 16 MiB the beginning), and how many bytes there were. */
  get received(): string {
    return this.#received;
  }

  get bytesReceived(): number {
    return this.#bytes;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Waits until so many bytes have come. */
  async read(bytes: number): Promise<string> {
    await until(
      `${bytes} bytes (there are ${this.#bytes}: ${JSON.stringify(this.#received.slice(0, 100))})`,
      () => this.#bytes >= bytes || this.#isClosed,
    );
    return this.#received;
  }

  /** Waits until the peer has closed the connection. @returns all that came */
  async readToEnd(): Promise<string> {
    await until('the peer closes', () => this.#isClosed);
    return this.#received;
  }

  /** Says that nothing more will be sent; still reads. */
  finish(): void {
    this.#socket.end();
  }

  /** Vanishes, by default with a reset as a crashed client's kernel would send. */
  vanish(reset = true): void {
    if (reset) resetSocket(this.#socket);
    else this.#socket.destroy();
  }
}

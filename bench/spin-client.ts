import { LINUX, type Libc, loadLibc } from '../src/net/libc.ts';
import { Sockets } from '../src/net/sockets.ts';

/** For an answer. */
const WAIT_MS_MAX = 60_000;

/** Longest request, and longest answer. */
const BYTES_MAX = 65_536;

/**
 * One connection that asks one thing at a time and looks for the answer without sleeping.
 *
 * A client that sleeps until its answer is there has to be woken, often on another core: on virtual machines that is 50 to 150 us, more than what
 * is to be measured takes. This one sees an answer as soon as it is there. It needs the system's calls as the reactor does, and a core of its own.
 */
export class SpinClient {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #bytes: Buffer = Buffer.from(new ArrayBuffer(BYTES_MAX));
  readonly #address: bigint;

  private constructor(libc: Libc, port: number) {
    this.#libc = libc;
    this.#address = this.#libc.addressOf(this.#bytes);
    const sockets = new Sockets(this.#libc);
    const address = { family: 'ipv4', host: '127.0.0.1', port } as const;
    const fd = sockets.open(address);
    if (typeof fd !== 'number') throw new Error(fd.message);
    this.#fd = fd;
    sockets.setOption(fd, LINUX.IPPROTO_TCP, LINUX.TCP_NODELAY, 1);
    // It is up, or refused, by the time that something can be sent.
    sockets.connect(fd, address);
  }

  /** @param port of loopback @returns null where the system's calls are not to be had @throws Error when no socket is to be had */
  static connect(port: number): SpinClient | null {
    const libc = loadLibc();
    return libc === null ? null : new SpinClient(libc, port);
  }

  /**
   * Nothing else of this process runs meanwhile.
   *
   * @param request Latin-1
   * @returns what has come, as soon as that ends with `end`
   * @throws Error when the connection is lost, or no answer comes in a minute
   */
  ask(request: string, end: string): string {
    const length = this.#bytes.write(request, 0, 'latin1');
    if (this.#libc.send(this.#fd, this.#address, length, LINUX.MSG_NOSIGNAL) !== length)
      throw new Error('a request could not be sent');
    const startMs = performance.now();
    let taken = 0;
    for (let looks = 1; ; looks++) {
      const count = this.#libc.recv(this.#fd, this.#address + BigInt(taken), BYTES_MAX - taken, 0);
      if (count === 0) throw new Error('connection closed');
      if (count > 0) {
        taken += count;
        const text = this.#bytes.toString('latin1', 0, taken);
        if (text.endsWith(end)) return text;
      } else if (looks % 1000 === 0 && performance.now() - startMs > WAIT_MS_MAX)
        throw new Error(`no answer within ${WAIT_MS_MAX / 1000} s`);
    }
  }

  close(): void {
    this.#libc.close(this.#fd);
  }
}

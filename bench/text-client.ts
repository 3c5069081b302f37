import { connect, type Socket } from 'node:net';

const TIMEOUT_MS = 60_000;

/** A reply that has arrived whole. */
interface Waiting {
  /** @returns length of the reply when it stands in `bytes` whole, else 0 */
  readonly lengthOf: (bytes: Buffer) => number;
  readonly resolve: (reply: Buffer) => void;
}

/** A client of a few large requests, one at a time: what asks servers for their statistics and runs traces. */
export class TextClient {
  readonly #socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);
  #waiting: Waiting | null = null;
  #fail: (error: Error) => void = () => {};

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (chunk) => this.#received(chunk));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the server closed the connection')));
    this.#socket.setTimeout(TIMEOUT_MS, () => this.#fail(new Error('the server does not answer')));
  }

  close(): void {
    this.#fail = () => {};
    this.#socket.destroy();
  }

  /** What `stats` says. */
  async statistics(): Promise<ReadonlyMap<string, string>> {
    const reply = await this.#ask('stats\r\n', endOf('END\r\n'));
    const lines = reply.toString('latin1').split('\r\n');
    return new Map(
      lines
        .map((line) => line.split(' '))
        .map(([, name = '', value = '']): [string, string] => [name, value]),
    );
  }

  /** Gets keys in one request. @returns those that were found, in order */
  async get(keys: readonly string[]): Promise<readonly string[]> {
    const found: string[] = [];
    // Where the next VALUE line or END is expected; kept between chunks, so that nothing is looked at twice.
    let at = 0;
    await this.#ask(`get ${keys.join(' ')}\r\n`, (bytes) => {
      for (;;) {
        const lineEnd = bytes.indexOf('\r\n', at, 'latin1');
        if (lineEnd < 0) return 0;
        const [word, key = '', , valueBytes] = bytes.toString('latin1', at, lineEnd).split(' ');
        if (word === 'END') return lineEnd + 2;
        if (word !== 'VALUE') throw new Error(`unexpected reply: ${word}`);
        const next = lineEnd + 2 + Number(valueBytes) + 2;
        if (next > bytes.length) return 0;
        found.push(key);
        at = next;
      }
    });
    return found;
  }

  /** Stores values, all in one go. */
  async set(entries: readonly { readonly key: string; readonly value: string }[]): Promise<void> {
    if (entries.length === 0) return;
    const lines = entries.map(({ key, value }) => `set ${key} 0 0 ${value.length} noreply\r\n${value}\r\n`);
    // The reply of what stands behind them says that they have been taken.
    await this.#ask(`${lines.join('')}mn\r\n`, endOf('MN\r\n'));
  }

  #ask(request: string, lengthOf: (bytes: Buffer) => number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { lengthOf, resolve };
      this.#fail = reject;
      this.#socket.write(request, 'latin1');
    });
  }

  #received(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    const waiting = this.#waiting;
    if (waiting === null) return;
    const length = waiting.lengthOf(this.#bytes);
    if (length === 0) return;
    const reply = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    this.#waiting = null;
    waiting.resolve(reply);
  }
}

function endOf(word: string): (bytes: Buffer) => number {
  return (bytes) => {
    const at = bytes.indexOf(word, 0, 'latin1');
    return at < 0 ? 0 : at + word.length;
  };
}

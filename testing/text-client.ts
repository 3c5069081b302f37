import { connect, type Socket } from 'node:net';
import { until } from './wait.ts';

interface Waiter {
  /** Returns how many characters of the text answer it; when more are needed, a negative number: that of so many at least. */
  readonly length: (text: string) => number;
  readonly done: (reply: string) => void;
  readonly failed: (error: Error) => void;
}

/** The end of one reply: a single line, or for get and stats everything up to END. */
function replyLength(command: string): (text: string) => number {
  const many = /^(gets?|gats?|stats)\b/.test(command) && !/^stats (reset|detail o)/.test(command);
  return (text) => {
    let at = 0;
    for (;;) {
      const lineEnd = text.indexOf('\r\n', at);
      if (lineEnd < 0) return -1;
      const line = text.slice(at, lineEnd);
      const value = many ? /^VALUE \S+ \d+ (\d+)/.exec(line) : null;
      if (value !== null) {
        at = lineEnd + 2 + Number(value[1]) + 2;
        if (at > text.length) return -at;
      } else if (many && (line.startsWith('STAT ') || line.startsWith('PREFIX '))) at = lineEnd + 2;
      else return lineEnd + 2;
    }
  };
}

/**
 * A small memcached client for tests: sends raw text, gives raw replies, in order.
 */
export class TextClient {
  readonly #socket: Socket;
  readonly #waiters: Waiter[] = [];
  #text = '';
  /** With less of it there is no whole reply. */
  #neededLength = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#text += text;
      this.#settle();
    });
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('connection closed')));
  }

  /** Connects, or rejects with the socket's error. */
  static connect(port: number, host = '127.0.0.1'): Promise<TextClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, host);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new TextClient(socket));
      });
    });
  }

  /** Sends one request (without its last CR LF) and waits for its whole reply. */
  ask(request: string): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) {
        reject(new Error('connection closed'));
        return;
      }
      this.#waiters.push({ length: replyLength(request), done: resolve, failed: reject });
      this.#socket.write(`${request}\r\n`, 'latin1');
    });
  }

  /** Sends requests of any kind and a `version` behind them. @returns all replies, with that of `version` at the end */
  converse(requests: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const length = (text: string): number =>
        /VERSION [\d.]+\r\n$/.test(text.slice(-32)) ? text.length : -1;
      this.#waiters.push({ length, done: resolve, failed: reject });
      this.#socket.write(`${requests}\r\nversion\r\n`, 'latin1');
    });
  }

  /** Stores a value; the reply without CR LF. */
  async set(key: string, value: string, exptime = 0): Promise<string> {
    return (await this.ask(`set ${key} 0 ${exptime} ${value.length}\r\n${value}`)).trimEnd();
  }

  /** The value of a key, or null. Rejects on an error line. */
  async get(key: string): Promise<string | null> {
    const reply = await this.ask(`get ${key}`);
    if (reply === 'END\r\n') return null;
    const head = /^VALUE \S+ \d+ (\d+)\r\n/.exec(reply);
    if (head === null) throw new Error(`get ${key}: ${reply.trimEnd()}`);
    return reply.slice(head[0].length, head[0].length + Number(head[1]));
  }

  /** The lines of a stats command by name. */
  async stats(which = ''): Promise<Map<string, string>> {
    const reply = await this.ask(`stats ${which}`.trimEnd());
    const lines = new Map<string, string>();
    for (const line of reply.split('\r\n')) {
      const words = /^STAT (\S+) (.*)$/.exec(line);
      if (words !== null) lines.set(words[1]!, words[2]!);
    }
    return lines;
  }

  /** Sends a piece of anything, and calls back when the system has taken it. */
  raw(piece: string, sent: () => void): void {
    this.#socket.write(piece, 'latin1', () => sent());
  }

  /** Waits until exactly this text has come in answer to `raw`. */
  async rawReply(expected: string): Promise<boolean> {
    await until(`reply ${JSON.stringify(expected)}`, () => this.#text.length >= expected.length);
    const reply = this.#text;
    this.#text = '';
    return reply === expected;
  }

  /** Waits until what has come in answer to `raw` is all there. @returns it */
  async rawUntil(end: RegExp): Promise<string> {
    await until(`a reply that ends with ${end}`, () => end.test(this.#text.slice(-64)));
    const reply = this.#text;
    this.#text = '';
    return reply;
  }

  close(): void {
    this.#socket.destroy();
  }

  #settle(): void {
    while (this.#text.length >= this.#neededLength) {
      const waiter = this.#waiters[0];
      if (waiter === undefined) return;
      const length = waiter.length(this.#text);
      this.#neededLength = Math.max(0, -length);
      if (length < 0) return;
      this.#waiters.shift();
      const reply = this.#text.slice(0, length);
      this.#text = this.#text.slice(length);
      waiter.done(reply);
    }
  }

  #fail(error: Error): void {
    for (const waiter of this.#waiters.splice(0)) waiter.failed(error);
  }
}

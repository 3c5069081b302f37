/**
 * A stand-in for repcached 2.3.1 as a twin: says and does what the original says and does over its link, and no more. One that dials says nothing at
 * first; one that listens sends its items as soon as somebody is there, and does not listen while it is linked; neither ever dials again.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { until } from './wait.ts';

interface LegacyItem {
  readonly flags: number;
  readonly exptime: number;
  readonly cas: number;
  readonly value: string;
}

export class LegacyTwin {
  readonly items: Map<string, LegacyItem> = new Map();
  /** Everything that was received, in order, values left out. */
  readonly lines: string[] = [];
  hasCopy = false;
  #socket: Socket | null = null;
  #server: Server | null = null;
  #text = '';
  #lastCas = 0;

  /** The form with `-x`: dials, and waits for a copy. */
  static async dial(port: number, host = '127.0.0.1'): Promise<LegacyTwin> {
    const twin = new LegacyTwin();
    const socket = connect(port, host);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    twin.#link(socket);
    await until('the copy', () => twin.hasCopy);
    return twin;
  }

  /** The form without `-x`: listens. @param holdsEnd its copy does not come to its end before `endCopy` */
  async listen(port: number, host = '127.0.0.1', holdsEnd = false): Promise<void> {
    const server = createServer((socket) => {
      server.close();
      this.#server = null;
      this.#link(socket);
      for (const [key, item] of this.items) this.#say(key, item);
      if (!holdsEnd) this.endCopy();
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
  }

  endCopy(): void {
    this.#socket?.write('marugoto_end\r\n');
  }

  get isLinked(): boolean {
    return this.#socket !== null;
  }

  /** A client of this twin stores something. */
  set(key: string, value: string, flags = 0, exptime = 0): void {
    const item: LegacyItem = { flags, exptime, cas: ++this.#lastCas, value };
    this.items.set(key, item);
    this.#say(key, item);
  }

  delete(key: string): void {
    this.items.delete(key);
    this.#socket?.write(`delete ${key}\r\n`);
  }

  flush(atSeconds?: number): void {
    if (atSeconds === undefined) this.items.clear();
    this.#socket?.write(`flush_all ${atSeconds ?? ''}\r\n`);
  }

  /** Breaks the link; the original listens then. */
  cut(): void {
    this.#socket?.destroy();
    this.#socket = null;
  }

  close(): void {
    this.cut();
    this.#server?.close();
  }

  /** Large flags go out as negative numbers, as the original prints them. */
  #say(key: string, { flags, exptime, cas, value }: LegacyItem): void {
    const bytes = Buffer.byteLength(value, 'latin1');
    this.#socket?.write(`rep ${key} ${flags | 0} ${exptime} ${bytes} ${cas}\r\n${value}\r\n`, 'latin1');
  }

  #link(socket: Socket): void {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.setNoDelay(true);
    socket.on('data', (text: string) => {
      this.#text += text;
      while (this.#take());
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (this.#socket === socket) this.#socket = null;
    });
  }

  /** Executes the next line. @returns whether there was one */
  #take(): boolean {
    const lineEnd = this.#text.indexOf('\n');
    if (lineEnd < 0) return false;
    const line = this.#text.slice(0, lineEnd).replace(/\r$/, '');
    const [command, key = '', flags = '', exptime = '', bytes = '', cas = ''] = line.split(' ');
    let end = lineEnd + 1;
    if (command === 'rep') {
      const valueEnd = end + Number(bytes);
      if (this.#text.length < valueEnd + 2) return false;
      const value = this.#text.slice(end, valueEnd);
      if (this.#text.slice(valueEnd, valueEnd + 2) !== '\r\n') throw new Error(`no line end behind ${line}`);
      // The original refuses negative numbers here; it never gets any from us.
      if (!/^\d+$/.test(flags)) throw new Error(`flags that repcached does not understand: ${line}`);
      this.items.set(key, { flags: Number(flags), exptime: Number(exptime), cas: Number(cas), value });
      end = valueEnd + 2;
    } else if (command === 'delete') this.items.delete(key);
    else if (command === 'flush_all' && key === '') this.items.clear();
    else if (command === 'marugoto_end') this.hasCopy = true;
    this.lines.push(line);
    this.#text = this.#text.slice(end);
    return true;
  }
}

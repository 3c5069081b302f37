/** memcached's frames, from a client's side. */
import { createSocket, type Socket } from 'node:dgram';
import { until } from './wait.ts';

/** A request of one datagram. */
export function requestDatagram(id: number, payload: string, total = 1): Buffer {
  const frame = Buffer.alloc(8);
  frame.writeUInt16BE(id, 0);
  frame.writeUInt16BE(total, 4);
  return Buffer.concat([frame, Buffer.from(payload, 'latin1')]);
}

/** One datagram of an answer. */
export interface AnswerPart {
  readonly id: number;
  readonly sequence: number;
  readonly total: number;
  readonly bytes: number;
  /** Latin-1. */
  readonly text: string;
}

export function answerPart(datagram: Uint8Array): AnswerPart {
  const bytes = Buffer.from(datagram);
  if (bytes.length <= 8 || bytes.readUInt16BE(6) !== 0) throw new Error('not a datagram of an answer');
  return {
    id: bytes.readUInt16BE(0),
    sequence: bytes.readUInt16BE(2),
    total: bytes.readUInt16BE(4),
    bytes: bytes.length,
    text: bytes.toString('latin1', 8),
  };
}

/** A client over UDP. */
export class DatagramClient {
  readonly #socket: Socket;
  readonly #port: number;
  readonly #host: string;
  readonly #parts: AnswerPart[] = [];
  #id = 100;

  constructor(port: number, host = '127.0.0.1') {
    this.#port = port;
    this.#host = host;
    this.#socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 4 << 20 });
    this.#socket.on('message', (datagram) => {
      // The original sends nothing but a frame where it closes a connection.
      if (datagram.length > 8) this.#parts.push(answerPart(datagram));
    });
    this.#socket.on('error', () => {});
  }

  /** Sends bytes as they are. */
  raw(datagram: Uint8Array): void {
    this.#socket.send(datagram, this.#port, this.#host);
  }

  /** Sends a request. @returns its id */
  send(payload: string): number {
    const id = ++this.#id & 0xffff;
    this.raw(requestDatagram(id, payload));
    return id;
  }

  /** Datagrams of answers that have come for a request, in their order. */
  parts(id: number): readonly AnswerPart[] {
    return this.#parts.filter((part) => part.id === id);
  }

  /** Sends a request and waits for its whole message. @returns its parts, by sequence */
  async request(payload: string): Promise<readonly AnswerPart[]> {
    const id = this.send(payload);
    const parts = await until('the answer', () => {
      const there = this.parts(id);
      const [first] = there;
      return first !== undefined && there.length >= first.total ? there : null;
    });
    return [...parts].sort((one, other) => one.sequence - other.sequence);
  }

  /** The same. @returns the text of the message */
  async ask(payload: string): Promise<string> {
    return (await this.request(payload)).map(({ text }) => text).join('');
  }

  /**
   * Sends what has no answer of its own, and something that has: what has come for the first until the answer to the second.
   *
   * @returns the text that came for it
   */
  async askForNothing(datagram: Uint8Array, id: number): Promise<string> {
    this.raw(datagram);
    await this.ask('mn\r\n');
    return this.parts(id)
      .map(({ text }) => text)
      .join('');
  }

  close(): void {
    this.#socket.close();
  }
}

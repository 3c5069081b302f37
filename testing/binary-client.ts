import { type BinaryReply, parseReplies } from './binary-transcripts.ts';
import { RawSocket } from './raw-socket.ts';
import { until } from './wait.ts';

/** What a request is made of; what is not named is empty or 0. */
export interface BinaryFields {
  readonly key?: string;
  readonly extras?: string;
  readonly value?: string;
  readonly cas?: bigint;
  readonly opaque?: number;
}

/** The bytes of a binary request, as latin-1 text. */
export function binaryPacket(opcode: number, fields: BinaryFields = {}): string {
  const { key = '', extras = '', value = '', cas = 0n, opaque = 0 } = fields;
  const header = Buffer.alloc(24);
  header[0] = 0x80;
  header[1] = opcode;
  header.writeUInt16BE(key.length, 2);
  header[4] = extras.length;
  header.writeUInt32BE(extras.length + key.length + value.length, 8);
  header.writeUInt32BE(opaque, 12);
  header.writeBigUInt64BE(cas, 16);
  return header.toString('latin1') + extras + key + value;
}

/** A number as the bytes of an extra. */
export function bigEndian(value: bigint | number, bytes: number): string {
  return Buffer.from(
    BigInt(value)
      .toString(16)
      .padStart(bytes * 2, '0'),
    'hex',
  ).toString('latin1');
}

const NOOP = 0x0a;

/** A connection that speaks the binary protocol, for tests. */
export class BinaryClient {
  readonly #socket: RawSocket;
  #from = 0;
  #serial = 0;

  private constructor(socket: RawSocket) {
    this.#socket = socket;
  }

  static async connect(port: number, host = '127.0.0.1'): Promise<BinaryClient> {
    return new BinaryClient(await RawSocket.connect(port, host));
  }

  /** Sends requests and a no-op. @returns their replies, without that of the no-op */
  async ask(...packets: string[]): Promise<readonly BinaryReply[]> {
    const opaque = 0xf0000000 + ++this.#serial;
    await this.#socket.send(packets.join('') + binaryPacket(NOOP, { opaque }));
    const { replies, used } = await until('the reply to the no-op', () => {
      const found = parseReplies(this.#socket.received.slice(this.#from));
      return found.replies.some((reply) => reply.opaque === opaque) && found;
    });
    this.#from += used;
    return replies.filter((reply) => reply.opaque !== opaque);
  }

  close(): void {
    this.#socket.vanish(false);
  }
}

import { connect, type Socket } from 'node:net';
import { binaryDialect } from './binary-dialect.ts';
import { metaDialect } from './meta-dialect.ts';
import type { Dialect, Operation, Reply } from './operations.ts';
import { textDialect } from './text-dialect.ts';

export const DIALECTS: Readonly<Record<Dialect['name'], Dialect>> = {
  text: textDialect,
  binary: binaryDialect,
  meta: metaDialect,
};

interface Batch {
  readonly operations: readonly Operation[];
  readonly replies: Reply[];
  readonly resolve: (replies: readonly Reply[]) => void;
  readonly reject: (error: Error) => void;
}

/** A client's connection that sends operations in one go and gives their replies, in one protocol for its whole life. */
export class LoadConnection {
  readonly dialect: Dialect;
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #batch: Batch | null = null;

  private constructor(socket: Socket, dialect: Dialect) {
    this.#socket = socket;
    this.dialect = dialect;
    socket.setNoDelay(true);
    socket.on('data', (piece: Buffer) => {
      this.#received = this.#received.length === 0 ? piece : Buffer.concat([this.#received, piece]);
      this.#take();
    });
    socket.on('error', (error) => this.#batch?.reject(error));
    socket.on('close', () => this.#batch?.reject(new Error('the server has closed the connection')));
  }

  static open(port: number, dialect: Dialect): Promise<LoadConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new LoadConnection(socket, dialect));
      });
    });
  }

  /** One batch at a time. Rejects when the connection breaks or an answer is none. */
  ask(...operations: readonly Operation[]): Promise<readonly Reply[]> {
    return new Promise((resolve, reject) => {
      this.#batch = { operations, replies: [], resolve, reject };
      const pieces = operations.map((operation) => this.dialect.encode(operation));
      this.#socket.write(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
    });
  }

  /** Resolves when the connection is closed on this side. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.once('close', () => resolve());
      this.#socket.end();
    });
  }

  #take(): void {
    const batch = this.#batch;
    if (batch === null) return;
    let at = 0;
    try {
      while (batch.replies.length < batch.operations.length) {
        const operation = batch.operations[batch.replies.length]!;
        const found = this.dialect.parse(operation, this.#received, at);
        if (found === null) break;
        batch.replies.push(found.reply);
        at = found.end;
      }
      this.#received = this.#received.subarray(at);
      if (batch.replies.length < batch.operations.length) return;
      if (this.#received.length > 0) throw new Error('there is more than the answers');
      this.#batch = null;
      batch.resolve(batch.replies);
    } catch (error) {
      this.#batch = null;
      this.#socket.destroy();
      batch.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

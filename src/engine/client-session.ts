import type { Connection, ConnectionError, Session } from '../base/session.ts';
import { REQUEST_MAGIC } from '../protocol/binary/opcodes.ts';
import { BinarySession } from './binary-session.ts';
import type { NodeContext } from './node-context.ts';
import { TextSession } from './text-session.ts';

/**
 * The session of a new client: the first byte it sends decides the protocol for the life of the connection, or `-B` does.
 *
 * @param onClosed called once, when the client has gone
 */
export function clientSession(context: NodeContext, connection: Connection, onClosed: () => void): Session {
  return new FirstByteSession(context, connection, onClosed);
}

class FirstByteSession implements Session {
  readonly #context: NodeContext;
  readonly #connection: Connection;
  readonly #onClosed: () => void;
  /** Null until the first byte has come. */
  #session: Session | null = null;

  constructor(context: NodeContext, connection: Connection, onClosed: () => void) {
    this.#context = context;
    this.#connection = connection;
    this.#onClosed = onClosed;
  }

  feed(input: Uint8Array, start: number, end: number): number {
    if (this.#session !== null) return this.#session.feed(input, start, end);
    if (start === end) return start;
    this.#session = this.#begin(input[start] === REQUEST_MAGIC);
    return this.#session.feed(input, start, end);
  }

  closed(error: ConnectionError | null): void {
    this.#onClosed();
    this.#session?.closed(error);
  }

  #begin(isBinary: boolean): Session {
    const { protocol } = this.#context.settings;
    return protocol === 'binary' || (isBinary && protocol === 'auto')
      ? new BinarySession(this.#context, this.#connection)
      : new TextSession(this.#context, this.#connection);
  }
}

import type { Connection, ConnectionError, Session } from '../base/session.ts';
import type { NodeContext } from './node-context.ts';
import { TextSession } from './text-session.ts';

/** The first byte of every binary request. */
const BINARY_MAGIC = 0x80;

/**
 * The session of a new client: the first byte it sends decides the protocol for the life of the connection.
 *
 * Only text is spoken yet; a connection that begins in binary is closed, as memcached does when it is told to speak text only.
 *
 * @param onClosed called once, when the client has gone
 */
export function clientSession(context: NodeContext, connection: Connection, onClosed: () => void): Session {
  return new FirstByteSession(connection, new TextSession(context, connection), onClosed);
}

class FirstByteSession implements Session {
  readonly #connection: Connection;
  readonly #session: Session;
  readonly #onClosed: () => void;
  #decided = false;

  constructor(connection: Connection, session: Session, onClosed: () => void) {
    this.#connection = connection;
    this.#session = session;
    this.#onClosed = onClosed;
  }

  feed(input: Uint8Array, start: number, end: number): number {
    if (!this.#decided && start < end) {
      this.#decided = true;
      if (input[start] === BINARY_MAGIC) {
        this.#connection.end();
        return end;
      }
    }
    return this.#session.feed(input, start, end);
  }

  closed(error: ConnectionError | null): void {
    this.#onClosed();
    this.#session.closed(error);
  }
}

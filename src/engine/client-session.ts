import type { Connection, ConnectionError, Session } from '../base/session.ts';
import { REQUEST_MAGIC } from '../protocol/binary/opcodes.ts';
import { BinarySession } from './binary-session.ts';
import type { ConnectedClient } from './connected-clients.ts';
import { LoginSession } from './login-session.ts';
import type { NodeContext } from './node-context.ts';
import type { TracedSession } from './request-trace.ts';
import { TextSession } from './text-session.ts';

/**
 * The session of a new client: the first byte it sends decides the protocol for the life of the connection, unless the node speaks one only.
 *
 * @param onClosed called once, when the client has gone
 */
export function clientSession(context: NodeContext, connection: Connection, onClosed: () => void): Session {
  return new FirstByteSession(context, connection, onClosed);
}

/** A protocol's session, as those who list the clients sees it. */
export interface ProtocolSession extends TracedSession {
  /** memcached's name of what the connection is doing. */
  readonly connectionState?: string;
  /** It has ended the connection because of what it was sent. */
  readonly hasFailed?: boolean;
}

/** The session of a protocol, for what begins in binary or not; a node that speaks one only answers in that. */
export function protocolSession(
  context: NodeContext,
  connection: Connection,
  isBinary: boolean,
): ProtocolSession {
  const { protocol } = context.settings;
  const { logins } = context;
  if (logins !== null) {
    return new LoginSession(context, logins, connection, () => new TextSession(context, connection));
  }
  return protocol === 'binary' || (isBinary && protocol === 'auto')
    ? new BinarySession(context, connection)
    : new TextSession(context, connection);
}

class FirstByteSession implements Session, ConnectedClient {
  readonly connection: Connection;
  lastCommandSeconds: number;
  readonly #context: NodeContext;
  readonly #onClosed: () => void;
  /** Null until the first byte has come. */
  #session: ProtocolSession | null = null;
  #isKicked = false;

  constructor(context: NodeContext, connection: Connection, onClosed: () => void) {
    this.#context = context;
    this.connection = connection;
    this.#onClosed = onClosed;
    this.lastCommandSeconds = context.cache.nowSeconds;
    context.clients.add(this);
    context.log.connected(connection);
    if (context.trace.isOn) context.trace.opened(connection, context.settings.protocol);
  }

  get connectionState(): string {
    return this.#session?.connectionState ?? 'conn_read';
  }

  lookAhead(input: Uint8Array, start: number, end: number): void {
    this.#context.lookAhead.note(input, start, end);
  }

  feed(input: Uint8Array, start: number, end: number): number {
    const { cache, log, trace, lookAhead } = this.#context;
    lookAhead.prepare();
    this.lastCommandSeconds = cache.nowSeconds;
    log.descriptor = this.connection.descriptor;
    if (this.#session === null) {
      if (start === end) return start;
      this.#session = protocolSession(this.#context, this.connection, input[start] === REQUEST_MAGIC);
      if (trace.isOn) trace.decided(this.connection, this.#session instanceof BinarySession);
    }
    if (trace.isOn) return trace.feed(this.#session, this.connection, input, start, end);
    return this.#session.feed(input, start, end);
  }

  kick(): void {
    this.#isKicked = true;
    this.connection.destroy();
  }

  drained(): void {
    this.#session?.drained?.();
  }

  closed(error: ConnectionError | null): void {
    const { clients, log, trace } = this.#context;
    clients.remove(this);
    log.disconnected(
      this.connection,
      this.#isKicked
        ? 'idle_timeout'
        : error === null && this.#session?.hasFailed !== true
          ? 'normal'
          : 'error',
    );
    if (trace.isOn) trace.closed(this.connection);
    this.#onClosed();
    this.#session?.closed(error);
  }
}

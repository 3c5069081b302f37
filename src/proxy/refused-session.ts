import type { Connection, Session } from '../base/session.ts';

/** magent's answer to one client too many, with the line end that magent leaves out. */
const REFUSAL = 'SERVER_ERROR OUT OF CONNECTION\r\n';

/**
 * How long a refused connection stays open. A socket that is closed while requests lie unread in it resets the connection, and the
 * client may lose what it was told; so its requests are read and dropped for a moment.
 */
const LINGER_MS = 100;

/** A client beyond the limit: it is told so and the connection ends. */
export class RefusedSession implements Session {
  readonly #connection: Connection;

  /** @param schedule calls back after so many milliseconds */
  constructor(connection: Connection, schedule: (delayMs: number, callback: () => void) => void) {
    this.#connection = connection;
    connection.output.text(REFUSAL);
    connection.flush();
    schedule(LINGER_MS, () => this.#connection.end());
  }

  feed(_input: Uint8Array, _start: number, end: number): number {
    return end;
  }

  closed(): void {}
}

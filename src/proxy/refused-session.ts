import type { Connection, Session } from '../base/session.ts';

/** magent's answer to one client too many, with the line end that magent leaves out. */
const REFUSAL = 'SERVER_ERROR OUT OF CONNECTION\r\n';

/** A client beyond the limit: it is told so and the connection ends. */
export class RefusedSession implements Session {
  constructor(connection: Connection) {
    connection.output.text(REFUSAL);
    connection.flush();
    connection.end();
  }

  feed(_input: Uint8Array, _start: number, end: number): number {
    return end;
  }

  closed(): void {}
}

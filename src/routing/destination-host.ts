import type { Random } from '../base/random.ts';
import type { Connection, Session } from '../base/session.ts';
import type { CallPool } from './call.ts';
import type { ServerRecords } from './server-records.ts';

/** What a server that lets in only whom it knows is told. */
export interface ServerLogin {
  /** User and password, with a space between, a character for each byte; null: they cannot be told. */
  readonly words: string | null;
  /** Where they are from; without words, why there are none. Told to the operator. */
  readonly source: string;
}

/** What destinations are given of the world outside. */
export interface DestinationHost {
  readonly random: Random;
  readonly calls: CallPool;
  readonly records: ServerRecords;
  /** Milliseconds of a clock that never goes back. */
  nowMs(): number;
  /** Dials server number `server`; as `Loop.dial`. */
  dial(server: number, timeoutMs: number, factory: (connection: Connection) => Session): Connection;
  /** As whom to log in to server number `server`; null: nobody has said. Asked for each connection on which the server wants it. */
  login(server: number): ServerLogin | null;
  /** Something is under way, so `tick` has to be called from now on. */
  wake(): void;
  /** Calls back, not before other connections have had their turn. */
  soon(callback: () => void): void;
  /** A server is up that was not. */
  cameUp(): void;
  /** A server that is not up can be used by a call that has nobody else. */
  mayServe(): void;
  /** Calls that have nobody else wait for servers to come back. */
  readonly isWaitedFor: boolean;
  /** A server has failed. */
  noteFailure(): void;
  /** A line for the operator. */
  log(line: string): void;
  /** The same of what does not mend itself. */
  warn(line: string): void;
}

/**
 * What waits is sent elsewhere now. A server that only hung and goes on later must not do it then: a write would come after those that others have been
 * told of since.
 */
export function giveUp(connection: Connection): void {
  if (connection.abort === undefined) connection.destroy();
  else connection.abort();
}

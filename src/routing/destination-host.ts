import type { Random } from '../base/random.ts';
import type { Connection, Session } from '../base/session.ts';
import type { CallPool } from './call.ts';
import type { ServerRecords } from './server-records.ts';

/** What destinations are given of the world outside. */
export interface DestinationHost {
  readonly random: Random;
  readonly calls: CallPool;
  readonly records: ServerRecords;
  /** Milliseconds of a clock that never goes back. */
  nowMs(): number;
  /** Dials server number `server`; as `Loop.dial`. */
  dial(server: number, timeoutMs: number, factory: (connection: Connection) => Session): Connection;
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
}

/**
 * What waits is sent elsewhere now. A server that only hung and goes on later must not do it then: a write would come after those that others have been
 * told of since.
 */
export function giveUp(connection: Connection): void {
  if (connection.abort === undefined) connection.destroy();
  else connection.abort();
}

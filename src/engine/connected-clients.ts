import type { Connection } from '../base/session.ts';
import type { GatheredRow } from './administration.ts';

/** A client as `stats conns` shows it. */
export interface ConnectedClient {
  readonly connection: Connection;
  /** memcached's name of what it is doing: conn_read, conn_nread, conn_watch, … */
  readonly connectionState: string;
  /** When it has sent something last, in unix seconds. */
  readonly lastCommandSeconds: number;
  /** Closes it because it has said nothing for too long. */
  kick(): void;
}

/** The clients of one thread. */
export class ConnectedClients {
  readonly #clients: Set<ConnectedClient> = new Set();

  add(client: ConnectedClient): void {
    this.#clients.add(client);
  }

  remove(client: ConnectedClient): void {
    this.#clients.delete(client);
  }

  /**
   * Closes those that wait for a request and have sent nothing after `beforeSeconds`; not those whose request or reply is under way.
   *
   * @returns how many
   */
  kickIdle(beforeSeconds: number): number {
    let kicked = 0;
    for (const client of this.#clients) {
      const { connectionState, lastCommandSeconds } = client;
      if (lastCommandSeconds >= beforeSeconds) continue;
      if (connectionState !== 'conn_read' && connectionState !== 'conn_new_cmd') continue;
      client.kick();
      kicked++;
    }
    return kicked;
  }

  /** Nothing more is taken from anybody; connections close when what is owed has been sent. */
  endAll(): void {
    for (const { connection } of this.#clients) connection.end();
  }

  /** A row for each: descriptor, its address, ours (empty when unknown), state, seconds since its last command. */
  rows(nowSeconds: number): GatheredRow[] {
    return Array.from(this.#clients, ({ connection, connectionState, lastCommandSeconds }) => [
      connection.descriptor,
      connection.remote,
      connection.local ?? '',
      connectionState,
      Math.max(0, nowSeconds - lastCommandSeconds),
    ]);
  }
}

/** `stats conns` of the rows of all threads: in the order of their descriptors, as names and values. */
export function connectionLines(rows: readonly GatheredRow[]): (readonly [string, string | number])[] {
  const lines: [string, string | number][] = [];
  const sorted = rows.toSorted(([a], [b]) => Number(a) - Number(b));
  for (const [descriptor, remote = '', local = '', state = '', seconds = 0] of sorted) {
    lines.push([`${descriptor}:addr`, remote]);
    if (local !== '') lines.push([`${descriptor}:listen_addr`, local]);
    lines.push([`${descriptor}:state`, state], [`${descriptor}:secs_since_last_cmd`, seconds]);
  }
  return lines;
}

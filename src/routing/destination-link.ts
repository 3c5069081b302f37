import type { Connection, ConnectionError, Session } from '../base/session.ts';

/** Whose connection it is. */
export interface LinkOwner {
  opened(link: DestinationLink): void;
  feed(link: DestinationLink, input: Uint8Array, start: number, end: number): number;
  drained(link: DestinationLink): void;
  closed(link: DestinationLink, error: ConnectionError | null): void;
}

/** One connection of a destination. A connection that was given up may still report; the destination does not know it any more. */
export class DestinationLink implements Session {
  readonly readsWhileBlocked = true;
  readonly connection: Connection;
  readonly #owner: LinkOwner;

  constructor(owner: LinkOwner, connection: Connection) {
    this.#owner = owner;
    this.connection = connection;
  }

  opened(): void {
    this.#owner.opened(this);
  }

  feed(input: Uint8Array, start: number, end: number): number {
    return this.#owner.feed(this, input, start, end);
  }

  drained(): void {
    this.#owner.drained(this);
  }

  closed(error: ConnectionError | null): void {
    this.#owner.closed(this, error);
  }
}

/** What a request needs of the client that sent it. */
export interface RequestOwner {
  /** Spreads clients over what there is several of, such as connections to one server; the same for all requests of a client. */
  readonly lane: number;
  /** It is a proxy, which sends elsewhere what fails here: its requests do not wait for a server that was lost. */
  readonly sendsElsewhere: boolean;
  /** Sends bytes [from, to) of `source` to the client; only the oldest unanswered request may. */
  write(source: Uint8Array, from: number, to: number): void;
  /** The same of `count` runs of bytes, whose first and end stand in `runs`, counted from `offset`. */
  writeRuns(source: Uint8Array, offset: number, runs: Int32Array, count: number): void;
  /** The oldest unanswered request has more to say, or is complete. */
  headProgressed(): void;
  /** A retrieval that is answered whole or not at all was not. */
  failedWhole(): void;
  /** Half of a value was sent and the rest will never come: nothing but the end of the connection says so. */
  abort(): void;
  /** So much is unread that the sender of more should pause. */
  readonly congested: boolean;
  /** Lets it leave so much more unread, because others wait behind it. @returns false when it has had enough, or there is no memory for it */
  grant(bytes: number): boolean;
}

/** Takes the place of a client for a request whose answer stays in its record until its watcher has read it. */
export const KEEPER: RequestOwner = {
  lane: 0,
  sendsElsewhere: true,
  write: () => {},
  writeRuns: () => {},
  headProgressed: () => {},
  failedWhole: () => {},
  abort: () => {},
  congested: false,
  grant: () => false,
};

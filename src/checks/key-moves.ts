/** Keys that are on their way from one shard to another, as the status tells them. */

/** What of a pool moves. */
export interface KeyMove {
  readonly pool: string;
  /** Names of shards, proxies or servers, in their order. */
  readonly from: readonly string[];
  readonly to: readonly string[];
  /**
   * `announced`: proxies are being told. `before`: they know when it begins. `moving`: what is asked for is carried over. `after`: writes still come to the
   * old place, too, for proxies whose clocks are behind.
   */
  readonly phase: 'announced' | 'before' | 'moving' | 'after';
  /** Milliseconds since 1970; null while it is only announced. */
  readonly startAtMs: number | null;
  readonly endAtMs: number | null;
}

/** What keys have left behind in a shard or a server, and is being deleted there. */
export interface LeftKeys {
  readonly place: string;
  /** Items; 0 while it does not go on. */
  readonly looked: number;
  readonly deleted: number;
  /** Why it does not go on for now; null: it does. */
  readonly failure: string | null;
}

export interface KeyMoves {
  readonly moves: readonly KeyMove[];
  readonly leftKeys: readonly LeftKeys[];
  /** The same in words, a line each. */
  readonly lines: readonly string[];
}

export const NO_KEY_MOVES: KeyMoves = { moves: [], leftKeys: [], lines: [] };

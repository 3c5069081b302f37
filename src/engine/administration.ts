/** What an administrator changes while the node runs: one set for all threads, in force at once. */
export interface TunableSettings {
  /** Pages may move between slab classes when they are told to. */
  readonly reassign: boolean;
  /** 0 pages move only when told to; 1 when demand has changed for a while; 2 at once. */
  automove: number;
  automoveRatio: number;
  automoveFreeRatio: number;
  automoveWindowSeconds: number;
  /** Whether items are sorted in the background; the order of eviction can only be tuned where they are. */
  readonly maintainer: boolean;
  crawler: boolean;
  crawlerSleepMicros: number;
  /** Items that the crawler looks at in one pass, 0 all. */
  crawlerItemsMax: number;
  /** Items that live this long at most are never evicted; below 0: none. */
  temporaryTtlSeconds: number;
  segmented: boolean;
  hotPercent: number;
  warmPercent: number;
  hotMaxFactor: number;
  warmMaxFactor: number;
}

/**
 * The right to walk over the whole cache for a client; one at a time in the node. A right that is not renewed for a while is lost, so
 * that a client that stops reading does not keep others from it.
 */
export interface WalkClaim {
  /** @returns false when somebody else has it */
  take(): boolean;
  renew(): void;
  release(): void;
  /** Somebody has it now. */
  readonly isTaken: boolean;
}

/** Lines about something of which each thread knows a part: its connections, its counts by prefix. */
export type GatheredRow = readonly (string | number)[];
/** What can be asked of all threads. Certificates: those who have some read them again, and say `OK` or why they cannot. */
export type Gathered = 'connections' | 'prefixes' | 'certificates';

/** The threads of the node, as a session on one of them sees them. */
export interface ThreadPort {
  /** Calls back in the next turn of this thread, after what other clients have asked meanwhile. */
  later(callback: () => void): void;
  /** Asks all threads for their rows. Answers once, now or later. */
  gather(what: Gathered, answered: (rows: readonly GatheredRow[]) => void): void;
}

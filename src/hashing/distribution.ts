/** The rule that turns a key's hash into a server. */
export interface Distribution {
  /**
   * @param hash a whole number from 0 to 2^32 - 1, from the KeyHash that belongs to the distribution
   * @returns the position of the server in the list as configured, or -1 when none is live
   */
  pick(hash: number): number;
  /** Set where -1 may come, so that one server alone has to be picked as well. */
  readonly mayBeEmpty?: boolean;
}

/** A server as a distribution sees it. */
export interface PlacedServer {
  /** The text that is hashed: an explicit name, or the address as the original program would write it. */
  readonly name: string;
  /** Its share in relation to the other servers; a whole number from 1. */
  readonly weight: number;
}

/**
 * The servers of a pool, as far as their health goes. When more than a set share of them look dead, it is more likely that something is wrong with
 * this host's network than with all of them: then none counts as dead (fail open), so that requests try instead of being refused.
 */
export class HealthGroup {
  readonly #members: Set<object> = new Set();
  readonly #down: Set<object> = new Set();
  readonly #share: number;
  failsOpen = false;
  /** Times that it came to that. */
  openings = 0;

  /** @param share of the members that may look dead, from 0 to 1; 1: there is no failing open */
  constructor(share: number) {
    this.#share = share;
  }

  join(member: object): void {
    this.#members.add(member);
  }

  /** A member of another group belongs to this one from now on. `review` has to be called when all do. */
  takeOver(member: object, from: HealthGroup): void {
    this.join(member);
    if (from.#down.has(member)) this.#down.add(member);
  }

  wentDown(member: object): void {
    this.#down.add(member);
    this.review();
  }

  /** Sees whether too many look dead. */
  review(): void {
    if (this.failsOpen || this.#down.size <= this.#share * this.#members.size) return;
    this.failsOpen = true;
    this.openings++;
  }

  /** It closes when half of the share is left, so that it does not come and go with one server. */
  cameUp(member: object): void {
    this.#down.delete(member);
    if (this.#down.size <= (this.#share * this.#members.size) / 2) this.failsOpen = false;
  }
}

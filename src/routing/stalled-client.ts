import type { Call } from './call.ts';
import type { DestinationReader } from './destination-reader.ts';
import type { PoolFigures } from './pool-figures.ts';
import type { RequestOwner } from './request-owner.ts';
import type { Ring } from './ring.ts';

/** What more is kept at a time for a client that does not take what it has asked for. */
const GRANT_BYTES_MIN: number = 1024 * 1024;
const GRANT_BYTES_MAX: number = 16 * 1024 * 1024;

/**
 * A client that does not take what it has asked for, so that nothing is read from the server. That is its own affair, until others wait for this
 * connection: then the rest is kept for it, so that they get their answers; and if there is no room for that, it has little time.
 */
export class StalledClient {
  #sinceMs = 0;
  readonly #queue: Ring<Call>;
  readonly #reader: DestinationReader;
  readonly #figures: PoolFigures;

  constructor(queue: Ring<Call>, reader: DestinationReader, figures: PoolFigures) {
    this.#queue = queue;
    this.#reader = reader;
    this.#figures = figures;
  }

  /** The reader has paused for it. */
  began(nowMs: number): void {
    this.#sinceMs = nowMs;
    this.#figures.clientStalls++;
  }

  /**
   * Looks after it while the reader is paused.
   *
   * @param stallMsMax the time that it has when others wait and there is no room
   * @returns whether reading goes on
   */
  isOver(nowMs: number, stallMsMax: number): boolean {
    const reader = this.#reader;
    const { blocker } = reader;
    if (blocker?.congested === true) {
      if (!this.#othersWait(blocker)) {
        this.#sinceMs = nowMs;
        return false;
      }
      if (blocker.grant(Math.max(GRANT_BYTES_MIN, Math.min(reader.blockRest, GRANT_BYTES_MAX)))) {
        this.#figures.clientGrants++;
      } else {
        if (nowMs - this.#sinceMs < stallMsMax) return false;
        this.#figures.clientsDropped++;
        reader.dropBlocker();
      }
    }
    reader.paused = false;
    return true;
  }

  #othersWait(client: RequestOwner): boolean {
    for (let index = 1; index < this.#queue.length; index++) {
      const { detached, request } = this.#queue.at(index)!;
      if (!detached && request.owner !== client && !request.finished) return true;
    }
    return false;
  }
}

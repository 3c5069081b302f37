/** The keys that are on their way, for one monitor: kept for the next one, and brought to an end where shards wait for that. */
import type { PlanSource } from './planned-cluster.ts';
import { type Moves, moveLines, nextLeave, writeMoves } from './resharding.ts';

/** What is due while an order is carried out is tried again after so long. */
const AGAIN_MS = 5000;
const TIMER_MS_MAX: number = 2 ** 31 - 1;

export class KeptMoves {
  readonly #source: Pick<PlanSource, 'file' | 'host'>;
  readonly #leave: () => boolean;
  #moves: Moves;
  #timer: NodeJS.Timeout | undefined;

  /** @param leave stops the shards whose keys have moved; returns false when it is not the time for that */
  constructor(source: Pick<PlanSource, 'file' | 'host'>, moves: Moves, leave: () => boolean) {
    this.#source = source;
    this.#moves = moves;
    this.#leave = leave;
  }

  get now(): Moves {
    return this.#moves;
  }

  /** For the status. */
  get lines(): readonly string[] {
    return moveLines(this.#moves, wallSeconds());
  }

  /** Whether some wait for all proxies to know of them. */
  get areAnnounced(): boolean {
    return [...this.#moves.values()].some(({ isAnnounced }) => isAnnounced);
  }

  /** They are so from now on. @returns why that is not kept for the next monitor, or null */
  keep(cluster: string, moves: Moves): string | null {
    const { file, host } = this.#source;
    // What is built in does not change; and where nothing has ever moved nothing is written.
    if (file === null || (moves.size === 0 && this.#moves.size === 0)) return null;
    this.#moves = moves;
    this.awaitLeave();
    return writeMoves(cluster, host, moves);
  }

  /** Shards that are gone from the file are stopped when their keys have moved. */
  awaitLeave(): void {
    clearTimeout(this.#timer);
    const atSeconds = nextLeave(this.#moves);
    if (atSeconds === null) return;
    const look = (): void => {
      if (wallSeconds() < atSeconds) this.awaitLeave();
      else if (!this.#leave()) this.#timer = setTimeout(look, AGAIN_MS).unref();
    };
    const waitMs = Math.min(Math.max(0, (atSeconds - wallSeconds()) * 1000), TIMER_MS_MAX);
    this.#timer = setTimeout(look, waitMs).unref();
  }
}

/** Since 1970. */
export function wallSeconds(): number {
  return Date.now() / 1000;
}

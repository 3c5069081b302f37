/**
 * The keys that are on their way, for one monitor: kept for the next one, and brought to an end where shards wait for that. With it goes what keys have left
 * behind, which is deleted.
 */
import type { KeyMoves } from '../checks/key-moves.ts';
import type { ClusterDescription } from './cluster-file.ts';
import { type LeftBehind, writeLeftBehind } from './left-behind.ts';
import type { PlanSource } from './planned-cluster.ts';
import { Purge, type PurgeSurroundings } from './purge.ts';
import { keyMoves, leftAfter, type Moves, moveLines, nextLeave, writeMoves } from './resharding.ts';

/** What is due while an order is carried out is tried again after so long. */
const AGAIN_MS = 5000;
const TIMER_MS_MAX: number = 2 ** 31 - 1;

/** What moves, and what has moved, as the monitor before left it; nothing unless given. */
export interface KeysOnTheirWay {
  readonly moves?: Moves;
  readonly left?: LeftBehind;
}

export interface KeptMovesSurroundings extends Pick<PurgeSurroundings, 'nodeAt' | 'log'> {
  /** Stops the shards whose keys have moved; returns false when it is not the time for that. */
  readonly leave: () => boolean;
}

export class KeptMoves {
  readonly #source: Pick<PlanSource, 'file' | 'host'>;
  readonly #surroundings: KeptMovesSurroundings;
  readonly #purge: Purge;
  #moves: Moves;
  #left: LeftBehind;
  #name = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(
    source: Pick<PlanSource, 'file' | 'host'> & KeysOnTheirWay,
    surroundings: KeptMovesSurroundings,
  ) {
    this.#source = source;
    this.#surroundings = surroundings;
    this.#moves = source.moves ?? new Map();
    this.#left = source.left ?? new Map();
    this.#purge = new Purge({
      ...surroundings,
      wallSeconds,
      onSettled: (left) => {
        this.#left = left;
        const failure = this.#keepLeft();
        if (failure !== null) surroundings.log(failure);
      },
    });
  }

  get now(): Moves {
    return this.#moves;
  }

  /** For the status. */
  get status(): KeyMoves {
    const nowSeconds = wallSeconds();
    return {
      moves: keyMoves(this.#moves, nowSeconds),
      leftKeys: this.#purge.leftKeys,
      lines: [...moveLines(this.#moves, nowSeconds), ...this.#purge.lines],
    };
  }

  /** What shards hold of keys that lie elsewhere. */
  get left(): LeftBehind {
    return this.#left;
  }

  /** Whether some wait for all proxies to know of them. */
  get areAnnounced(): boolean {
    return [...this.#moves.values()].some(({ isAnnounced }) => isAnnounced);
  }

  /** The monitor before this one did not come to all of it. */
  resume(cluster: ClusterDescription): void {
    this.#name = cluster.name;
    this.awaitLeave();
    this.#purge.use(cluster, this.#left);
  }

  /** Nothing is deleted any more. */
  stop(): void {
    this.#purge.stop();
  }

  /**
   * They are so from now on.
   *
   * @param before as keys lay; the same where that has not changed
   * @param after with what moves
   * @returns why that is not kept for the next monitor, or null
   */
  keep(before: ClusterDescription, after: ClusterDescription, moves: Moves): string | null {
    const { file, host } = this.#source;
    // What is built in does not change; and where nothing has ever moved nothing is written.
    if (file === null) return null;
    this.#name = after.name;
    const { size } = this.#left;
    this.#left = leftAfter(before, after, this.#moves, this.#left, wallSeconds());
    this.#purge.use(after, this.#left);
    const failure = size === 0 && this.#left.size === 0 ? null : this.#keepLeft();
    if (moves.size === 0 && this.#moves.size === 0) return failure;
    this.#moves = moves;
    this.awaitLeave();
    return writeMoves(after.name, host, moves) ?? failure;
  }

  #keepLeft(): string | null {
    const failure = writeLeftBehind(this.#name, this.#source.host, this.#left);
    return failure === null ? null : `what is left to be deleted is not kept: ${failure}`;
  }

  /** Shards that are gone from the file are stopped when their keys have moved. */
  awaitLeave(): void {
    clearTimeout(this.#timer);
    const atSeconds = nextLeave(this.#moves);
    if (atSeconds === null) return;
    const look = (): void => {
      if (wallSeconds() < atSeconds) this.awaitLeave();
      else if (!this.#surroundings.leave()) this.#timer = setTimeout(look, AGAIN_MS).unref();
    };
    const waitMs = Math.min(Math.max(0, (atSeconds - wallSeconds()) * 1000), TIMER_MS_MAX);
    this.#timer = setTimeout(look, waitMs).unref();
  }
}

/** Since 1970. */
export function wallSeconds(): number {
  return Date.now() / 1000;
}

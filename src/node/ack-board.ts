/**
 * What twins have acknowledged, for the data threads that hold replies back until then. In shared memory: the thread with the links writes,
 * every thread reads.
 *
 * For n = 1 to 7 and each data thread: the position in its ring before which n twins have everything. Positions are compared modulo 2^32, as
 * those of a thread's own ring are. Only twins that have everything count, not those that are being filled.
 */
import { TWINS_MAX } from './options.ts';

const PEERS = 0;
const WAITED = 1;
const DEGRADED = 2;
const TIMED_OUT = 3;
const REFUSED = 4;
const FENCED = 5;
const WANTED = 6;
const HELD = 7;
const HEAD_CELLS = 8;

/** A twin as the board sees it. */
export interface AckedPeer {
  /** It has everything, up to where it has acknowledged. */
  readonly countsForAcks: boolean;
  /** Up to where it has the changes of each data thread. */
  readonly acknowledged: Float64Array;
}

export class AckBoard {
  readonly #cells: Int32Array;
  readonly #threads: number;
  /** For the writer: positions of one thread, one for each complete twin. */
  readonly #sorted: Float64Array = new Float64Array(TWINS_MAX);

  constructor(buffer: SharedArrayBuffer, threads: number) {
    this.#cells = new Int32Array(buffer);
    this.#threads = threads;
  }

  static allocate(threads: number): SharedArrayBuffer {
    return new SharedArrayBuffer(4 * (HEAD_CELLS + threads + TWINS_MAX * threads));
  }

  /** Twins that have everything. */
  get peers(): number {
    return Atomics.load(this.#cells, PEERS);
  }

  /** Somebody has held replies back since the node was started, so acks are wanted at once. */
  get areWanted(): boolean {
    return Atomics.load(this.#cells, WANTED) === 1;
  }

  want(): void {
    if (!this.areWanted) Atomics.store(this.#cells, WANTED, 1);
  }

  /** Whether `count` twins have everything of a data thread before a position of its ring. */
  has(count: number, thread: number, position: number): boolean {
    return ((Atomics.load(this.#cells, this.#place(count, thread)) - position) | 0) >= 0;
  }

  /** A data thread has replies to hold: it wants to be woken when something moves. */
  setWaiting(thread: number, isWaiting: boolean): void {
    Atomics.store(this.#cells, HEAD_CELLS + thread, isWaiting ? 1 : 0);
  }

  isWaiting(thread: number): boolean {
    return Atomics.load(this.#cells, HEAD_CELLS + thread) === 1;
  }

  /** Writes what the twins have now. For the thread with the links alone. */
  write(peers: readonly AckedPeer[]): void {
    const sorted = this.#sorted;
    let complete = 0;
    for (const peer of peers) if (peer.countsForAcks && complete < TWINS_MAX) complete++;
    for (let thread = 0; thread < this.#threads; thread++) {
      let count = 0;
      for (const { countsForAcks, acknowledged } of peers) {
        if (!countsForAcks || count === TWINS_MAX) continue;
        // Insertion, the furthest first: there are seven at most.
        const position = acknowledged[thread] ?? 0;
        let at = count++;
        for (; at > 0 && sorted[at - 1]! < position; at--) sorted[at] = sorted[at - 1]!;
        sorted[at] = position;
      }
      for (let n = 1; n <= count; n++) Atomics.store(this.#cells, this.#place(n, thread), sorted[n - 1]! | 0);
    }
    // Behind the positions: who counts on so many twins must not find positions of others that have gone.
    Atomics.store(this.#cells, PEERS, complete);
  }

  // Counts

  addHeld(change: number): void {
    Atomics.add(this.#cells, HELD, change);
  }

  countWaited(): void {
    Atomics.add(this.#cells, WAITED, 1);
  }

  countDegraded(): void {
    Atomics.add(this.#cells, DEGRADED, 1);
  }

  countTimedOut(): void {
    Atomics.add(this.#cells, TIMED_OUT, 1);
  }

  countRefused(): void {
    Atomics.add(this.#cells, REFUSED, 1);
  }

  countFenced(): void {
    Atomics.add(this.#cells, FENCED, 1);
  }

  /** The lines of `stats replication`. @param acks as `--acks` says */
  statistics(acks: number): readonly (readonly [string, string])[] {
    const value = (cell: number): string => String(Atomics.load(this.#cells, cell));
    return [
      ['replication_acks', String(acks)],
      ['replication_acks_peers', value(PEERS)],
      ['replication_acks_held', value(HELD)],
      ['replication_acks_waited', value(WAITED)],
      ['replication_acks_degraded', value(DEGRADED)],
      ['replication_acks_timeouts', value(TIMED_OUT)],
      ['replication_acks_refused', value(REFUSED)],
      ['replication_min_replicas_refused', value(FENCED)],
    ];
  }

  #place(count: number, thread: number): number {
    return HEAD_CELLS + this.#threads + (count - 1) * this.#threads + thread;
  }
}

import { assert } from '../base/assert.ts';

const SERIAL = 0;
const HEAD_CELLS = 1;
const BEHIND = 0;
const PID = 1;
const STARTED = 2;
const EMPTIED = 3;
const SERVER_CELLS = 4;
const SERIAL_MOST = 0x7ffffff0;

/** A server tells the time and for how long it has been up in whole seconds, so the difference of the two wavers by one. */
const STARTED_SECONDS_DIFFER = 2;

/**
 * What all threads of a proxy must agree on about its servers: which of them have missed a write that another one took, or have lost what
 * they had. In shared memory, one number for each server, and safe to be read and written at any time by any thread.
 *
 * Servers that keep no copies of each other can only be told apart by that: of two sides of a mirror the one that was behind last is the one that is
 * not to be believed. The order is a count, not a time.
 */
export class ServerRecords {
  readonly #cells: Int32Array;

  /** @param buffer from `allocate` */
  constructor(buffer: SharedArrayBuffer) {
    this.#cells = new Int32Array(buffer);
  }

  static allocate(servers: number): SharedArrayBuffer {
    return new SharedArrayBuffer(4 * (HEAD_CELLS + servers * SERVER_CELLS));
  }

  /** Whether any server has ever been behind: most of the time there is nothing to look up. */
  get anyBehind(): boolean {
    return Atomics.load(this.#cells, SERIAL) !== 0;
  }

  /** When the server was behind last; 0: never. */
  behindAt(server: number): number {
    return Atomics.load(this.#cells, this.#place(server, BEHIND));
  }

  /** Counts what all servers have missed and lost: the order in which that was. */
  get serial(): number {
    return Atomics.load(this.#cells, SERIAL);
  }

  /** By `serial`, when the server lost everything last; 0: never, as far as is known. */
  emptiedAt(server: number): number {
    return Atomics.load(this.#cells, this.#place(server, EMPTIED));
  }

  /** The server has lost everything: nothing that it has is older than this. */
  noteEmptied(server: number): void {
    // Not what `behindAt` tells by now: another thread may have noted a write since that it has missed.
    Atomics.store(this.#cells, this.#place(server, EMPTIED), this.noteBehind(server));
  }

  /** The server has missed a write that another one took, or has lost everything. @returns when, by `serial` */
  noteBehind(server: number): number {
    const serial = Atomics.add(this.#cells, SERIAL, 1) + 1;
    // Two thousand million missed writes later the count stays where it is: the servers are long in their roles.
    const counted = serial > 0 ? serial : SERIAL_MOST;
    if (serial <= 0) Atomics.store(this.#cells, SERIAL, SERIAL_MOST);
    Atomics.store(this.#cells, this.#place(server, BEHIND), counted);
    return counted;
  }

  /**
   * Goes on with what other records know.
   *
   * @param from by server, its place in the others; -1: it is new
   */
  takeOver(others: ServerRecords, from: readonly number[]): void {
    Atomics.store(this.#cells, SERIAL, Atomics.load(others.#cells, SERIAL));
    for (const [server, other] of from.entries()) {
      if (other < 0) continue;
      for (let cell = 0; cell < SERVER_CELLS; cell++)
        Atomics.store(
          this.#cells,
          this.#place(server, cell),
          Atomics.load(others.#cells, others.#place(other, cell)),
        );
    }
  }

  /**
   * The server has told who it is.
   *
   * @param pid its process
   * @param startedSeconds when it was started, by its own clock
   * @returns whether it is another process than the one that was known, and no other thread has said so before
   */
  identify(server: number, pid: number, startedSeconds: number): boolean {
    const [pidPlace, startedPlace] = [this.#place(server, PID), this.#place(server, STARTED)];
    const known = Atomics.load(this.#cells, pidPlace);
    const startedKnown = Atomics.exchange(this.#cells, startedPlace, startedSeconds);
    if (Atomics.compareExchange(this.#cells, pidPlace, known, pid) !== known || known === 0) return false;
    return known !== pid || Math.abs(startedKnown - startedSeconds) > STARTED_SECONDS_DIFFER;
  }

  #place(server: number, cell: number): number {
    const place = HEAD_CELLS + server * SERVER_CELLS + cell;
    assert(place < this.#cells.length, 'records are of the servers of the configuration');
    return place;
  }
}

/** What routes for hot keys count, in the order of their cells. */
export const HOT_KEY_FIGURE = {
  nearHits: 0,
  nearFills: 1,
  nearInvalidations: 2,
  nearEvictions: 3,
  nearNotAdmitted: 4,
  nearItems: 5,
  nearBytes: 6,
  coalesceSent: 7,
  coalesceJoined: 8,
  coalesceNotJoined: 9,
  coalesceWaiting: 10,
} as const;

export type HotKeyFigure = (typeof HOT_KEY_FIGURE)[keyof typeof HOT_KEY_FIGURE];

const ROW_CELLS = 16;

/** Data threads of a proxy at most. */
const ROWS = 256;

/**
 * Counts of the routes for hot keys of one front, of all threads together: each thread writes a row of its own, whoever tells of them adds the
 * rows up.
 */
export class HotKeyFigures {
  readonly #cells: Float64Array;
  readonly #row: number;

  /**
   * @param buffer from `allocate`
   * @param thread whose row this one writes
   */
  constructor(buffer: SharedArrayBuffer, thread: number) {
    this.#cells = new Float64Array(buffer);
    this.#row = (thread % ROWS) * ROW_CELLS;
  }

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(8 * ROWS * ROW_CELLS);
  }

  add(figure: HotKeyFigure, count: number): void {
    this.#cells[this.#row + figure]! += count;
  }

  total(figure: HotKeyFigure): number {
    let sum = 0;
    for (let at: number = figure; at < this.#cells.length; at += ROW_CELLS) sum += this.#cells[at]!;
    return sum;
  }
}

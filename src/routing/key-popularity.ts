/** Counters in each of the two rows. A power of two. */
const ROW = 16384;
const ROW_BITS = 14;

/** So many gets are counted before all counts are halved. */
export const POPULARITY_WINDOW = 16384;

const COUNT_MOST = 255;

/**
 * How often keys have been asked for lately, within a fixed memory: a count-min sketch with conservative update, whose counts are halved
 * after each window, so that what was popular once is forgotten. After a while a key with the share p of all gets has a count between
 * p and 2p times the window. Keys that share counters look more popular than they are, never less.
 *
 * Source: G. Einziger, R. Friedman, B. Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", ACM Transactions on Storage 13 (4), 2017; the sketch is that
 * of G. Cormode, S. Muthukrishnan, 2005, its update that of C. Estan, G. Varghese, 2002.
 */
export class KeyPopularity {
  readonly #counts = new Uint8Array(2 * ROW);
  /** Four counts at a time. */
  readonly #words = new Uint32Array(this.#counts.buffer);
  #rest = POPULARITY_WINDOW;

  /** A key with this hash is asked for. @returns its count, this time included; 255 stands for all beyond */
  note(hash: number): number {
    const counts = this.#counts;
    const one = hash & (ROW - 1);
    const other = ROW + ((hash >>> ROW_BITS) & (ROW - 1));
    const inOne = counts[one]!;
    const inOther = counts[other]!;
    const count = Math.min(inOne < inOther ? inOne + 1 : inOther + 1, COUNT_MOST);
    if (inOne < count) counts[one] = count;
    if (inOther < count) counts[other] = count;
    this.#rest--;
    if (this.#rest === 0) this.#age();
    return count;
  }

  count(hash: number): number {
    const counts = this.#counts;
    return Math.min(counts[hash & (ROW - 1)]!, counts[ROW + ((hash >>> ROW_BITS) & (ROW - 1))]!);
  }

  /** A key with this hash begins anew. */
  forget(hash: number): void {
    this.#counts[hash & (ROW - 1)] = 0;
    this.#counts[ROW + ((hash >>> ROW_BITS) & (ROW - 1))] = 0;
  }

  #age(): void {
    this.#rest = POPULARITY_WINDOW;
    const words = this.#words;
    for (let at = 0; at < words.length; at++) words[at] = (words[at]! >>> 1) & 0x7f7f7f7f;
  }
}

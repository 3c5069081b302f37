/** What the balance looks at, of one slab class. */
export interface ClassDemand {
  readonly slabClass: number;
  readonly pages: number;
  readonly chunksPerPage: number;
  /** Chunks that nobody uses, in all pages. */
  readonly freeChunks: number;
  /** Items evicted (or refused for want of memory) since the cache began. */
  readonly evicted: number;
  /** Seconds since the last access of the items that are next to be evicted. */
  readonly tailAgeSeconds: number;
}

/** A page is to go from one class to another, or (target 0) to the pool. */
export interface PageMove {
  readonly source: number;
  readonly target: number;
}

const POOL = 0;
/** A class gives free pages away from here on: enough must stay for what comes and goes. memcached has the same figures. */
const SPARE_PAGES_FOR_POOL = 2.5;
const SPARE_PAGES_FOR_CLASS = 1.5;
const CLASSES_MAX = 64;

/**
 * Decides which page should move, from what happens in the slab classes. A class that evicts while another has memory that it does
 * not use, or uses for items that nobody has asked for in a long time, gets pages of the other.
 *
 * Ages are smoothed over the window, and a class whose tail is younger than `ratio` times the oldest tail takes from that class, as in memcached. With equal
 * ages nothing moves: then a byte is worth the same everywhere.
 */
export class PageBalance {
  readonly #evictedBefore: Float64Array = new Float64Array(CLASSES_MAX);
  /** Evictions per second and age of the tail, as moving averages. */
  readonly #pressure: Float64Array = new Float64Array(CLASSES_MAX);
  readonly #age: Float64Array = new Float64Array(CLASSES_MAX);
  #samples = 0;

  /**
   * Takes a sample; call it once a second.
   *
   * @param classes those that have pages
   * @param windowSeconds over how long demand is averaged
   */
  sample(classes: readonly ClassDemand[], windowSeconds: number): void {
    const weight = 1 / Math.max(1, windowSeconds / 3);
    for (const { slabClass, evicted, tailAgeSeconds } of classes) {
      const since = Math.max(0, evicted - this.#evictedBefore[slabClass]!);
      this.#evictedBefore[slabClass] = evicted;
      const before = this.#pressure[slabClass]!;
      this.#pressure[slabClass] = since > 0 ? Math.max(1, before) : before * (1 - weight);
      const age = this.#age[slabClass]!;
      this.#age[slabClass] = this.#samples === 0 ? tailAgeSeconds : age + (tailAgeSeconds - age) * weight;
    }
    this.#samples++;
  }

  /**
   * What should move now.
   *
   * @param ratio see above
   * @param windowSeconds ages count only when there are samples of so many seconds
   * @param pool pages in the pool: as long as there are any nobody needs a page of another class
   */
  decide(
    classes: readonly ClassDemand[],
    ratio: number,
    windowSeconds: number,
    pool: number,
  ): PageMove | null {
    const taker = pool > 0 ? undefined : this.#taker(classes);
    const spare = (one: ClassDemand): number => one.freeChunks / one.chunksPerPage;
    const threshold = taker === undefined ? SPARE_PAGES_FOR_POOL : SPARE_PAGES_FOR_CLASS;
    let free: ClassDemand | undefined;
    for (const one of classes) {
      if (one === taker || one.pages < 2 || spare(one) < threshold) continue;
      if (free === undefined || spare(one) > spare(free)) free = one;
    }
    if (free !== undefined) return { source: free.slabClass, target: taker?.slabClass ?? POOL };
    if (taker === undefined || this.#samples < windowSeconds) return null;
    let oldest: ClassDemand | undefined;
    for (const one of classes) {
      if (one === taker || one.pages < 2) continue;
      if (oldest === undefined || this.#age[one.slabClass]! > this.#age[oldest.slabClass]!) oldest = one;
    }
    if (oldest === undefined) return null;
    const takersAge = this.#age[taker.slabClass]!;
    return takersAge < this.#age[oldest.slabClass]! * ratio
      ? { source: oldest.slabClass, target: taker.slabClass }
      : null;
  }

  /** The class that evicts and whose items leave youngest. */
  #taker(classes: readonly ClassDemand[]): ClassDemand | undefined {
    let taker: ClassDemand | undefined;
    for (const one of classes) {
      if (this.#pressure[one.slabClass]! < 0.1 || one.freeChunks >= one.chunksPerPage) continue;
      if (taker === undefined || this.#age[one.slabClass]! < this.#age[taker.slabClass]!) taker = one;
    }
    return taker;
  }
}

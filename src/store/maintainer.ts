import { CLASS_COUNTER, CLASS_COUNTERS, COUNTER } from './counters.ts';
import { Crawler } from './crawler.ts';
import { CLASS_WORD, CONTROL } from './geometry.ts';
import { type ClassDemand, PageBalance, type PageMove } from './page-balance.ts';
import { PageMover, POOL } from './page-mover.ts';
import type { Parts } from './parts.ts';

/** One call works on so much at most: about a tenth of a millisecond. */
const CRAWL_BUCKETS = 1024;
const MOVE_CHUNKS_MAX = 256;
const MOVE_BYTES: number = 256 * 1024;
const PROMOTION_LOOKS_MAX = 500;
const PROMOTIONS_MAX = 100;

/** When the next call should come, in ms. */
const MOVING_MS = 1;
const CRAWLING_MS = 2;
/** After a round over a page that found stores under way. */
const BUSY_MS = 20;
const RESTING_MS = 250;

/** A change of demand is followed within about this many seconds, however large the cache: so many parts of it may move in one second. */
const PARTS_PER_SECOND = 64;
const CLASSES_MAX = 64;

/**
 * The background work of a cache, in small steps that its owner calls: reclaiming what has ended, sorting queues, moving pages to where
 * they are wanted, and giving memory back when the limit is lowered.
 */
export class Maintainer {
  readonly crawler: Crawler;
  readonly mover: PageMover;
  readonly #parts: Parts;
  readonly #balance: PageBalance = new PageBalance();
  #second = 0;
  /** Page moves that demand may still cause in this second, and whether there may be a reason for one. */
  #movesLeft = 0;
  #looksForMove = false;
  /** By class: cold items, and items that had left the small queue, when it was last looked at. */
  readonly #cold: Float64Array = new Float64Array(CLASSES_MAX);
  readonly #departed: Float64Array = new Float64Array(CLASSES_MAX);

  constructor(parts: Parts) {
    this.#parts = parts;
    this.crawler = new Crawler(parts);
    this.mover = new PageMover(parts);
  }

  /**
   * Does a slice of work.
   *
   * @returns milliseconds after which it should be called again
   */
  run(): number {
    const { locks, geometry, lifetime } = this.#parts;
    // Only one thread should call this; should two, one of them does nothing.
    if (!locks.tryAcquire(geometry.maintenanceLock)) return RESTING_MS;
    const now = lifetime.nowSeconds;
    if (now !== this.#second) {
      this.#second = now;
      this.#everySecond();
    }
    if (this.mover.isIdle) this.#orderMove();
    const moves = this.mover.step(this.#chunksPerStep());
    const crawls = this.crawler.step(CRAWL_BUCKETS);
    const isIdle = this.mover.isIdle && !this.#looksForMove;
    locks.release(geometry.maintenanceLock);
    if (moves || this.#looksForMove) return MOVING_MS;
    if (crawls) return CRAWLING_MS;
    return isIdle ? RESTING_MS : BUSY_MS;
  }

  #chunksPerStep(): number {
    const { control, geometry } = this.#parts;
    const chunkBytes = geometry.classes.chunkBytes[control[CONTROL.moveSource]!]!;
    return Math.max(1, Math.min(MOVE_CHUNKS_MAX, Math.floor(MOVE_BYTES / Math.max(1, chunkBytes))));
  }

  #everySecond(): void {
    const { settings, control } = this.#parts;
    if (settings.maintainer) this.#juggle();
    if (settings.reassign && settings.automove > 0) {
      this.#balance.sample(this.#demand(), this.#windowSeconds());
      this.#movesLeft = Math.ceil(control[CONTROL.pages]! / PARTS_PER_SECOND);
    } else {
      this.#movesLeft = 0;
    }
    this.#looksForMove = true;
  }

  #windowSeconds(): number {
    const { settings } = this.#parts;
    return settings.automove === 2 ? 1 : settings.automoveWindowSeconds;
  }

  /** Starts the move that is needed most, if any. */
  #orderMove(): void {
    if (!this.#looksForMove) return;
    const { settings } = this.#parts;
    let move: PageMove | null = null;
    if (this.#parts.slabs.trimPool()) move = this.#shrinking();
    if (move === null && settings.reassign && settings.automove > 0) move = this.#balanced();
    this.#looksForMove = move !== null && this.mover.order(move.source, move.target) === 'moved';
  }

  #balanced(): PageMove | null {
    const { settings, control, options } = this.#parts;
    const window = this.#movesLeft > 0 && options.evict ? this.#windowSeconds() : Number.POSITIVE_INFINITY;
    const pool = control[CONTROL.poolPages]!;
    const move = this.#balance.decide(this.#demand(), settings.automoveRatio, window, pool);
    if (move !== null && move.target !== POOL) this.#movesLeft--;
    return move;
  }

  /** While more pages are held than the limit allows: from whom the next one is taken. */
  #shrinking(): PageMove | null {
    if (!this.#isAboveLoweredLimit()) return null;
    let source: ClassDemand | null = null;
    let most = -1;
    for (const one of this.#demand()) {
      if (one.pages < 2) continue;
      // Free memory first, then from each in proportion to its size and to how long its items lay unused.
      const free = Math.floor(one.freeChunks / one.chunksPerPage);
      const weight = free > 0 ? 1e12 + free : one.pages * (1 + one.tailAgeSeconds);
      if (weight > most) {
        source = one;
        most = weight;
      }
    }
    return source === null ? null : { source: source.slabClass, target: POOL };
  }

  /** Pages beyond the limit that are not just the first ones of their classes. */
  #isAboveLoweredLimit(): boolean {
    const { control } = this.#parts;
    return control[CONTROL.pages]! > control[CONTROL.pagesLimit]! && control[CONTROL.limitLowered] !== 0;
  }

  #demand(): ClassDemand[] {
    const { geometry, slabs, control, counters } = this.#parts;
    const demand: ClassDemand[] = [];
    for (let slabClass = 1; slabClass <= geometry.classes.largest; slabClass++) {
      const pages = slabs.pagesOf(slabClass);
      if (pages === 0) continue;
      const record = geometry.classRecord(slabClass);
      const chunksPerPage = geometry.classes.chunksPerPage[slabClass]!;
      demand.push({
        slabClass,
        pages,
        chunksPerPage,
        freeChunks:
          control[record + CLASS_WORD.freeCount]! +
          control[record + CLASS_WORD.unusedCount]! +
          control[record + CLASS_WORD.grantedPages]! * chunksPerPage,
        evicted:
          counters.classTotalSinceStart(slabClass, CLASS_COUNTER.evicted) +
          counters.classTotalSinceStart(slabClass, CLASS_COUNTER.outOfMemory),
        tailAgeSeconds: this.#tailAge(slabClass),
      });
    }
    return demand;
  }

  #tailAge(slabClass: number): number {
    const { slabs, queues, items, geometry, lifetime } = this.#parts;
    const record = geometry.classRecord(slabClass);
    slabs.lock(slabClass);
    const small = queues.oldest(record + CLASS_WORD.small);
    const main = queues.oldest(record + CLASS_WORD.main);
    const last = (item: number): number => (item === 0 ? lifetime.nowSeconds : items.lastAccess(item));
    const age = lifetime.nowSeconds - Math.min(last(small), last(main));
    slabs.unlock(slabClass);
    return Math.max(0, age);
  }

  /** What memcached's maintainer does each time it looks at a class; here eviction does it, too, and this only runs ahead of it. */
  #juggle(): void {
    const { geometry, slabs, evictor, counters } = this.#parts;
    for (let slabClass = 1; slabClass <= geometry.classes.largest; slabClass++) {
      if (slabs.pagesOf(slabClass) === 0) continue;
      slabs.lock(slabClass);
      evictor.promote(slabClass, PROMOTION_LOOKS_MAX, PROMOTIONS_MAX);
      const cold = evictor.coldCount(slabClass);
      slabs.unlock(slabClass);
      const departed =
        counters.classTotalSinceStart(slabClass, CLASS_COUNTER.evicted) +
        counters.classTotalSinceStart(slabClass, CLASS_COUNTER.movedToMain);
      const entered = cold + departed - this.#cold[slabClass]! - this.#departed[slabClass]!;
      if (entered > 0) counters.byClass[slabClass * CLASS_COUNTERS + CLASS_COUNTER.movedToCold]! += entered;
      this.#cold[slabClass] = cold;
      this.#departed[slabClass] = departed;
      counters.general[COUNTER.maintainerJuggles]!++;
    }
  }
}

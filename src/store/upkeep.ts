import { CONTROL, CONTROL_DOUBLE } from './geometry.ts';
import { PAGE_BYTES } from './layout.ts';
import { Maintainer } from './maintainer.ts';
import type { MaintenanceSettings } from './maintenance-settings.ts';
import type { Parts } from './parts.ts';
import type { CrawlRequested, Reassigned } from './results.ts';

/** One thread's view of a cache's background work: to do it, to set what it does, and to order more of it. */
export class Upkeep {
  readonly #parts: Parts;
  readonly #maintainer: Maintainer;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#maintainer = new Maintainer(parts);
  }

  /**
   * A slice of background work, about a tenth of a millisecond: reclaims what has ended, sorts queues, moves pages between slab
   * classes, gives memory back after the limit was lowered. One thread calls it.
   *
   * @returns milliseconds after which it should be called again
   */
  maintain(): number {
    return this.#maintainer.run();
  }

  /** What background work does; any thread changes it for all. */
  get settings(): MaintenanceSettings {
    return this.#parts.settings;
  }

  /** Reclaims expired items and old tombstones in the next `bucketsMax` buckets, from where the last call of any thread left off. */
  crawl(bucketsMax: number): void {
    this.#maintainer.crawler.walk(bucketsMax);
  }

  /**
   * Asks for a pass of the crawler (`lru_crawler crawl`), which begins with the next `maintain`.
   *
   * @param classes slab classes to reclaim from, null for all
   */
  requestCrawl(classes: readonly number[] | null): CrawlRequested {
    return this.#maintainer.crawler.request(classes);
  }

  /** Whether a pass of the crawler is under way or asked for. */
  get isCrawling(): boolean {
    return this.#maintainer.crawler.isRunning;
  }

  /**
   * Orders a page to be moved (`slabs reassign`), which `maintain` then does in slices: 'moved' says that it was ordered.
   *
   * @param source a slab class; 0 the pool; -1 whichever class can spare one
   * @param target a slab class, or 0, the pool
   */
  reassignPage(source: number, target: number): Reassigned {
    return this.#maintainer.mover.order(source, target);
  }

  /** `-m` now, in bytes. */
  get memoryLimit(): number {
    return this.#parts.doubles[CONTROL_DOUBLE.memoryLimit]!;
  }

  /**
   * Changes `-m` (`cache_memlimit`). Raised, it counts at once; lowered, `maintain` empties pages one by one and gives their memory back
   * to the system.
   *
   * @returns false when there is no address space for so much; nothing has changed then
   */
  setMemoryLimit(bytes: number): boolean {
    const { geometry, control, doubles } = this.#parts;
    const pages = Math.max(1, Math.floor(bytes / PAGE_BYTES));
    if (pages > geometry.pagesLimitMax) return false;
    const before = Atomics.exchange(control, CONTROL.pagesLimit, pages);
    doubles[CONTROL_DOUBLE.memoryLimit] = bytes;
    if (pages < before) Atomics.store(control, CONTROL.limitLowered, 1);
    return true;
  }
}

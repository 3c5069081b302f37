import { CLASS_COUNTER, CLASS_COUNTERS, COUNTER } from './counters.ts';
import { CONTROL } from './geometry.ts';
import { STATE } from './layout.ts';
import { LIFE, NO_END } from './lifetime.ts';
import type { Parts } from './parts.ts';
import type { CrawlRequested } from './results.ts';

/** `crawlState`: whether somebody asked for a pass, and whether it is set down already over which classes. */
const REQUEST = { none: 0, ordering: 1, ordered: 2 } as const;
/** Slab classes have numbers below 64: two words of 32 bits. */
const CLASSES_MAX = 64;
const ALL_CLASSES = -1;
/** A pass over so many items costs about 10 ms of one processor; a second of rest follows for each so many. */
const ITEMS_PER_REST_SECOND = 100_000;

/**
 * Reclaims items that have expired or were flushed, and old tombstones, without anybody asking for them: walks over the index, a slice of
 * buckets at a time.
 *
 * It walks only when there is something to find: `earliestEnd` says before which second nothing ends. Whoever writes an exptime lowers it;
 * a pass sets it anew to the earliest end that it saw. So a cache whose items never end is never walked. Where items end all the time,
 * a pass is followed by a rest in proportion to its length, so that the crawler takes about a hundredth of a processor.
 */
export class Crawler {
  readonly #parts: Parts;
  /** Items looked at by class in this pass, for `lru_crawler_tocrawl`. */
  readonly #looked: Int32Array = new Int32Array(CLASSES_MAX);
  #checked = 0;
  #beganAtSeconds = 0;
  #reclaimedBefore = 0;
  #restUntilSeconds = 0;
  /** Classes that this pass reclaims from. */
  #classesLow = ALL_CLASSES;
  #classesHigh = ALL_CLASSES;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Asks for a pass, from any thread.
   *
   * @param classes the slab classes to reclaim from, null for all
   */
  request(classes: readonly number[] | null): CrawlRequested {
    const { control, geometry, settings } = this.#parts;
    if (!settings.crawler) return 'off';
    let low = ALL_CLASSES;
    let high = ALL_CLASSES;
    if (classes !== null) {
      low = 0;
      high = 0;
      for (const slabClass of classes) {
        if (!Number.isInteger(slabClass) || slabClass < 1 || slabClass > geometry.classes.largest) {
          return 'badClass';
        }
        if (slabClass < 32) low |= 1 << slabClass;
        else high |= 1 << (slabClass - 32);
      }
    }
    // A pass that the crawler began by itself makes way; one that was asked for does not.
    if (
      Atomics.compareExchange(control, CONTROL.crawlState, REQUEST.none, REQUEST.ordering) !== REQUEST.none
    ) {
      return 'busy';
    }
    control[CONTROL.crawlClassesLow] = low;
    control[CONTROL.crawlClassesHigh] = high;
    Atomics.store(control, CONTROL.crawlState, REQUEST.ordered);
    return 'ok';
  }

  /** Whether a pass is under way or asked for. */
  get isRunning(): boolean {
    const { control } = this.#parts;
    return (
      Atomics.load(control, CONTROL.crawlRunning) !== 0 ||
      Atomics.load(control, CONTROL.crawlState) !== REQUEST.none
    );
  }

  /**
   * Begins a pass if there is reason to, and walks its next slice. One thread at a time; see Maintainer.
   *
   * @returns whether the pass goes on
   */
  step(bucketsMax: number): boolean {
    const { control, lifetime, settings } = this.#parts;
    if (control[CONTROL.crawlRunning] === 0) {
      const isAsked = Atomics.load(control, CONTROL.crawlState) === REQUEST.ordered;
      const now = lifetime.nowSeconds;
      const hasEnded = Atomics.load(control, CONTROL.earliestEnd) <= now && now >= this.#restUntilSeconds;
      if (!isAsked && !(settings.crawler && hasEnded)) return false;
      this.#begin(isAsked);
    }
    return this.walk(bucketsMax);
  }

  /** Looks at the next buckets, from where the last call of any thread left off. @returns whether the pass goes on */
  walk(bucketsMax: number): boolean {
    const { index, control, counters } = this.#parts;
    const count = index.bucketCount();
    let bucket = Atomics.load(control, CONTROL.crawlBucket);
    if (bucket >= count) bucket = 0;
    const end = Math.min(bucket + bucketsMax, count);
    Atomics.store(control, CONTROL.crawlBucket, end);
    for (; bucket < end; bucket++) if (index.firstOf(bucket) !== 0) this.#walkBucket(bucket);
    if (end < count) return true;
    counters.general[COUNTER.crawlerPasses]!++;
    if (control[CONTROL.crawlRunning] !== 0) this.#end();
    return false;
  }

  #begin(isAsked: boolean): void {
    const { control, counters, flush, lifetime } = this.#parts;
    this.#classesLow = isAsked ? control[CONTROL.crawlClassesLow]! : ALL_CLASSES;
    this.#classesHigh = isAsked ? control[CONTROL.crawlClassesHigh]! : ALL_CLASSES;
    this.#looked.fill(0);
    this.#checked = 0;
    this.#beganAtSeconds = lifetime.nowSeconds;
    this.#reclaimedBefore = counters.general[COUNTER.crawlerReclaimed]!;
    Atomics.store(control, CONTROL.earliestEnd, NO_END);
    lifetime.noteEnd(flush.state().pendingActiveAtSeconds);
    Atomics.store(control, CONTROL.crawlBucket, 0);
    Atomics.store(control, CONTROL.crawlRunning, isAsked ? REQUEST.ordered : REQUEST.ordering);
    counters.general[COUNTER.crawlerStarts]!++;
  }

  #end(): void {
    const { control, lifetime, counters, observer } = this.#parts;
    const now = lifetime.nowSeconds;
    const wasAsked = control[CONTROL.crawlRunning] === REQUEST.ordered;
    Atomics.store(control, CONTROL.crawlRunning, 0);
    if (wasAsked) Atomics.store(control, CONTROL.crawlState, REQUEST.none);
    const restSeconds = Math.ceil((this.#checked + 1) / ITEMS_PER_REST_SECOND);
    this.#restUntilSeconds = now + restSeconds;
    const reclaimed = counters.general[COUNTER.crawlerReclaimed]! - this.#reclaimedBefore;
    observer?.crawled(now - this.#beganAtSeconds, this.#checked, reclaimed, restSeconds);
  }

  #walkBucket(bucket: number): void {
    const { index, locks, items, lifetime, tombstones, inventory, counters } = this.#parts;
    const stripe = index.stripe(bucket);
    locks.acquire(stripe);
    let item = index.firstOf(bucket);
    while (item !== 0) {
      const next = items.next(item);
      const kind = items.kind(item);
      const isDead = lifetime.of(item) !== LIFE.alive;
      if ((kind & STATE.tombstone) !== 0) {
        if (isDead || tombstones.isOld(item)) {
          inventory.remove(item, items.hash(item));
          counters.general[COUNTER.tombstonesExpired]!++;
        } else {
          lifetime.noteEnd(tombstones.endOf(item));
        }
      } else {
        this.#look(item, kind, isDead);
      }
      item = next;
    }
    locks.release(stripe);
  }

  #look(item: number, kind: number, isDead: boolean): void {
    const { items, lifetime, inventory, counters, settings } = this.#parts;
    const slabClass = (kind >>> 8) & 0xff;
    const at = slabClass * CLASS_COUNTERS;
    const looked = this.#looked[slabClass]! + 1;
    this.#looked[slabClass] = looked;
    this.#checked++;
    counters.general[COUNTER.crawlerItemsChecked]!++;
    counters.byClass[at + CLASS_COUNTER.crawlerItemsChecked]!++;
    const wanted = slabClass < 32 ? this.#classesLow >>> slabClass : this.#classesHigh >>> (slabClass - 32);
    const itemsMax = settings.crawlerItemsMax;
    if (!isDead || (wanted & 1) === 0 || (itemsMax !== 0 && looked > itemsMax)) {
      // What is dead and stays ends now, as far as the next pass is concerned.
      lifetime.noteEnd(isDead ? lifetime.nowSeconds : items.exptime(item));
      return;
    }
    counters.general[COUNTER.crawlerReclaimed]!++;
    counters.byClass[at + CLASS_COUNTER.crawlerReclaimed]!++;
    counters.byClass[at + CLASS_COUNTER.reclaimed]!++;
    if ((kind & STATE.fetched) === 0) counters.byClass[at + CLASS_COUNTER.expiredUnfetched]!++;
    inventory.remove(item, items.hash(item));
  }
}

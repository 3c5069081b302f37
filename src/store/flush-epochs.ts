import type { FeedWriter } from './change-feed.ts';
import { CONTROL, CONTROL_DOUBLE, type Geometry } from './geometry.ts';
import type { Locks } from './locks.ts';
import { type VersionClock, versionAtMs } from './version-clock.ts';

/** The flush state, as a peer that joins must know it. */
export interface FlushState {
  /** Items with lower versions are dead. 0: nothing was flushed yet. */
  readonly threshold: number;
  /** A flush to come: its threshold (0: none) and the unix second at which it strikes. */
  readonly pendingThreshold: number;
  readonly pendingActiveAtSeconds: number;
  /** When the last flush was ordered: the later order replaces a pending one. */
  readonly version: number;
}

/**
 * flush_all as an epoch: nothing is walked, items with a version under a threshold are dead from some second on.
 *
 * There is one threshold in force, which only rises, and at most one to come; a new order replaces the one to come. The state is in
 * shared memory; each thread keeps what it needs on the hot path as one number, `deadBelow`, and reads anew when the count of
 * changes has moved.
 */
export class FlushEpochs {
  readonly #control: Int32Array;
  readonly #doubles: Float64Array;
  readonly #locks: Locks;
  readonly #lock: number;
  /** [0] threshold in force; an array so that writing it allocates no number. */
  readonly #deadBelow: Float64Array = new Float64Array(1);
  #seenEpoch = -1;
  #pendingActiveAt = 0;
  #pendingThreshold = 0;

  constructor(control: Int32Array, doubles: Float64Array, locks: Locks, geometry: Geometry) {
    this.#control = control;
    this.#doubles = doubles;
    this.#locks = locks;
    this.#lock = geometry.flushLock;
    this.#read();
  }

  /** Items with lower versions are dead. */
  deadBelow(): number {
    // A plain read, because it is made for each look-up and the lock taken just before has brought what others wrote.
    if (this.#control[CONTROL.flushEpoch] !== this.#seenEpoch) this.#read();
    return this.#deadBelow[0]!;
  }

  /**
   * Puts a pending flush in force when its second has come.
   *
   * @param feed is told, for on a twin another order may have taken the place of this one a moment before
   * @param clock is brought beyond the threshold
   */
  tick(nowSeconds: number, feed: Pick<FeedWriter, 'strike'>, clock: Pick<VersionClock, 'observe'>): void {
    if (Atomics.load(this.#control, CONTROL.flushEpoch) !== this.#seenEpoch) this.#read();
    if (this.#pendingActiveAt === 0 || nowSeconds < this.#pendingActiveAt) return;
    // Whoever ordered it may have a clock that is ahead of this one's: what is stored here from now on must live.
    if (!isOfSecond(this.#pendingThreshold, nowSeconds)) clock.observe(this.#pendingThreshold, true);
    this.#locks.acquire(this.#lock);
    const doubles = this.#doubles;
    const pending = doubles[CONTROL_DOUBLE.pendingThreshold]!;
    const strikes = pending > 0 && nowSeconds >= doubles[CONTROL_DOUBLE.pendingActiveAt]!;
    if (strikes) {
      this.#raise(pending);
      doubles[CONTROL_DOUBLE.pendingThreshold] = 0;
      doubles[CONTROL_DOUBLE.pendingActiveAt] = 0;
      this.#changed();
    }
    this.#locks.release(this.#lock);
    if (strikes) feed.strike(pending);
  }

  /**
   * Orders a flush.
   *
   * A flush in force is applied whenever it comes, since thresholds only rise; of flushes to come the one ordered last counts.
   *
   * @param threshold items with lower versions die
   * @param activeAtSeconds from this unix second on; at once when it has passed
   * @param version the order's own
   * @returns false when it changes nothing
   */
  order(threshold: number, activeAtSeconds: number, version: number, nowSeconds: number): boolean {
    this.#locks.acquire(this.#lock);
    const doubles = this.#doubles;
    const now = activeAtSeconds <= nowSeconds;
    const raises = now && threshold > doubles[CONTROL_DOUBLE.flushThreshold]!;
    const latest = version > doubles[CONTROL_DOUBLE.flushVersion]!;
    if (raises) this.#raise(threshold);
    if (latest) {
      doubles[CONTROL_DOUBLE.flushVersion] = version;
      doubles[CONTROL_DOUBLE.flushSecond] = now ? nowSeconds - 1 : activeAtSeconds;
      doubles[CONTROL_DOUBLE.pendingThreshold] = now ? 0 : threshold;
      doubles[CONTROL_DOUBLE.pendingActiveAt] = now ? 0 : activeAtSeconds;
    }
    if (raises || latest) this.#changed();
    this.#locks.release(this.#lock);
    return raises || latest;
  }

  /** The last unix second whose items the latest flush takes, by memcached's reckoning; 0 when there was none. */
  get latestSecond(): number {
    return this.#doubles[CONTROL_DOUBLE.flushSecond]!;
  }

  state(): FlushState {
    this.#locks.acquire(this.#lock);
    const doubles = this.#doubles;
    const state = {
      threshold: doubles[CONTROL_DOUBLE.flushThreshold]!,
      pendingThreshold: doubles[CONTROL_DOUBLE.pendingThreshold]!,
      pendingActiveAtSeconds: doubles[CONTROL_DOUBLE.pendingActiveAt]!,
      version: doubles[CONTROL_DOUBLE.flushVersion]!,
    };
    this.#locks.release(this.#lock);
    return state;
  }

  #raise(threshold: number): void {
    const doubles = this.#doubles;
    doubles[CONTROL_DOUBLE.flushThreshold] = Math.max(doubles[CONTROL_DOUBLE.flushThreshold]!, threshold);
  }

  /** With the lock held. */
  #changed(): void {
    Atomics.add(this.#control, CONTROL.flushEpoch, 1);
    this.#copy();
  }

  #read(): void {
    this.#locks.acquire(this.#lock);
    this.#copy();
    this.#locks.release(this.#lock);
  }

  #copy(): void {
    this.#seenEpoch = Atomics.load(this.#control, CONTROL.flushEpoch);
    this.#deadBelow[0] = this.#doubles[CONTROL_DOUBLE.flushThreshold]!;
    this.#pendingActiveAt = this.#doubles[CONTROL_DOUBLE.pendingActiveAt]!;
    this.#pendingThreshold = this.#doubles[CONTROL_DOUBLE.pendingThreshold]!;
  }
}

/** Whether a flush that was to come for this second takes what is stored until it is over, as memcached's does. */
export function isOfSecond(threshold: number, nowSeconds: number): boolean {
  return threshold === versionAtMs((nowSeconds + 1) * 1000);
}

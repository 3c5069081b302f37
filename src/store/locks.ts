import { assert } from '../base/assert.ts';

/**
 * Locks in shared memory: a futex mutex after Drepper, "Futexes are tricky" (mutex 2).
 *
 * A word is 0 when free, 1 when held, 2 when held and somebody may be asleep on it. The uncontended way is one atomic
 * operation to take and one to give back. A contender spins a little, because sections are short, and then sleeps, because the
 * holder may have lost its processor.
 *
 * ORDER, so that no two threads wait for each other: stripe → slab class → page, and the clock, flush and
 * growth locks last, under which no other lock is waited for. Nobody waits for a stripe while holding a class lock, or for a
 * second lock of one kind; the evictor, who meets victims of other stripes while holding a class lock, only tries.
 */
const SPINS_MAX = 60;

export class Locks {
  readonly #words: Int32Array;
  readonly #isShared: boolean;

  /** @param isShared false where no second thread is: then a lock is a plain word, a quarter of a look-up cheaper, and still tells `tryAcquire` */
  constructor(words: Int32Array, isShared: boolean) {
    this.#words = words;
    this.#isShared = isShared;
  }

  acquire(lock: number): void {
    if (!this.#isShared) {
      assert(this.#words[lock] === 0, 'a thread does not wait for a lock that it holds');
      this.#words[lock] = 1;
      return;
    }
    if (Atomics.compareExchange(this.#words, lock, 0, 1) !== 0) this.#contend(lock);
  }

  tryAcquire(lock: number): boolean {
    if (!this.#isShared) {
      if (this.#words[lock] !== 0) return false;
      this.#words[lock] = 1;
      return true;
    }
    return Atomics.compareExchange(this.#words, lock, 0, 1) === 0;
  }

  release(lock: number): void {
    if (!this.#isShared) {
      this.#words[lock] = 0;
      return;
    }
    if (Atomics.exchange(this.#words, lock, 0) === 2) Atomics.notify(this.#words, lock, 1);
  }

  /** Whether anybody holds the lock; for assertions and invariant checks. */
  isHeld(lock: number): boolean {
    return Atomics.load(this.#words, lock) !== 0;
  }

  #contend(lock: number): void {
    for (let i = 0; i < SPINS_MAX; i++) {
      if (Atomics.load(this.#words, lock) === 0 && Atomics.compareExchange(this.#words, lock, 0, 1) === 0)
        return;
    }
    // From here on the word says 2 while we hold it: we cannot know whether others sleep too, and one needless notify is harmless.
    while (Atomics.exchange(this.#words, lock, 2) !== 0) Atomics.wait(this.#words, lock, 2);
  }
}

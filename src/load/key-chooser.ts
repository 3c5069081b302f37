import type { Random } from '../base/random.ts';
import type { LoadPlan } from './load-plan.ts';

const STEPS = 2 ** 30;

/** Which key a load asks for next: all alike, or the first ones more often, by Zipf's law. */
export class KeyChooser {
  readonly #random: Random;
  readonly #keys: number;
  /** By key, the share of it and those before it; null: all are alike. */
  readonly #shares: Float64Array | null;

  constructor({ keys, zipf = 0 }: LoadPlan, random: Random) {
    this.#random = random;
    this.#keys = keys;
    this.#shares = zipf === 0 ? null : new Float64Array(keys);
    if (this.#shares === null) return;
    let sum = 0;
    for (let key = 0; key < keys; key++) {
      sum += 1 / (key + 1) ** zipf;
      this.#shares[key] = sum;
    }
    for (let key = 0; key < keys; key++) this.#shares[key]! /= sum;
  }

  next(): number {
    const shares = this.#shares;
    if (shares === null) return this.#random.below(this.#keys);
    const wanted = this.#random.below(STEPS) / STEPS;
    let least = 0;
    let most = this.#keys - 1;
    while (least < most) {
      const middle = (least + most) >>> 1;
      if (shares[middle]! > wanted) most = middle;
      else least = middle + 1;
    }
    return least;
  }
}

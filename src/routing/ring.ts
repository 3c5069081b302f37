import { assert } from '../base/assert.ts';

/**
 * A first-in first-out queue of pooled records in an array that is a ring: no allocation but when it grows, and it grows
 * only up to the most that has ever waited. The bound is the owner's, who asks `length` before it pushes.
 */
export class Ring<Item> {
  #slots: (Item | undefined)[] = new Array<Item | undefined>(16).fill(undefined);
  #first = 0;
  length = 0;

  push(item: Item): void {
    if (this.length === this.#slots.length) this.#grow();
    this.#slots[(this.#first + this.length) & (this.#slots.length - 1)] = item;
    this.length++;
  }

  /** The oldest item; undefined when the ring is empty. */
  peek(): Item | undefined {
    return this.#slots[this.#first];
  }

  /** Item number `index` from the oldest, which is 0. */
  at(index: number): Item | undefined {
    return index < this.length ? this.#slots[(this.#first + index) & (this.#slots.length - 1)] : undefined;
  }

  /** Removes the oldest item. @returns it */
  shift(): Item {
    const item = this.#slots[this.#first];
    assert(item !== undefined, 'an empty ring was asked for its oldest item');
    this.#slots[this.#first] = undefined;
    this.#first = (this.#first + 1) & (this.#slots.length - 1);
    this.length--;
    return item;
  }

  /** Removes item number `index`; those behind it move up. @returns it */
  removeAt(index: number): Item {
    const item = this.at(index);
    assert(item !== undefined, 'a ring has no item at this index');
    const mask = this.#slots.length - 1;
    for (let i = index; i < this.length; i++)
      this.#slots[(this.#first + i) & mask] = this.#slots[(this.#first + i + 1) & mask];
    this.length--;
    this.#slots[(this.#first + this.length) & mask] = undefined;
    return item;
  }

  /** Puts another item in the place of number `index`. */
  replace(index: number, item: Item): void {
    assert(index < this.length, 'a ring has no item at this index');
    this.#slots[(this.#first + index) & (this.#slots.length - 1)] = item;
  }

  #grow(): void {
    const old = this.#slots;
    const size = old.length;
    const grown = new Array<Item | undefined>(size * 2).fill(undefined);
    for (let i = 0; i < this.length; i++) grown[i] = old[(this.#first + i) & (size - 1)];
    this.#slots = grown;
    this.#first = 0;
  }
}

import { QUEUE_WORD } from './geometry.ts';
import { ARENA_SHIFT, HEADER, UNIT_MASK } from './layout.ts';
import type { Memory } from './memory.ts';

const { newer: NEWER, older: OLDER } = HEADER;
const { newest: NEWEST, oldest: OLDEST, count: COUNT } = QUEUE_WORD;

/**
 * FIFO queues of items, doubly linked through the items' headers so that a deleted item leaves from the middle. A queue is three words of
 * its slab class's record, named by the first one's place in the control block, and guarded by the class's lock.
 */
export class Queues {
  readonly #memory: Memory;
  readonly #control: Int32Array;

  constructor(memory: Memory, control: Int32Array) {
    this.#memory = memory;
    this.#control = control;
  }

  count(queue: number): number {
    return this.#control[queue + COUNT]!;
  }

  oldest(queue: number): number {
    return this.#control[queue + OLDEST]!;
  }

  newest(queue: number): number {
    return this.#control[queue + NEWEST]!;
  }

  /** The item that entered next after this one, 0 if it is the newest. */
  newer(item: number): number {
    return this.#memory.words[item >>> ARENA_SHIFT]![((item & UNIT_MASK) << 1) + NEWER]!;
  }

  older(item: number): number {
    return this.#memory.words[item >>> ARENA_SHIFT]![((item & UNIT_MASK) << 1) + OLDER]!;
  }

  /** Enters an item as the newest. */
  enter(queue: number, item: number): void {
    const control = this.#control;
    const newest = control[queue + NEWEST]!;
    const words = this.#memory.words[item >>> ARENA_SHIFT]!;
    const word = (item & UNIT_MASK) << 1;
    words[word + NEWER] = 0;
    words[word + OLDER] = newest;
    if (newest === 0) control[queue + OLDEST] = item;
    else this.#memory.words[newest >>> ARENA_SHIFT]![((newest & UNIT_MASK) << 1) + NEWER] = item;
    control[queue + NEWEST] = item;
    control[queue + COUNT]!++;
  }

  /** Puts `replacement` in the place of `item`. */
  replace(queue: number, item: number, replacement: number): void {
    const control = this.#control;
    const words = this.#memory.words[item >>> ARENA_SHIFT]!;
    const word = (item & UNIT_MASK) << 1;
    const newer = words[word + NEWER]!;
    const older = words[word + OLDER]!;
    const own = this.#memory.words[replacement >>> ARENA_SHIFT]!;
    const ownWord = (replacement & UNIT_MASK) << 1;
    own[ownWord + NEWER] = newer;
    own[ownWord + OLDER] = older;
    if (newer === 0) control[queue + NEWEST] = replacement;
    else this.#memory.words[newer >>> ARENA_SHIFT]![((newer & UNIT_MASK) << 1) + OLDER] = replacement;
    if (older === 0) control[queue + OLDEST] = replacement;
    else this.#memory.words[older >>> ARENA_SHIFT]![((older & UNIT_MASK) << 1) + NEWER] = replacement;
  }

  /** Takes an item out of the queue that it is in. */
  leave(queue: number, item: number): void {
    const control = this.#control;
    const words = this.#memory.words[item >>> ARENA_SHIFT]!;
    const word = (item & UNIT_MASK) << 1;
    const newer = words[word + NEWER]!;
    const older = words[word + OLDER]!;
    if (newer === 0) control[queue + NEWEST] = older;
    else this.#memory.words[newer >>> ARENA_SHIFT]![((newer & UNIT_MASK) << 1) + OLDER] = older;
    if (older === 0) control[queue + OLDEST] = newer;
    else this.#memory.words[older >>> ARENA_SHIFT]![((older & UNIT_MASK) << 1) + NEWER] = newer;
    control[queue + COUNT]!--;
  }
}

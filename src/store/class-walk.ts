import { CLASS_WORD } from './geometry.ts';
import { LIFE } from './lifetime.ts';
import type { Parts } from './parts.ts';

/**
 * Visits the live items of a slab class, those of the main queue first, then the small one and the temporary one, the newest of each first.
 *
 * The class is locked meanwhile: its items stay where they are, but nothing can be stored in it. Values may change under the visitor.
 *
 * @param visit reads the item, calls nothing that locks, and returns false when it has seen enough
 */
export function walkClass(parts: Parts, slabClass: number, visit: (item: number) => boolean): void {
  const { slabs, queues, geometry, lifetime } = parts;
  if (slabClass < 1 || slabClass > geometry.classes.largest) return;
  const record = geometry.classRecord(slabClass);
  slabs.lock(slabClass);
  try {
    for (const queue of [
      record + CLASS_WORD.main,
      record + CLASS_WORD.small,
      record + CLASS_WORD.temporary,
    ]) {
      for (let item = queues.newest(queue); item !== 0; item = queues.older(item)) {
        if (lifetime.of(item) === LIFE.alive && !visit(item)) return;
      }
    }
  } finally {
    slabs.unlock(slabClass);
  }
}

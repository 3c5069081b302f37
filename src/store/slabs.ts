import { assert } from '../base/assert.ts';
import { CLASS_WORD, CONTROL, type Geometry } from './geometry.ts';
import { ARENA_SHIFT, HEADER, STATE, UNIT_MASK } from './layout.ts';
import type { Locks } from './locks.ts';
import type { Memory } from './memory.ts';

const { next: NEXT, kind: KIND } = HEADER;

/**
 * Slab allocation (Bonwick, 1994, as memcached has it): memory grows by pages of 1 MiB, each given to one slab class and
 * cut into its chunks. Free chunks of a class form a list; chunks of the newest page that were never used are only counted, so
 * that memory nobody needs is not touched.
 *
 * The pages of all classes together stay within `-m`, save that every class may have one page in any case, as in memcached. Which class
 * a page belongs to is kept by page, for moving pages later.
 *
 * All of a class's state is guarded by its lock; `lock` and `unlock` are for callers, everything else expects the lock held.
 */
export class Slabs {
  readonly #memory: Memory;
  readonly #control: Int32Array;
  readonly #pageClasses: Uint8Array;
  readonly #locks: Locks;
  readonly #geometry: Geometry;

  constructor(memory: Memory, control: Int32Array, pageClasses: SharedArrayBuffer, locks: Locks) {
    this.#memory = memory;
    this.#control = control;
    this.#pageClasses = new Uint8Array(pageClasses);
    this.#locks = locks;
    this.#geometry = memory.geometry;
  }

  lock(slabClass: number): void {
    this.#locks.acquire(this.#geometry.classLocks + slabClass);
  }

  unlock(slabClass: number): void {
    this.#locks.release(this.#geometry.classLocks + slabClass);
  }

  /** Takes a chunk that is free or in a new page. @returns its ref, 0 when the memory is full */
  take(slabClass: number): number {
    const control = this.#control;
    const record = this.#geometry.classRecord(slabClass);
    const free = control[record + CLASS_WORD.freeHead]!;
    if (free !== 0) {
      control[record + CLASS_WORD.freeHead] =
        this.#memory.words[free >>> ARENA_SHIFT]![((free & UNIT_MASK) << 1) + NEXT]!;
      control[record + CLASS_WORD.freeCount]!--;
      control[record + CLASS_WORD.usedChunks]!++;
      return free;
    }
    if (control[record + CLASS_WORD.unusedCount]! === 0 && !this.#addPage(slabClass, record)) return 0;
    const chunk = control[record + CLASS_WORD.unusedHead]!;
    control[record + CLASS_WORD.unusedHead] = chunk + (this.#geometry.classes.chunkBytes[slabClass]! >>> 3);
    control[record + CLASS_WORD.unusedCount]!--;
    control[record + CLASS_WORD.usedChunks]!++;
    return chunk;
  }

  /** Gives a chunk back. */
  give(chunk: number, slabClass: number): void {
    const control = this.#control;
    const record = this.#geometry.classRecord(slabClass);
    const words = this.#memory.words[chunk >>> ARENA_SHIFT]!;
    const word = (chunk & UNIT_MASK) << 1;
    words[word + NEXT] = control[record + CLASS_WORD.freeHead]!;
    words[word + KIND] = STATE.free | (slabClass << 8);
    control[record + CLASS_WORD.freeHead] = chunk;
    control[record + CLASS_WORD.freeCount]!++;
    control[record + CLASS_WORD.usedChunks]!--;
  }

  /** The class of a page that is in use. */
  pageClass(page: number): number {
    return this.#pageClasses[page]!;
  }

  #addPage(slabClass: number, record: number): boolean {
    const control = this.#control;
    const geometry = this.#geometry;
    if (
      control[record + CLASS_WORD.pages]! > 0 &&
      Atomics.load(control, CONTROL.pages) >= geometry.pagesMax
    ) {
      return false;
    }
    this.#locks.acquire(geometry.pageLock);
    const page = control[CONTROL.pages]!;
    const allowed = page < geometry.pagesMax || control[record + CLASS_WORD.pages] === 0;
    if (allowed) {
      assert(page < geometry.pageRoom, 'there is room for the first page of every class');
      control[CONTROL.pages] = page + 1;
      this.#pageClasses[page] = slabClass;
    }
    this.#locks.release(geometry.pageLock);
    if (!allowed) return false;
    control[record + CLASS_WORD.pages]!++;
    control[record + CLASS_WORD.unusedHead] = geometry.pageRef(page);
    control[record + CLASS_WORD.unusedCount] = geometry.classes.chunksPerPage[slabClass]!;
    return true;
  }
}

import { assert } from '../base/assert.ts';
import { CLASS_WORD, CONTROL, type Geometry, NO_PAGE } from './geometry.ts';
import { ARENA_SHIFT, DRAINED, HEADER, PAGE_UNITS, STATE, UNIT_MASK } from './layout.ts';
import type { Locks } from './locks.ts';
import type { Memory } from './memory.ts';

const { next: NEXT, kind: KIND } = HEADER;
/** In a free chunk the word that points to the previous one. */
const PREVIOUS = HEADER.newer;

/** What `pageClass` says of a page that is in no class. */
const VACANT = 0;
/** Added to the class of a page that is promised to it and not cut into chunks yet. */
const GRANTED = 0x80;
/** What `pageClass` says of a page that was taken back and not given on yet: nobody may take it meanwhile. No class has this number. */
const REVOKED = 0xff;

/**
 * Slab allocation (Bonwick, 1994, as memcached has it): memory grows by pages of 1 MiB, each given to one slab class and
 * cut into its chunks. Free chunks of a class form a list; chunks of the newest page that were never used are only counted, so
 * that memory nobody needs is not touched.
 *
 * The pages of all classes together stay within the limit, save that every class may have one page in any case, as in memcached. A page
 * can leave its class again (page-mover.ts): while it does, its free chunks are out of the list, and those that become free are counted as
 * drained. The list is linked both ways so that they can be taken out.
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
    const chunk = this.takeFree(slabClass);
    if (chunk !== 0) return chunk;
    return this.#addPage(slabClass, this.#geometry.classRecord(slabClass)) ? this.takeFree(slabClass) : 0;
  }

  /** Takes a chunk of the pages that the class has. @returns its ref, 0 when none is free */
  takeFree(slabClass: number): number {
    const control = this.#control;
    const record = this.#geometry.classRecord(slabClass);
    const free = control[record + CLASS_WORD.freeHead]!;
    if (free !== 0) {
      const words = this.#memory.words[free >>> ARENA_SHIFT]!;
      const word = (free & UNIT_MASK) << 1;
      const next = words[word + NEXT]!;
      control[record + CLASS_WORD.freeHead] = next;
      if (next !== 0) this.#memory.words[next >>> ARENA_SHIFT]![((next & UNIT_MASK) << 1) + PREVIOUS] = 0;
      control[record + CLASS_WORD.freeCount]!--;
      control[record + CLASS_WORD.usedChunks]!++;
      // It is somebody's from here on, though what it will be is not written yet.
      words[word + KIND] = slabClass << 8;
      return free;
    }
    if (control[record + CLASS_WORD.unusedCount]! === 0) return 0;
    const chunk = control[record + CLASS_WORD.unusedHead]!;
    control[record + CLASS_WORD.unusedHead] = chunk + (this.#geometry.classes.chunkBytes[slabClass]! >>> 3);
    control[record + CLASS_WORD.unusedCount]!--;
    control[record + CLASS_WORD.usedChunks]!++;
    this.#memory.words[chunk >>> ARENA_SHIFT]![((chunk & UNIT_MASK) << 1) + KIND] = slabClass << 8;
    return chunk;
  }

  /** Gives a chunk back. */
  give(chunk: number, slabClass: number): void {
    const control = this.#control;
    const record = this.#geometry.classRecord(slabClass);
    control[record + CLASS_WORD.usedChunks]!--;
    if (this.isLeaving(chunk, slabClass)) this.#drain(chunk, slabClass, record);
    else this.#link(chunk, slabClass, record);
  }

  /** The class whose chunks a page holds, 0 when it is in none. */
  pageClass(page: number): number {
    const slabClass = this.#pageClasses[page]!;
    return (slabClass & GRANTED) === 0 ? slabClass : VACANT;
  }

  /** The next page of the class at or behind `page`, or the first one; -1 if it has none. Takes no lock. */
  nextPageOf(slabClass: number, page: number): number {
    const next = this.#pageClasses.indexOf(slabClass, page);
    return next === -1 ? this.#pageClasses.indexOf(slabClass) : next;
  }

  /** Pages of a class, those that were promised to it included. */
  pagesOf(slabClass: number): number {
    const record = this.#geometry.classRecord(slabClass);
    return this.#control[record + CLASS_WORD.pages]! + this.#control[record + CLASS_WORD.grantedPages]!;
  }

  // --- A page that leaves its class.

  /** Whether a chunk lies in the page that leaves the class. */
  isLeaving(chunk: number, slabClass: number): boolean {
    const leaving = this.#control[this.#geometry.classRecord(slabClass) + CLASS_WORD.leavingPage]!;
    return (chunk - leaving) >>> 0 < PAGE_UNITS;
  }

  /**
   * Lets a page begin to leave its class: no chunk of it is taken any more.
   *
   * @returns how many of its chunks were used at some time; those behind were not, and are drained already
   */
  beginLeaving(page: number, slabClass: number): number {
    const control = this.#control;
    const record = this.#geometry.classRecord(slabClass);
    const start = this.#geometry.pageRef(page);
    const chunks = this.#geometry.classes.chunksPerPage[slabClass]!;
    control[record + CLASS_WORD.leavingPage] = start;
    control[record + CLASS_WORD.drainedChunks] = 0;
    const unused = control[record + CLASS_WORD.unusedCount]!;
    if (unused === 0 || !this.isLeaving(control[record + CLASS_WORD.unusedHead]!, slabClass)) return chunks;
    control[record + CLASS_WORD.unusedCount] = 0;
    control[record + CLASS_WORD.unusedHead] = 0;
    control[record + CLASS_WORD.drainedChunks] = unused;
    return chunks - unused;
  }

  /** Takes a free chunk of the page that leaves out of the list of free chunks. */
  drainFree(chunk: number, slabClass: number): void {
    const control = this.#control;
    const record = this.#geometry.classRecord(slabClass);
    const words = this.#memory.words[chunk >>> ARENA_SHIFT]!;
    const word = (chunk & UNIT_MASK) << 1;
    const next = words[word + NEXT]!;
    const previous = words[word + PREVIOUS]!;
    if (previous === 0) control[record + CLASS_WORD.freeHead] = next;
    else this.#memory.words[previous >>> ARENA_SHIFT]![((previous & UNIT_MASK) << 1) + NEXT] = next;
    if (next !== 0)
      this.#memory.words[next >>> ARENA_SHIFT]![((next & UNIT_MASK) << 1) + PREVIOUS] = previous;
    control[record + CLASS_WORD.freeCount]!--;
    this.#drain(chunk, slabClass, record);
  }

  /** Whether nobody uses a chunk of the page that leaves any more. */
  isDrained(slabClass: number): boolean {
    const record = this.#geometry.classRecord(slabClass);
    return (
      this.#control[record + CLASS_WORD.drainedChunks] === this.#geometry.classes.chunksPerPage[slabClass]!
    );
  }

  /** Ends a leave whose page is drained: the class does not have it any more. Give it on by `grant` or `vacate`. */
  finishLeaving(slabClass: number): void {
    const record = this.#geometry.classRecord(slabClass);
    this.#control[record + CLASS_WORD.leavingPage] = NO_PAGE;
    this.#control[record + CLASS_WORD.drainedChunks] = 0;
    this.#control[record + CLASS_WORD.pages]!--;
  }

  /** Gives a leave up. Its drained chunks are given back by `restore`, one by one. */
  cancelLeaving(slabClass: number): void {
    const record = this.#geometry.classRecord(slabClass);
    this.#control[record + CLASS_WORD.leavingPage] = NO_PAGE;
    this.#control[record + CLASS_WORD.drainedChunks] = 0;
  }

  /** Makes a drained chunk of a page that stays after all a free one. */
  restore(chunk: number, slabClass: number): void {
    this.#link(chunk, slabClass, this.#geometry.classRecord(slabClass));
  }

  /** Promises an emptied page to a class, with the class's lock held. */
  grant(page: number, slabClass: number): void {
    this.#locks.acquire(this.#geometry.pageLock);
    this.#pageClasses[page] = GRANTED | slabClass;
    this.#control[this.#geometry.classRecord(slabClass) + CLASS_WORD.grantedPages]!++;
    this.#locks.release(this.#geometry.pageLock);
  }

  /** Takes back a page that was only promised to a class, whose lock is held. Give it on. @returns the page, -1 if there is none */
  revoke(slabClass: number): number {
    const record = this.#geometry.classRecord(slabClass);
    if (this.#control[record + CLASS_WORD.grantedPages] === 0) return -1;
    this.#control[record + CLASS_WORD.grantedPages]!--;
    const page = this.#pageClasses.indexOf(GRANTED | slabClass);
    // Until it is given on, the class goes on taking pages that were promised to it, and this is none of them any more.
    this.#pageClasses[page] = REVOKED;
    return page;
  }

  /** Puts an emptied page into the pool, or, where more are held than the limit allows, gives it up. Takes the page lock only. */
  vacate(page: number): void {
    const control = this.#control;
    this.#locks.acquire(this.#geometry.pageLock);
    this.#pageClasses[page] = VACANT;
    if (control[CONTROL.pages]! > control[CONTROL.pagesLimit]!) control[CONTROL.pages]!--;
    else control[CONTROL.poolPages]!++;
    this.#locks.release(this.#geometry.pageLock);
  }

  /** Gives up pages of the pool that the limit does not allow. @returns whether more are held than allowed even so */
  trimPool(): boolean {
    const control = this.#control;
    if (control[CONTROL.pages]! <= control[CONTROL.pagesLimit]!) return false;
    this.#locks.acquire(this.#geometry.pageLock);
    const surplus = control[CONTROL.pages]! - control[CONTROL.pagesLimit]!;
    const given = Math.min(Math.max(0, surplus), control[CONTROL.poolPages]!);
    control[CONTROL.pages]! -= given;
    control[CONTROL.poolPages]! -= given;
    this.#locks.release(this.#geometry.pageLock);
    return given < surplus;
  }

  /** Promises a page of the pool to a class, whose lock is held. @returns false when the pool is empty */
  grantFromPool(slabClass: number): boolean {
    const control = this.#control;
    this.#locks.acquire(this.#geometry.pageLock);
    const given = control[CONTROL.poolPages]! > 0;
    if (given) {
      control[CONTROL.poolPages]!--;
      this.#pageClasses[this.#pageClasses.indexOf(VACANT)] = GRANTED | slabClass;
      control[this.#geometry.classRecord(slabClass) + CLASS_WORD.grantedPages]!++;
    }
    this.#locks.release(this.#geometry.pageLock);
    return given;
  }

  #drain(chunk: number, slabClass: number, record: number): void {
    this.#memory.words[chunk >>> ARENA_SHIFT]![((chunk & UNIT_MASK) << 1) + KIND] =
      DRAINED | (slabClass << 8);
    this.#control[record + CLASS_WORD.drainedChunks]!++;
  }

  #link(chunk: number, slabClass: number, record: number): void {
    const control = this.#control;
    const words = this.#memory.words[chunk >>> ARENA_SHIFT]!;
    const word = (chunk & UNIT_MASK) << 1;
    const next = control[record + CLASS_WORD.freeHead]!;
    words[word + NEXT] = next;
    words[word + PREVIOUS] = 0;
    words[word + KIND] = STATE.free | (slabClass << 8);
    if (next !== 0) this.#memory.words[next >>> ARENA_SHIFT]![((next & UNIT_MASK) << 1) + PREVIOUS] = chunk;
    control[record + CLASS_WORD.freeHead] = chunk;
    control[record + CLASS_WORD.freeCount]!++;
  }

  #addPage(slabClass: number, record: number): boolean {
    const control = this.#control;
    const geometry = this.#geometry;
    const granted = control[record + CLASS_WORD.grantedPages]! > 0;
    if (
      !granted &&
      control[record + CLASS_WORD.pages]! > 0 &&
      Atomics.load(control, CONTROL.poolPages) === 0 &&
      Atomics.load(control, CONTROL.pages) >= Atomics.load(control, CONTROL.pagesLimit)
    ) {
      return false;
    }
    this.#locks.acquire(geometry.pageLock);
    let allowed = true;
    if (granted) {
      control[record + CLASS_WORD.grantedPages]!--;
    } else if (control[CONTROL.poolPages]! > 0) {
      control[CONTROL.poolPages]!--;
    } else {
      const within = control[CONTROL.pages]! < control[CONTROL.pagesLimit]!;
      allowed = within || control[record + CLASS_WORD.pages] === 0;
      if (allowed) control[CONTROL.pages]!++;
    }
    let page = -1;
    if (allowed) {
      page = this.#pageClasses.indexOf(granted ? GRANTED | slabClass : VACANT);
      assert(page !== -1, 'there is room for the first page of every class');
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

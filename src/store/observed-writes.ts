import { KEY_BYTES_MAX } from '../base/limits.ts';
import type { CacheObserver } from './cache-observer.ts';
import { ClientWrites } from './client-writes.ts';
import { ARENA_SHIFT } from './layout.ts';
import { copyBytes } from './memory.ts';
import type { Parts } from './parts.ts';
import { RESULT, type Result, STORE_MODE, type StoreMode } from './results.ts';

/**
 * Writes that an observer is told of: it takes the place of ClientWrites while there is one, so that writes cost nothing more while there
 * is none. As in memcached, a write looks its key up first, and is told of as a look-up and as a write.
 *
 * Arguments are handed on whole, so that none can be forgotten here.
 */
export class ObservedWrites extends ClientWrites {
  readonly #parts: Parts;
  readonly #observer: CacheObserver;
  readonly #key: Uint8Array = new Uint8Array(KEY_BYTES_MAX);
  /** Of the item that the last look-up found; class 0 when it found none. */
  #foundClass = 0;
  #foundBytes = 0;

  constructor(parts: Parts, observer: CacheObserver) {
    super(parts);
    this.#parts = parts;
    this.#observer = observer;
  }

  override store(...all: Parameters<ClientWrites['store']>): Result {
    const [mode, input, keyStart, keyEnd, hash, flags, exptime, , valueStart, valueEnd] = all;
    this.#look(input, keyStart, keyEnd, hash);
    const result = super.store(...all);
    const valueBytes = valueEnd - valueStart + this.#joinedBytes(mode, result);
    const slabClass = this.#parts.writer.slabClass(keyEnd - keyStart, flags, valueBytes);
    this.#observer.stored(input, keyStart, keyEnd, mode, result, exptime, slabClass, valueBytes);
    return result;
  }

  override reserve(...all: Parameters<ClientWrites['reserve']>): number {
    const item = super.reserve(...all);
    if (item !== 0) return item;
    const [mode, input, keyStart, keyEnd, hash, , exptime, valueBytes] = all;
    this.#look(input, keyStart, keyEnd, hash);
    this.#observer.stored(input, keyStart, keyEnd, mode, this.failure, exptime, 0, valueBytes);
    return 0;
  }

  override commit(...all: Parameters<ClientWrites['commit']>): Result {
    const [mode, item, hash] = all;
    const { items, memory } = this.#parts;
    const start = items.keyStart(item);
    const keyBytes = items.keyBytes(item);
    // Copied, because the item is freed when it is refused.
    copyBytes(this.#key, 0, memory.bytes[item >>> ARENA_SHIFT]!, start, start + keyBytes);
    const slabClass = items.slabClass(item);
    const valueBytes = items.valueBytes(item);
    const exptime = items.exptime(item);
    this.#look(this.#key, 0, keyBytes, hash);
    const result = super.commit(...all);
    const joined = this.#joinedBytes(mode, result);
    this.#observer.stored(this.#key, 0, keyBytes, mode, result, exptime, slabClass, valueBytes + joined);
    return result;
  }

  override delete(...all: Parameters<ClientWrites['delete']>): Result {
    const [input, keyStart, keyEnd, hash] = all;
    this.#look(input, keyStart, keyEnd, hash);
    const result = super.delete(...all);
    if (result === RESULT.stored) {
      this.#observer.deleted(input, keyStart, keyEnd, this.#foundClass, this.#foundBytes);
    }
    return result;
  }

  override arithmetic(...all: Parameters<ClientWrites['arithmetic']>): Result {
    const [input, keyStart, keyEnd, hash] = all;
    this.#look(input, keyStart, keyEnd, hash);
    return super.arithmetic(...all);
  }

  override touch(...all: Parameters<ClientWrites['touch']>): boolean {
    const [input, keyStart, keyEnd, hash] = all;
    this.#look(input, keyStart, keyEnd, hash);
    return super.touch(...all);
  }

  /** What was there before an append or a prepend. */
  #joinedBytes(mode: StoreMode, result: Result): number {
    const isJoined = mode === STORE_MODE.append || mode === STORE_MODE.prepend;
    return isJoined && result === RESULT.stored ? this.#foundBytes : 0;
  }

  /** Looks a key up, to tell of it only; nothing counts as an access. */
  #look(bytes: Uint8Array, keyStart: number, keyEnd: number, hash: number): void {
    const { index, locks, lookup, items } = this.#parts;
    const stripe = index.stripe(hash);
    locks.acquire(stripe);
    const item = lookup.live(bytes, keyStart, keyEnd, hash);
    this.#foundClass = item === 0 ? 0 : items.slabClass(item);
    this.#foundBytes = item === 0 ? 0 : items.valueBytes(item);
    if (item === 0) this.#observer.missed(bytes, keyStart, keyEnd, lookup.miss);
    else this.#observer.found(item);
    locks.release(stripe);
  }
}

import { assert } from '../base/assert.ts';
import { PAGE_BYTES, UNIT_BYTES } from './layout.ts';

/** memcached counts classes from 1 to at most 63. */
export const SLAB_CLASSES_MAX = 63;

/** memcached's item header; the growth of sizes starts from it, though our header is smaller, so that users find the sizes they know. */
const MEMCACHED_HEADER_BYTES = 48;

/** The smallest chunk: our header and a few bytes. */
const CHUNK_BYTES_MIN = 48;

/**
 * The chunk size of every slab class, by memcached's rule: from header + `chunkBytesMin` on by `growthFactor`, each rounded up to
 * 8 bytes, while under `slabChunkBytesMax / growthFactor`; the last class is `slabChunkBytesMax` itself.
 *
 * @returns sizes in bytes; index 0 is no class (0 bytes)
 */
export function slabClassSizes(
  chunkBytesMin: number,
  growthFactor: number,
  slabChunkBytesMax: number,
): readonly number[] {
  assert(growthFactor > 1, 'the slab growth factor is above 1');
  assert(slabChunkBytesMax <= PAGE_BYTES && slabChunkBytesMax >= 512, 'the largest chunk fits a page');
  const sizes = [0];
  let size = MEMCACHED_HEADER_BYTES + chunkBytesMin;
  while (sizes.length < SLAB_CLASSES_MAX && size < slabChunkBytesMax / growthFactor) {
    size = Math.ceil(size / UNIT_BYTES) * UNIT_BYTES;
    sizes.push(size);
    size = Math.trunc(size * growthFactor);
  }
  sizes.push(slabChunkBytesMax);
  return sizes;
}

/**
 * Slab classes of sizes that somebody chose (`-o slab_sizes`), and the largest chunk behind them.
 *
 * @param chunkBytes rising
 */
export function givenSlabClassSizes(
  chunkBytes: readonly number[],
  slabChunkBytesMax: number,
): readonly number[] {
  const sizes = [0];
  for (const wanted of chunkBytes.slice(0, SLAB_CLASSES_MAX - 1)) {
    const size = Math.ceil(wanted / UNIT_BYTES) * UNIT_BYTES;
    if (size > sizes[sizes.length - 1]! && size < slabChunkBytesMax && size >= CHUNK_BYTES_MIN)
      sizes.push(size);
  }
  sizes.push(slabChunkBytesMax);
  return sizes;
}

/** Finds the class of a size with one load: a table with an entry for each 8 bytes up to the largest chunk. */
export class SlabClasses {
  /** Chunk size by class, in bytes. */
  readonly chunkBytes: Int32Array;
  readonly chunksPerPage: Int32Array;
  /** The largest class, and the number of classes. */
  readonly largest: number;
  readonly chunkBytesMax: number;
  readonly #classByUnits: Uint8Array;

  constructor(sizes: readonly number[]) {
    this.chunkBytes = Int32Array.from(sizes);
    this.chunksPerPage = this.chunkBytes.map((size) => (size === 0 ? 0 : Math.floor(PAGE_BYTES / size)));
    this.largest = sizes.length - 1;
    this.chunkBytesMax = this.chunkBytes[this.largest]!;
    this.#classByUnits = new Uint8Array(this.chunkBytesMax / UNIT_BYTES + 1);
    let slabClass = 1;
    for (let units = 0; units < this.#classByUnits.length; units++) {
      while (units * UNIT_BYTES > this.chunkBytes[slabClass]!) slabClass++;
      this.#classByUnits[units] = slabClass;
    }
  }

  /** The smallest class whose chunks hold `bytes`, which is at most `chunkBytesMax`. */
  classOf(bytes: number): number {
    return this.#classByUnits[(bytes + 7) >>> 3]!;
  }
}

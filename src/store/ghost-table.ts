import { CLASS_WORD, type Geometry, GHOST_WAYS } from './geometry.ts';

/**
 * Ghosts: the hashes of items that were evicted from the small queue not long ago. An item that comes back while its ghost is
 * there goes straight to the main queue (S3-FIFO's third queue, see eviction.ts).
 *
 * A FIFO of hashes would need a table to search it; this is both in one: sets of four hashes, chosen by the hash, each set a FIFO of its own.
 * A slab class has about as many ghosts as it has chunks. A false ghost (two keys of one hash) costs nothing but one wrong guess. Guarded by
 * the class's lock.
 */
export class GhostTable {
  readonly #words: Int32Array;
  readonly #control: Int32Array;
  readonly #geometry: Geometry;

  constructor(ghosts: SharedArrayBuffer, control: Int32Array, geometry: Geometry) {
    this.#words = new Int32Array(ghosts);
    this.#control = control;
    this.#geometry = geometry;
  }

  remember(slabClass: number, hash: number): void {
    const set = this.#set(slabClass, hash);
    const words = this.#words;
    for (let way = GHOST_WAYS - 1; way > 0; way--) words[set + way] = words[set + way - 1]!;
    words[set] = hash | 1;
  }

  /** Whether the hash is among the ghosts; it is not afterwards. */
  recall(slabClass: number, hash: number): boolean {
    const set = this.#set(slabClass, hash);
    const words = this.#words;
    for (let way = 0; way < GHOST_WAYS; way++) {
      if (words[set + way] === (hash | 1)) {
        for (let i = way; i < GHOST_WAYS - 1; i++) words[set + i] = words[set + i + 1]!;
        words[set + GHOST_WAYS - 1] = 0;
        return true;
      }
    }
    return false;
  }

  /** First word of the set of a hash. The number of sets follows the chunks that the class has now. */
  #set(slabClass: number, hash: number): number {
    const pages = this.#control[this.#geometry.classRecord(slabClass) + CLASS_WORD.pages]!;
    const chunks = pages * this.#geometry.classes.chunksPerPage[slabClass]!;
    const wanted = chunks <= GHOST_WAYS ? 1 : (-1 >>> Math.clz32((chunks - 1) >>> 2)) + 1;
    const sets = Math.min(wanted, this.#geometry.ghostSetsMax[slabClass]!);
    // The index uses the low bits; the upper ones are as good and make chains and sets independent.
    return this.#geometry.ghostStarts[slabClass]! + ((hash >>> 7) & (sets - 1)) * GHOST_WAYS;
  }
}

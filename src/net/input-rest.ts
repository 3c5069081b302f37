import type { Block, BufferPool } from './buffer-pool.ts';

/**
 * What a session has been fed and has not consumed, mostly the beginning of a request: kept in a block of the pool until more comes, in front of which it
 * is put then, so that the session sees one run of bytes. A connection has a block only while there is something.
 */
export class InputRest {
  /** How many bytes are kept. */
  bytes = 0;
  readonly #pool: BufferPool;
  #block: Block | null = null;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** Keeps bytes [from, to) of `source`; only where nothing is kept. */
  keep(source: Uint8Array, from: number, to: number): void {
    const block = this.#pool.takeBlock(to - from);
    block.bytes.set(source.subarray(from, to), block.start);
    this.#block = block;
    this.bytes = to - from;
  }

  /** Puts what is kept to `target`, from `at` on, and keeps nothing more. */
  moveTo(target: Uint8Array, at: number): void {
    const block = this.#block;
    if (block === null) return;
    target.set(block.bytes.subarray(block.start, block.start + this.bytes), at);
    this.drop();
  }

  /** Nobody will be fed with it. */
  drop(): void {
    if (this.#block !== null) this.#pool.give(this.#block);
    this.#block = null;
    this.bytes = 0;
  }
}

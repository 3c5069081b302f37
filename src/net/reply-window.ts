import type { Output } from '../base/output.ts';
import { type Block, type BufferPool, WINDOW_BYTES } from './buffer-pool.ts';

/**
 * The piece of memory that a connection's output writes to: taken from the pool when there is something to say, and given back when that has been sent,
 * so that an idle connection has none. As a rule one of the pool's windows; a block where one reply needs more room.
 */
export class ReplyWindow {
  /** Null: the output has no room. */
  block: Block | null = null;
  readonly #output: Output;
  readonly #pool: BufferPool;

  constructor(output: Output, pool: BufferPool) {
    this.#output = output;
    this.#pool = pool;
  }

  /** Gives the output room for `count` bytes; only where it has none. */
  take(count: number): void {
    const block = count <= WINDOW_BYTES ? this.#pool.takeWindow() : this.#pool.takeBlock(count);
    const output = this.#output;
    this.block = block;
    output.bytes = block.bytes;
    output.start = output.at = block.start;
    output.limit = block.limit;
  }

  /** Forgets what stands in it, and gives it back. */
  release(): void {
    const { block } = this;
    if (block === null) return;
    this.detach();
    this.#pool.give(block);
  }

  /** It is somebody else's from now on. */
  detach(): void {
    const output = this.#output;
    this.block = null;
    output.start = output.at = output.limit = 0;
  }
}

import { assert } from '../base/assert.ts';
import { PENDING_BYTES_MAX, PENDING_BYTES_TOTAL_MAX } from '../base/limits.ts';
import type { Output } from '../base/output.ts';
import type { Block, BufferPool } from './buffer-pool.ts';
import { addPending, FIGURE } from './figures.ts';

/** A block for copies has room for others up to this size. */
const COPIES_BYTES_MAX: number = 1024 * 1024;

/** A run of bytes that the peer has not taken. */
export interface PendingPiece {
  readonly block: Block;
  from: number;
  to: number;
}

/**
 * What a connection has to say and its peer has not taken: runs of bytes in their order. Counted in `output.pendingBytes`, and for all connections
 * of the loop together; there is a bound for both, and what comes when one is exceeded is refused.
 */
export class PendingOutput {
  readonly #pieces: PendingPiece[] = [];
  readonly #output: Output;
  readonly #pool: BufferPool;
  readonly #figures: Float64Array;

  /** @param output of the connection; while anything is pending it is `blocked` */
  constructor(output: Output, pool: BufferPool, figures: Float64Array) {
    this.#output = output;
    this.#pool = pool;
    this.#figures = figures;
  }

  /** The piece that is to be sent next; there is one while `output.pendingBytes` > 0. */
  get first(): PendingPiece {
    const piece = this.#pieces[0];
    assert(piece !== undefined, 'pending bytes lie in a piece');
    return piece;
  }

  /** Keeps a copy of bytes [from, to). @returns false when there are too many already */
  keepCopy(bytes: Uint8Array, from: number, to: number): boolean {
    if (!this.#mayKeep()) return this.#refuse();
    const count = to - from;
    const last = this.#pieces.at(-1);
    if (last !== undefined && last.block.limit - last.to >= count) {
      last.block.bytes.set(bytes.subarray(from, to), last.to);
      last.to += count;
    } else {
      // Twice what is pending, so that a long reply does not end as many small pieces.
      const room = Math.min(this.#output.pendingBytes, COPIES_BYTES_MAX);
      const block = this.#pool.takeBlock(Math.max(count, room));
      block.bytes.set(bytes.subarray(from, to), block.start);
      this.#pieces.push({ block, from: block.start, to: block.start + count });
    }
    this.#count(count);
    return true;
  }

  /** Keeps bytes [from, to) of a block, which is given back to the pool in any case. @returns false when there are too many already */
  keepBlock(block: Block, from: number, to: number): boolean {
    if (!this.#mayKeep()) {
      this.#pool.give(block);
      return this.#refuse();
    }
    this.#pieces.push({ block, from, to });
    this.#count(to - from);
    return true;
  }

  /**
   * Keeps what is left of a send of what stands in the output, bytes [from, to) of `source`, and `tail`.
   *
   * @param sent so many bytes of all of it have gone, fewer than there are
   * @returns false when there are too many already
   */
  keepUnsent(sent: number, source: Uint8Array, from: number, to: number, tail: Uint8Array): boolean {
    const { bytes, start, at } = this.#output;
    const headBytes = at - start;
    const valueBytes = to - from;
    const block = this.#pool.takeBlock(headBytes + valueBytes + tail.length - sent);
    let end = copyBehind(block, block.start, bytes, start, at, sent);
    end = copyBehind(block, end, source, from, to, sent - headBytes);
    end = copyBehind(block, end, tail, 0, tail.length, sent - headBytes - valueBytes);
    return this.keepBlock(block, block.start, end);
  }

  /** The peer has taken so many bytes of the first piece. @returns whether that was all of it */
  taken(count: number): boolean {
    const piece = this.first;
    this.#output.pendingBytes -= count;
    addPending(this.#figures, -count);
    piece.from += count;
    if (piece.from < piece.to) return false;
    this.#pieces.shift();
    this.#pool.give(piece.block);
    return true;
  }

  /** Nobody will take it. `output.pendingBytes` stays, for whoever asks how much has not been sent. */
  drop(): void {
    for (const { block } of this.#pieces) this.#pool.give(block);
    this.#pieces.length = 0;
    addPending(this.#figures, -this.#output.pendingBytes);
  }

  #mayKeep(): boolean {
    return (
      this.#output.pendingBytes <= PENDING_BYTES_MAX &&
      this.#figures[FIGURE.pendingBytes]! <= PENDING_BYTES_TOTAL_MAX
    );
  }

  #refuse(): boolean {
    this.#figures[FIGURE.pendingOverflows]!++;
    return false;
  }

  #count(count: number): void {
    const output = this.#output;
    if (!output.blocked) this.#figures[FIGURE.blocks]!++;
    output.blocked = true;
    output.pendingBytes += count;
    addPending(this.#figures, count);
  }
}

/** Copies what stands in [from, to) behind its first `skipped` bytes. @returns the index behind it in the block */
function copyBehind(
  block: Block,
  at: number,
  bytes: Uint8Array,
  from: number,
  to: number,
  skipped: number,
): number {
  const first = Math.min(to, from + Math.max(0, skipped));
  block.bytes.set(bytes.subarray(first, to), at);
  return at + to - first;
}

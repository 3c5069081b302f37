import { SpareKeyTables } from './key-table.ts';

/** Length of the blocks that answers of several keys are kept in until their turn comes. */
export const REPLY_BLOCK_BYTES: number = 32 * 1024;

/** Blocks of the thread's own that nobody uses and that are kept all the same. */
const FREE_MAX = 64;

/** REPLY_BLOCK_BYTES of an array, from `start` on. */
export interface ReplyBlock {
  readonly bytes: Uint8Array;
  readonly start: number;
}

/** Blocks in the array that the transport receives into and sends from: between them and there bytes are copied within one array, in half the time. */
export interface ReplyBlockSource {
  /** @returns null when it has none to spare */
  take(): ReplyBlock | null;
  /** @returns false when the block is not one of its own */
  give(block: ReplyBlock): boolean;
}

/** What a thread keeps for requests that need more than their record has: blocks for answers that wait, and tables for many keys. */
export class ReplyMemory {
  readonly keyTables: SpareKeyTables = new SpareKeyTables();
  readonly #source: ReplyBlockSource | null;
  readonly #free: ReplyBlock[] = [];

  /** @param source is asked first; null: there is none */
  constructor(source: ReplyBlockSource | null) {
    this.#source = source;
  }

  take(): ReplyBlock {
    const block = this.#source?.take() ?? this.#free.pop();
    return block ?? { bytes: new Uint8Array(REPLY_BLOCK_BYTES), start: 0 };
  }

  give(block: ReplyBlock): void {
    if (this.#source?.give(block) === true) return;
    if (this.#free.length < FREE_MAX) this.#free.push(block);
  }
}

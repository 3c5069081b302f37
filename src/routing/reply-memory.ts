import { SpareKeyTables } from './key-table.ts';

/** Length of the blocks that answers of several keys are kept in until their turn comes. */
export const REPLY_BLOCK_BYTES: number = 32 * 1024;

/**
 * Length of a slot, which one short answer is kept in: a block is cut into them. No power of two, because slots that begin in the same place of every page would
 * compete for the same few lines of the processor's cache.
 */
export const REPLY_SLOT_BYTES: number = 17 * 64;
const SLOTS_PER_BLOCK = Math.floor(REPLY_BLOCK_BYTES / REPLY_SLOT_BYTES);
/** Most blocks that are cut: one megabyte. They are not given back. */
const CUT_BLOCKS_MAX = 32;

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

/** What a thread keeps for requests that need more than their record has: slots and blocks for answers that wait, and tables for many keys. */
export class ReplyMemory {
  readonly keyTables: SpareKeyTables = new SpareKeyTables();
  readonly #source: ReplyBlockSource | null;
  readonly #free: ReplyBlock[] = [];
  readonly #slots: ReplyBlock[] = [];
  #cutBlocks = 0;

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

  /** @returns REPLY_SLOT_BYTES of the array that the transport receives into and sends from; null when there are no more */
  takeSlot(): ReplyBlock | null {
    return this.#slots.pop() ?? this.#cut();
  }

  giveSlot(slot: ReplyBlock): void {
    this.#slots.push(slot);
  }

  #cut(): ReplyBlock | null {
    if (this.#cutBlocks === CUT_BLOCKS_MAX) return null;
    const block = this.#source?.take() ?? null;
    if (block === null) return null;
    this.#cutBlocks++;
    const { bytes, start } = block;
    for (let i = SLOTS_PER_BLOCK - 1; i > 0; i--)
      this.#slots.push({ bytes, start: start + i * REPLY_SLOT_BYTES });
    return { bytes, start };
  }
}

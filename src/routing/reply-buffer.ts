import { copyInside } from '../base/copy-inside.ts';
import { type BufferBudget, chargeGrowth, chargeIfFree, KEPT_BYTES_MAX } from './buffer-budget.ts';
import { REPLY_BLOCK_BYTES, REPLY_SLOT_BYTES, type ReplyBlock } from './reply-memory.ts';

const NOTHING = new Uint8Array(0);

/** An answer up to this length does not take a block. */
const OWN_BYTES_MAX = REPLY_SLOT_BYTES;
const OWN_BYTES_MIN = 256;

/** A large buffer grows by so much at least. */
const STEP_BYTES = 1024 * 1024;

/**
 * What is kept of one request's answer: in a slot (or, where none is left, a small array of the record's own), then in a block, both of which are used again and
 * again, then in an array that grows. Places are counted from `start`, for the bytes may move when more of them come.
 */
export class ReplyBuffer {
  bytes: Uint8Array = NOTHING;
  start = 0;
  length = 0;
  #room = 0;
  #own = NOTHING;
  #slot: ReplyBlock | null = null;
  #block: ReplyBlock | null = null;
  #charged = 0;
  readonly #budget: BufferBudget;

  constructor(budget: BufferBudget) {
    this.#budget = budget;
  }

  /** Forgets everything and gives memory back. */
  clear(): void {
    this.length = 0;
    this.#budget.used -= this.#charged;
    this.#charged = 0;
    if (this.#room > 0) this.#use(NOTHING, 0, 0, null);
  }

  /**
   * Makes room for `count` bytes behind the others.
   *
   * @param needer the request whose answer it is
   * @param always even if the budget is used up: for short lines
   * @returns where they begin, counted from `start`, or -1
   */
  reserve(needer: object, count: number, always = false): number {
    const at = this.length;
    const needed = at + count;
    if (needed > this.#room && !this.#grow(needer, needed, always)) return -1;
    this.length = needed;
    return at;
  }

  /** Writes bytes [from, to) of `source` where room was made for them. */
  fill(at: number, source: Uint8Array, from: number, to: number): void {
    const { bytes, start } = this;
    if (bytes === source) copyInside(bytes, start + at, from, to);
    else if (to - from < 64) for (let i = from, to_ = start + at; i < to; i++, to_++) bytes[to_] = source[i]!;
    else bytes.set(source.subarray(from, to), start + at);
  }

  #grow(needer: object, needed: number, always: boolean): boolean {
    if (needed > OWN_BYTES_MAX && needed <= REPLY_BLOCK_BYTES && this.#growToBlock()) return true;
    if (needed <= REPLY_SLOT_BYTES && this.#takeSlot()) return true;
    if (needed <= this.#own.length && this.#room === 0) {
      this.#use(this.#own, 0, this.#own.length, null);
      return true;
    }
    const size = Math.max(OWN_BYTES_MIN, needed, Math.min(this.#room * 2, needed + STEP_BYTES));
    const charged = chargeGrowth(this.#budget, needer, this.#room, size);
    if (charged < 0 && !always) return false;
    this.#charged += Math.max(0, charged);
    const grown = new Uint8Array(size);
    if (size <= KEPT_BYTES_MAX) this.#own = grown;
    this.#use(grown, 0, size, null);
    return true;
  }

  #takeSlot(): boolean {
    if (this.#room > 0) return false;
    const slot = this.#budget.memory.takeSlot();
    if (slot === null) return false;
    this.#use(slot.bytes, slot.start, REPLY_SLOT_BYTES, null);
    this.#slot = slot;
    return true;
  }

  #growToBlock(): boolean {
    const charged = chargeIfFree(this.#budget, this.#room, REPLY_BLOCK_BYTES);
    if (charged < 0) return false;
    this.#charged += charged;
    const block = this.#budget.memory.take();
    this.#use(block.bytes, block.start, REPLY_BLOCK_BYTES, block);
    return true;
  }

  /** Moves what there is to other bytes. */
  #use(bytes: Uint8Array, start: number, room: number, block: ReplyBlock | null): void {
    const { bytes: before, start: startBefore, length } = this;
    this.bytes = bytes;
    this.start = start;
    this.#room = room;
    if (length > 0) this.fill(0, before, startBefore, startBefore + length);
    if (this.#block !== null) this.#budget.memory.give(this.#block);
    this.#block = block;
    if (this.#slot !== null) this.#budget.memory.giveSlot(this.#slot);
    this.#slot = null;
  }
}

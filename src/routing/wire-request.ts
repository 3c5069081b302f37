import { type BufferBudget, chargeGrowth, KEPT_BYTES_MAX } from './buffer-budget.ts';
import { KeyTable, OWN_KEYS_MAX } from './key-table.ts';

/** Which keys of a request are meant. */
export interface KeySelector {
  wants(request: WireRequest, key: number): boolean;
}

/** A record begins with room for so many keys, and so many bytes. */
const KEYS_FIRST = 8;
const BYTES_FIRST = 256;

/**
 * A request in the form in which it is sent on: its bytes, and where its keys stand in them.
 *
 * The bytes are words separated by one space, without `noreply`, and the value with its CR LF behind the line. They are kept until the answer is
 * there, because another server may have to be asked.
 */
export class WireRequest {
  verb = 0;
  bytes: Uint8Array = new Uint8Array(BYTES_FIRST);
  /** The same, to be read four bytes at a time. */
  words: DataView = new DataView(this.bytes.buffer);
  length = 0;
  /** End of what stands before the first key: `get`, `gat 100`. */
  prefixEnd = 0;
  keyCount = 0;
  keyStart: Int32Array;
  keyEnd: Int32Array;
  /** The next key of the same call, or -1. */
  keyNext: Int32Array;
  /** Where the blocks of keys lie that are kept of the answer; counted from where the kept ones begin. */
  blockStarts: Int32Array;
  blockEnds: Int32Array;
  /** What became of each key: 0 as long as nothing did. */
  protected keyState: Uint8Array;
  /** Keys that the line in `bytes` has: those of this request, or more where it has only some keys of another one. */
  lineKeys = 0;
  /** The key is in base64, and is to be placed by what that stands for. */
  hasBase64Key = false;
  protected readonly budget: BufferBudget;

  /** What the arrays of keys belong to: the record's own, or a larger one that is lent. */
  #keys: KeyTable;
  #ownKeys: KeyTable;
  #charged = 0;
  #ownBytes: Uint8Array | null = null;
  #ownWords: DataView | null = null;

  /** @param budget what is made larger than a record keeps is charged there */
  constructor(budget: BufferBudget) {
    this.budget = budget;
    const keys = new KeyTable(KEYS_FIRST);
    this.#ownKeys = this.#keys = keys;
    this.keyStart = keys.start;
    this.keyEnd = keys.end;
    this.keyNext = keys.next;
    this.blockStarts = keys.blockStart;
    this.blockEnds = keys.blockEnd;
    this.keyState = keys.state;
  }

  /** A new request: nothing of it is there yet. */
  protected beginBytes(verb: number): void {
    this.verb = verb;
    this.length = 0;
    this.prefixEnd = 0;
    this.keyCount = 0;
    this.lineKeys = 0;
    this.hasBase64Key = false;
  }

  /** Gives memory back. */
  protected endBytes(): void {
    if (this.#ownBytes !== null) this.bytes = this.#ownBytes;
    if (this.#ownWords !== null) this.words = this.#ownWords;
    this.#ownBytes = null;
    this.#ownWords = null;
    this.budget.used -= this.#charged;
    this.#charged = 0;
    if (this.bytes.length > KEPT_BYTES_MAX) this.#useBytes(new Uint8Array(BYTES_FIRST));
    if (this.#keys !== this.#ownKeys) {
      this.budget.memory.keyTables.give(this.#keys);
      this.#useKeys(this.#ownKeys);
    }
  }

  /**
   * Makes room for `count` more bytes of the request.
   *
   * @param lengthMax what it will need in all, where that is known: room is made in growing steps, but not for more than this
   * @returns false when the thread's buffers are used up
   */
  reserve(count: number, lengthMax: number = Number.POSITIVE_INFINITY): boolean {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return true;
    const size = Math.max(needed, Math.min(this.bytes.length * 2, lengthMax));
    const charged = chargeGrowth(this.budget, this, this.bytes.length, size);
    if (charged < 0) return false;
    this.#charged += charged;
    const grown = new Uint8Array(size);
    grown.set(this.bytes.subarray(0, this.length));
    this.#useBytes(grown);
    return true;
  }

  #useBytes(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes = bytes;
    this.words = new DataView(bytes.buffer);
  }

  /** Appends bytes of the request; room must have been reserved. */
  append(source: Uint8Array, from: number, to: number): void {
    const { bytes } = this;
    let at = this.length;
    if (to - from < 64) for (let i = from; i < to; i++) bytes[at++] = source[i]!;
    else {
      bytes.set(source.subarray(from, to), at);
      at += to - from;
    }
    this.length = at;
  }

  /** Says that bytes [start, end) of the request are its next key. */
  addKey(start: number, end: number): void {
    const key = this.keyCount;
    if (key === this.keyStart.length) this.#growKeys();
    this.keyStart[key] = start;
    this.keyEnd[key] = end;
    this.keyNext[key] = -1;
    if (key > 0) this.keyNext[key - 1] = key;
    this.keyState[key] = 0;
    this.keyCount = key + 1;
    this.lineKeys = key + 1;
  }

  /**
   * Makes this one ask for the same as another one, or for some of its keys, with the bytes of that one: they are not copied. The lender must
   * not be released before this one is.
   *
   * @param firstKey the first of the lender's keys, the others by its `keyNext`
   * @param selector which of them; null: all
   */
  protected borrowBytes(lender: WireRequest, firstKey: number, selector: KeySelector | null): void {
    this.#ownBytes = this.bytes;
    this.#ownWords = this.words;
    this.bytes = lender.bytes;
    this.words = lender.words;
    this.length = lender.length;
    this.prefixEnd = lender.prefixEnd;
    for (let key = firstKey; key >= 0; key = lender.keyNext[key]!)
      if (selector === null || selector.wants(lender, key))
        this.addKey(lender.keyStart[key]!, lender.keyEnd[key]!);
    this.lineKeys = lender.lineKeys;
    this.hasBase64Key = lender.hasBase64Key;
  }

  /** Whether key number `key` consists of bytes [start, end) of `source`. */
  keyIs(key: number, source: Uint8Array, start: number, end: number): boolean {
    const { bytes } = this;
    let at = this.keyStart[key]!;
    if (this.keyEnd[key]! - at !== end - start) return false;
    for (let i = start; i < end; i++, at++) if (bytes[at] !== source[i]) return false;
    return true;
  }

  #growKeys(): void {
    const before = this.#keys;
    const isOwn = before.size * 2 <= OWN_KEYS_MAX;
    const { keyTables } = this.budget.memory;
    const keys = isOwn ? new KeyTable(before.size * 2) : keyTables.takeBeyond(before.size);
    keys.copy(before);
    if (isOwn) this.#ownKeys = keys;
    else if (before !== this.#ownKeys) keyTables.give(before);
    this.#useKeys(keys);
  }

  #useKeys(keys: KeyTable): void {
    this.#keys = keys;
    this.keyStart = keys.start;
    this.keyEnd = keys.end;
    this.keyNext = keys.next;
    this.blockStarts = keys.blockStart;
    this.blockEnds = keys.blockEnd;
    this.keyState = keys.state;
  }
}

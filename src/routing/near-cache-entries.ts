import { MetaValue } from './meta-get.ts';

const SPACE = 32;
const CR = 13;
const LF = 10;

const NOTHING = -1;

/** Room in a block beside key, flags and value: `VALUE `, the number of bytes, spaces and line ends. */
const BLOCK_ROOM = 32;

const WORD_VALUE = Uint8Array.from('VALUE ', (character) => character.charCodeAt(0));

/**
 * Copies of values, in one piece of memory that is used round and round: a new copy is put behind the last one, and the oldest ones make room. As all
 * live equally long, the oldest is also the one that is over first.
 *
 * A copy is a block as a `get` is answered with, `VALUE KEY FLAGS BYTES`, the value, CR LF, and, where it is known, the cas id behind it.
 * Finding, reading and dropping one allocates nothing.
 */
export class NearCacheEntries {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Copies that are there, and their bytes. */
  items = 0;
  usedBytes = 0;
  readonly #itemsMax: number;
  /** By slot; slots are used in turn, from `tail` on. */
  readonly #hash: Int32Array;
  readonly #stamp: Int32Array;
  readonly #start: Int32Array;
  readonly #blockEnd: Int32Array;
  readonly #casEnd: Int32Array;
  readonly #dueMs: Float64Array;
  readonly #isMeta: Uint8Array;
  /** 0: it was dropped, and only waits for its turn to make room. */
  readonly #isAlive: Uint8Array;
  /** Slots whose hashes have the same place are linked. */
  readonly #next: Int32Array;
  readonly #first: Int32Array;
  readonly #mask: number;
  #tail = 0;
  /** Slots in use, dropped ones included. */
  #count = 0;
  /** Where the next copy begins. */
  #head = 0;
  readonly #value = new MetaValue();

  /** @param bytesMax memory for copies, taken as it is needed first */
  constructor(itemsMax: number, bytesMax: number) {
    this.bytes = new Uint8Array(bytesMax);
    this.#itemsMax = itemsMax;
    this.#hash = new Int32Array(itemsMax);
    this.#stamp = new Int32Array(itemsMax);
    this.#start = new Int32Array(itemsMax);
    this.#blockEnd = new Int32Array(itemsMax);
    this.#casEnd = new Int32Array(itemsMax);
    this.#dueMs = new Float64Array(itemsMax);
    this.#isMeta = new Uint8Array(itemsMax);
    this.#isAlive = new Uint8Array(itemsMax);
    this.#next = new Int32Array(itemsMax);
    let places = 16;
    while (places < 2 * itemsMax) places *= 2;
    this.#first = new Int32Array(places).fill(NOTHING);
    this.#mask = places - 1;
  }

  /** The slot of the copy for a key, bytes [start, end) of `source`, or -1. */
  find(hash: number, source: Uint8Array, start: number, end: number): number {
    const signed = hash | 0;
    for (let slot = this.#first[hash & this.#mask]!; slot >= 0; slot = this.#next[slot]!)
      if (this.#hash[slot] === signed && this.#keyIs(slot, source, start, end)) return slot;
    return NOTHING;
  }

  #keyIs(slot: number, source: Uint8Array, start: number, end: number): boolean {
    const { bytes } = this;
    let at = this.#start[slot]! + WORD_VALUE.length;
    for (let i = start; i < end; i++, at++) if (bytes[at] !== source[i]) return false;
    return bytes[at] === SPACE;
  }

  /** See WriteGenerations; as it was when the value was asked for. */
  stamp(slot: number): number {
    return this.#stamp[slot]!;
  }

  dueMs(slot: number): number {
    return this.#dueMs[slot]!;
  }

  blockStart(slot: number): number {
    return this.#start[slot]!;
  }

  blockEnd(slot: number): number {
    return this.#blockEnd[slot]!;
  }

  /** End of the cas id that begins at `blockEnd`; the same where it is not known. */
  casEnd(slot: number): number {
    return this.#casEnd[slot]!;
  }

  /** The copy comes from an answer to `mg`, which would have said so if the item were stale. */
  isMeta(slot: number): boolean {
    return this.#isMeta[slot] === 1;
  }

  /** Takes a copy out. */
  drop(slot: number): void {
    if (this.#isAlive[slot] === 0) return;
    this.#isAlive[slot] = 0;
    this.items--;
    this.usedBytes -= this.#casEnd[slot]! - this.#start[slot]!;
    const place = this.#hash[slot]! & this.#mask;
    if (this.#first[place] === slot) {
      this.#first[place] = this.#next[slot]!;
      return;
    }
    for (let before = this.#first[place]!; before >= 0; before = this.#next[before]!)
      if (this.#next[before] === slot) {
        this.#next[before] = this.#next[slot]!;
        return;
      }
  }

  /** The copy that makes room next, or -1 when that costs none. Call `makeRoom` for it to do so. */
  get victim(): number {
    return this.#count > 0 && this.#isAlive[this.#tail] === 1 ? this.#tail : NOTHING;
  }

  hashOf(slot: number): number {
    return this.#hash[slot]! >>> 0;
  }

  /** Gives up the oldest slot. */
  makeRoom(): void {
    if (this.#count === 0) return;
    this.drop(this.#tail);
    this.#tail = (this.#tail + 1) % this.#itemsMax;
    this.#count--;
  }

  /** Whether a copy of so many bytes can be put now; if not, and it is no more than there is, `makeRoom` and ask again. */
  hasRoom(byteCount: number): boolean {
    if (this.#count === 0) {
      this.#head = 0;
      return byteCount <= this.bytes.length;
    }
    if (this.#count === this.#itemsMax) return false;
    const oldest = this.#start[this.#tail]!;
    // Where the two are equal, all of it is in use: of what is empty there was none left above.
    if (this.#head > oldest) {
      if (this.bytes.length - this.#head >= byteCount) return true;
      if (oldest < byteCount) return false;
      this.#head = 0;
      return true;
    }
    return oldest - this.#head >= byteCount;
  }

  /** Puts a block as it stands, bytes [from, to) of `source`. `hasRoom` was asked for its length. */
  putBlock(hash: number, stamp: number, dueMs: number, source: Uint8Array, from: number, to: number): void {
    const start = this.#head;
    this.#copy(source, from, to);
    this.#add(hash, stamp, dueMs, start, this.#head, false);
  }

  /** How much room a value of `mg` needs: bytes [from, to) of `source`. @returns -1 when it is none, or not a whole one */
  metaBytes(source: Uint8Array, from: number, to: number, keyBytes: number): number {
    const value = this.#value;
    if (!value.read(source, from, to) || value.flagsEnd === value.flagsStart) return -1;
    return to - from + keyBytes + BLOCK_ROOM;
  }

  /** Puts the value that `metaBytes` was asked for last, and for whose length there is room. @param key bytes [keyStart, keyEnd) */
  putMeta(
    hash: number,
    stamp: number,
    dueMs: number,
    source: Uint8Array,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
  ): void {
    const start = this.#head;
    const { flagsStart, flagsEnd, casStart, casEnd, valueStart, valueEnd } = this.#value;
    this.#copy(WORD_VALUE, 0, WORD_VALUE.length);
    this.#copy(key, keyStart, keyEnd);
    this.bytes[this.#head++] = SPACE;
    this.#copy(source, flagsStart, flagsEnd);
    this.bytes[this.#head++] = SPACE;
    this.#number(valueEnd - valueStart);
    this.bytes[this.#head++] = CR;
    this.bytes[this.#head++] = LF;
    this.#copy(source, valueStart, valueEnd + 2);
    const end = this.#head;
    this.#copy(source, casStart, casEnd);
    this.#add(hash, stamp, dueMs, start, end, true);
  }

  #copy(source: Uint8Array, from: number, to: number): void {
    this.bytes.set(source.subarray(from, to), this.#head);
    this.#head += to - from;
  }

  #number(number: number): void {
    let digits = 1;
    for (let rest = number; rest >= 10; rest = Math.trunc(rest / 10)) digits++;
    let rest = number;
    for (let at = this.#head + digits - 1; at >= this.#head; at--) {
      this.bytes[at] = 48 + (rest % 10);
      rest = Math.trunc(rest / 10);
    }
    this.#head += digits;
  }

  #add(hash: number, stamp: number, dueMs: number, start: number, blockEnd: number, isMeta: boolean): void {
    const slot = (this.#tail + this.#count) % this.#itemsMax;
    this.#count++;
    this.#hash[slot] = hash;
    this.#stamp[slot] = stamp;
    this.#start[slot] = start;
    this.#blockEnd[slot] = blockEnd;
    this.#casEnd[slot] = this.#head;
    this.#dueMs[slot] = dueMs;
    this.#isMeta[slot] = isMeta ? 1 : 0;
    this.#isAlive[slot] = 1;
    const place = hash & this.#mask;
    this.#next[slot] = this.#first[place]!;
    this.#first[place] = slot;
    this.items++;
    this.usedBytes += this.#head - start;
  }
}

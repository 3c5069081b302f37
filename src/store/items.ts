import type { Geometry } from './geometry.ts';
import type { ItemView } from './item-view.ts';
import {
  ARENA_SHIFT,
  EXPLICIT_CAS_BYTES,
  EXTRA_BYTES,
  EXTRAS,
  HEADER,
  HEADER_BYTES,
  LENGTH_MASK,
  MARKS,
  memcachedItemBytes,
  STATE,
  UNIT_MASK,
  VERSION_DOUBLE,
} from './layout.ts';
import { copyBytes, type Memory } from './memory.ts';
import { CAS_WIDE } from './results.ts';
import type { SlabClasses } from './slab-classes.ts';

const {
  hash: HASH,
  exptime: EXPTIME,
  lastAccess: LAST_ACCESS,
  length: LENGTH,
  kind: KIND,
  extra: EXTRA,
} = HEADER;
const { next: NEXT, heldBytes: HELD_BYTES } = HEADER;

/** Reads and writes the fields, key and value of items. It knows no locks: callers hold what the field needs. */
export class Items {
  readonly memory: Memory;
  readonly classes: SlabClasses;
  readonly geometry: Geometry;
  /** The explicit cas id, high and low half, that `initialize` gives to an item which has room for one. */
  readonly newCas: Uint32Array = new Uint32Array(2);
  /** The cas id beyond 2^53 that CAS_WIDE stands for. */
  readonly wideCas: Uint32Array = new Uint32Array(2);

  constructor(memory: Memory) {
    this.memory = memory;
    this.geometry = memory.geometry;
    this.classes = memory.geometry.classes;
  }

  hash(item: number): number {
    return this.memory.words[item >>> ARENA_SHIFT]![((item & UNIT_MASK) << 1) + HASH]!;
  }

  next(item: number): number {
    return this.memory.words[item >>> ARENA_SHIFT]![((item & UNIT_MASK) << 1) + NEXT]!;
  }

  kind(item: number): number {
    return this.memory.words[item >>> ARENA_SHIFT]![((item & UNIT_MASK) << 1) + KIND]!;
  }

  setKind(item: number, kind: number): void {
    this.memory.words[item >>> ARENA_SHIFT]![((item & UNIT_MASK) << 1) + KIND] = kind;
  }

  slabClass(item: number): number {
    return (this.kind(item) >>> 8) & 0xff;
  }

  keyBytes(item: number): number {
    return this.kind(item) & 0xff;
  }

  exptime(item: number): number {
    return this.memory.words[item >>> ARENA_SHIFT]![((item & UNIT_MASK) << 1) + EXPTIME]! >>> 0;
  }

  setExptime(item: number, exptime: number): void {
    this.memory.words[item >>> ARENA_SHIFT]![((item & UNIT_MASK) << 1) + EXPTIME] = exptime;
  }

  lastAccess(item: number): number {
    return this.memory.words[item >>> ARENA_SHIFT]![((item & UNIT_MASK) << 1) + LAST_ACCESS]! >>> 0;
  }

  setLastAccess(item: number, seconds: number): void {
    this.memory.words[item >>> ARENA_SHIFT]![((item & UNIT_MASK) << 1) + LAST_ACCESS] = seconds;
  }

  valueBytes(item: number): number {
    return this.memory.words[item >>> ARENA_SHIFT]![((item & UNIT_MASK) << 1) + LENGTH]! & LENGTH_MASK;
  }

  frequency(item: number): number {
    return this.memory.words[item >>> ARENA_SHIFT]![((item & UNIT_MASK) << 1) + LENGTH]! >>> 30;
  }

  setFrequency(item: number, frequency: number): void {
    const words = this.memory.words[item >>> ARENA_SHIFT]!;
    const word = ((item & UNIT_MASK) << 1) + LENGTH;
    words[word] = (words[word]! & LENGTH_MASK) | (frequency << 30);
  }

  /** Sets the length and keeps the frequency. */
  setValueBytes(item: number, bytes: number): void {
    const words = this.memory.words[item >>> ARENA_SHIFT]!;
    const word = ((item & UNIT_MASK) << 1) + LENGTH;
    words[word] = (words[word]! & ~LENGTH_MASK) | bytes;
  }

  version(item: number): number {
    return this.memory.doubles[item >>> ARENA_SHIFT]![(item & UNIT_MASK) + VERSION_DOUBLE]!;
  }

  setVersion(item: number, version: number): void {
    this.memory.doubles[item >>> ARENA_SHIFT]![(item & UNIT_MASK) + VERSION_DOUBLE] = version;
  }

  clientFlags(item: number): number {
    const words = this.memory.words[item >>> ARENA_SHIFT]!;
    const word = (item & UNIT_MASK) << 1;
    return (words[word + KIND]! & STATE.hasFlags) === 0 ? 0 : words[word + EXTRA]! >>> 0;
  }

  /** Reads what a reply needs. */
  look(item: number, view: ItemView): void {
    const arena = item >>> ARENA_SHIFT;
    const words = this.memory.words[arena]!;
    const word = (item & UNIT_MASK) << 1;
    const kind = words[word + KIND]!;
    let start = (word << 2) + HEADER_BYTES + (kind & 0xff);
    view.clientFlags = 0;
    if ((kind & EXTRAS) !== 0) {
      if ((kind & STATE.hasFlags) !== 0) view.clientFlags = words[word + EXTRA]! >>> 0;
      start += extraBytes(kind);
    }
    view.marks = kind & MARKS;
    view.isChained = (kind & STATE.chained) !== 0;
    view.bytes = this.memory.bytes[arena]!;
    view.valueStart = start;
    view.valueBytes = words[word + LENGTH]! & LENGTH_MASK;
  }

  memcachedBytes(item: number): number {
    const kind = this.kind(item);
    const hasFlags = (kind & STATE.hasFlags) !== 0;
    return memcachedItemBytes(kind & 0xff, hasFlags, this.valueBytes(item), this.geometry.casBytes);
  }

  /** Byte of the key within its arena. */
  keyStart(item: number): number {
    const kind = this.kind(item);
    const start = ((item & UNIT_MASK) << 3) + HEADER_BYTES;
    return (kind & EXTRAS) === 0 ? start : start + extraBytes(kind);
  }

  /** Byte of the value (of a chained item: of its first part) within its arena. */
  valueStart(item: number): number {
    return this.keyStart(item) + this.keyBytes(item);
  }

  /** Whether the item's key is the one at [start, start + keyBytes) of `input`; the lengths are known to be equal. */
  keyEquals(item: number, input: Uint8Array, start: number, keyBytes: number): boolean {
    const bytes = this.memory.bytes[item >>> ARENA_SHIFT]!;
    const at = this.keyStart(item);
    for (let i = 0; i < keyBytes; i++) if (bytes[at + i] !== input[start + i]) return false;
    return true;
  }

  /** Bytes of memory that an item in one chunk takes. @param marks STATE bits, of which `explicitCas` needs room */
  chunkBytesFor(keyBytes: number, flags: number, valueBytes: number, marks = 0): number {
    const fixed = (marks & STATE.explicitCas) === 0 ? HEADER_BYTES : HEADER_BYTES + EXPLICIT_CAS_BYTES;
    return fixed + (flags === 0 ? 0 : EXTRA_BYTES) + keyBytes + valueBytes;
  }

  /** Upper 32 bits, unsigned, of the cas id that clients see. */
  casHigh(item: number): number {
    if ((this.kind(item) & STATE.explicitCas) === 0) return Math.floor(this.version(item) / 4294967296);
    return this.memory.words[item >>> ARENA_SHIFT]![this.#casWord(item, this.kind(item))]! >>> 0;
  }

  /** The lower 32 bits. */
  casLow(item: number): number {
    if ((this.kind(item) & STATE.explicitCas) === 0) return this.version(item) >>> 0;
    return this.memory.words[item >>> ARENA_SHIFT]![this.#casWord(item, this.kind(item)) + 1]! >>> 0;
  }

  /** Sets the cas id of an item that has room for an explicit one. */
  setCas(item: number, high: number, low: number): void {
    const words = this.memory.words[item >>> ARENA_SHIFT]!;
    const word = this.#casWord(item, this.kind(item));
    words[word] = high;
    words[word + 1] = low;
  }

  /** The item has a new version, which is its cas id from now on, whatever it had before. */
  dropExplicitCas(item: number): void {
    if ((this.kind(item) & STATE.explicitCas) === 0) return;
    const version = this.version(item);
    this.setCas(item, Math.floor(version / 4294967296), version >>> 0);
  }

  /** Whether the item's cas id is `cas`, or, for CAS_WIDE, the one in `wideCas`. */
  casEquals(item: number, cas: number): boolean {
    if ((this.kind(item) & STATE.explicitCas) === 0) return this.version(item) === cas;
    return this.#compareCas(item, cas) === 0;
  }

  /** Whether `cas`, or, for CAS_WIDE, the one in `wideCas`, is lower than the item's cas id. */
  casIsOlder(item: number, cas: number): boolean {
    return this.#compareCas(item, cas) < 0;
  }

  #compareCas(item: number, cas: number): number {
    const high = cas === CAS_WIDE ? this.wideCas[0]! : Math.floor(cas / 4294967296);
    const low = cas === CAS_WIDE ? this.wideCas[1]! : cas >>> 0;
    const byHigh = high - this.casHigh(item);
    return byHigh === 0 ? low - this.casLow(item) : byHigh;
  }

  /**
   * Writes a fresh item's header and key: not linked, frequency 0, version 0.
   *
   * @param state STATE bits; with `explicitCas` the cas id in `newCas` is written, too
   */
  initialize(
    item: number,
    slabClass: number,
    state: number,
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    flags: number,
    exptime: number,
    valueBytes: number,
    nowSeconds: number,
  ): void {
    const arena = item >>> ARENA_SHIFT;
    const words = this.memory.words[arena]!;
    const word = (item & UNIT_MASK) << 1;
    words[word + HASH] = hash;
    words[word + EXPTIME] = exptime;
    words[word + LAST_ACCESS] = nowSeconds;
    words[word + LENGTH] = valueBytes;
    let at = ((item & UNIT_MASK) << 3) + HEADER_BYTES;
    let kind = (keyEnd - keyStart) | (slabClass << 8) | state;
    if (flags !== 0) {
      kind |= STATE.hasFlags;
      words[word + EXTRA] = flags;
      at += EXTRA_BYTES;
    }
    if ((state & STATE.chained) !== 0) {
      words[this.#chainWord(item, kind)] = 0;
      at += EXTRA_BYTES;
    }
    if ((state & STATE.explicitCas) !== 0) {
      const cas = this.#casWord(item, kind);
      words[cas] = this.newCas[0]!;
      words[cas + 1] = this.newCas[1]!;
      at += EXPLICIT_CAS_BYTES;
    }
    words[word + KIND] = kind;
    this.setVersion(item, 0);
    copyBytes(this.memory.bytes[arena]!, at, input, keyStart, keyEnd);
  }

  /** First continuation of a chained item. */
  chain(item: number): number {
    return this.memory.words[item >>> ARENA_SHIFT]![this.#chainWord(item, this.kind(item))]!;
  }

  setChain(item: number, continuation: number): void {
    this.memory.words[item >>> ARENA_SHIFT]![this.#chainWord(item, this.kind(item))] = continuation;
  }

  /** Bytes of value in the first chunk of a chained item. */
  firstPartBytes(item: number): number {
    return this.classes.chunkBytesMax - (this.valueStart(item) - ((item & UNIT_MASK) << 3));
  }

  heldBytes(continuation: number): number {
    return this.memory.words[continuation >>> ARENA_SHIFT]![((continuation & UNIT_MASK) << 1) + HELD_BYTES]!;
  }

  /** Writes bytes [start, end) of `input` into the value from `offset` on; they are within its length. */
  fill(item: number, offset: number, input: Uint8Array, start: number, end: number): void {
    if ((this.kind(item) & STATE.chained) === 0) {
      copyBytes(this.memory.bytes[item >>> ARENA_SHIFT]!, this.valueStart(item) + offset, input, start, end);
      return;
    }
    // Where the present part lies, and which bytes of the value it holds.
    let part = item;
    let at = this.valueStart(item);
    let partStart = 0;
    let partEnd = this.firstPartBytes(item);
    let next = this.chain(item);
    for (;;) {
      if (offset < partEnd) {
        const count = Math.min(end - start, partEnd - offset);
        copyBytes(
          this.memory.bytes[part >>> ARENA_SHIFT]!,
          at + offset - partStart,
          input,
          start,
          start + count,
        );
        start += count;
        offset += count;
      }
      if (start === end) return;
      part = next;
      at = ((part & UNIT_MASK) << 3) + HEADER_BYTES;
      partStart = partEnd;
      partEnd += this.heldBytes(part);
      next = this.next(part);
    }
  }

  copyKey(item: number, target: Uint8Array, at: number): void {
    const start = this.keyStart(item);
    copyBytes(target, at, this.memory.bytes[item >>> ARENA_SHIFT]!, start, start + this.keyBytes(item));
  }

  /** Copies the key and the whole value, which stands behind it. */
  copyKeyAndValue(item: number, target: Uint8Array, at: number): void {
    const keyBytes = this.keyBytes(item);
    if ((this.kind(item) & STATE.chained) !== 0) {
      this.copyKey(item, target, at);
      this.copyValue(item, target, at + keyBytes);
      return;
    }
    const start = this.keyStart(item);
    const end = start + keyBytes + this.valueBytes(item);
    copyBytes(target, at, this.memory.bytes[item >>> ARENA_SHIFT]!, start, end);
  }

  /** Copies the whole value to `at` in `target`. */
  copyValue(item: number, target: Uint8Array, at: number): void {
    const start = this.valueStart(item);
    const bytes = this.memory.bytes[item >>> ARENA_SHIFT]!;
    if ((this.kind(item) & STATE.chained) === 0) {
      copyBytes(target, at, bytes, start, start + this.valueBytes(item));
      return;
    }
    const first = this.firstPartBytes(item);
    copyBytes(target, at, bytes, start, start + first);
    at += first;
    for (let part = this.chain(item); part !== 0; part = this.next(part)) {
      const from = ((part & UNIT_MASK) << 3) + HEADER_BYTES;
      const held = this.heldBytes(part);
      copyBytes(target, at, this.memory.bytes[part >>> ARENA_SHIFT]!, from, from + held);
      at += held;
    }
  }

  /** Copies the whole value of `source` into the value of `target` from `offset` on. */
  fillFrom(target: number, offset: number, source: number): void {
    const start = this.valueStart(source);
    const bytes = this.memory.bytes[source >>> ARENA_SHIFT]!;
    if ((this.kind(source) & STATE.chained) === 0) {
      this.fill(target, offset, bytes, start, start + this.valueBytes(source));
      return;
    }
    const first = this.firstPartBytes(source);
    this.fill(target, offset, bytes, start, start + first);
    offset += first;
    for (let part = this.chain(source); part !== 0; part = this.next(part)) {
      const from = ((part & UNIT_MASK) << 3) + HEADER_BYTES;
      const held = this.heldBytes(part);
      this.fill(target, offset, this.memory.bytes[part >>> ARENA_SHIFT]!, from, from + held);
      offset += held;
    }
  }

  #chainWord(item: number, kind: number): number {
    return ((item & UNIT_MASK) << 1) + EXTRA + ((kind & STATE.hasFlags) === 0 ? 0 : 1);
  }

  /** Two words, because it is not aligned for one of 64 bits. */
  #casWord(item: number, kind: number): number {
    return this.#chainWord(item, kind) + ((kind & STATE.chained) === 0 ? 0 : 1);
  }
}

/** Bytes between the header and the key of an item of this kind. */
export function extraBytes(kind: number): number {
  let bytes = (kind & STATE.hasFlags) === 0 ? 0 : EXTRA_BYTES;
  if ((kind & STATE.chained) !== 0) bytes += EXTRA_BYTES;
  return (kind & STATE.explicitCas) === 0 ? bytes : bytes + EXPLICIT_CAS_BYTES;
}

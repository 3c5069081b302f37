import type { Allocator } from './allocator.ts';
import { COUNTER, type Counters } from './counters.ts';
import type { Inventory } from './inventory.ts';
import type { Items } from './items.ts';
import {
  ARENA_SHIFT,
  EXTRA_BYTES,
  FREQUENCY_SHIFT,
  HEADER,
  HEADER_BYTES,
  LENGTH_MASK,
  MARKS,
  STATE,
  UNIT_MASK,
  VERSION_DOUBLE,
} from './layout.ts';
import type { Lifetime } from './lifetime.ts';
import type { MaintenanceSettings } from './maintenance-settings.ts';
import { copyBytes } from './memory.ts';

const { exptime: EXPTIME, lastAccess: LAST_ACCESS, length: LENGTH, kind: KIND, extra: EXTRA } = HEADER;

/** What of an item's kind outlives its value. */
const KEPT = ~(STATE.fetched | STATE.touched | MARKS);

/**
 * Puts a value under a key, with the key's stripe locked: over the item that is there, when the new one belongs in a chunk of the same
 * class, else in a new chunk. Overwriting is what most sets are: no allocation, no queue, no lock but the stripe. It is safe because readers
 * copy values out under the stripe lock, so nobody can still be reading what is overwritten.
 */
export class Writer {
  readonly #items: Items;
  readonly #allocator: Allocator;
  readonly #inventory: Inventory;
  readonly #lifetime: Lifetime;
  readonly #settings: MaintenanceSettings;
  readonly #counters: Counters;
  /** [0]: the version to write; see VersionClock.hand. */
  readonly #hand: Float64Array;

  constructor(
    items: Items,
    allocator: Allocator,
    inventory: Inventory,
    lifetime: Lifetime,
    settings: MaintenanceSettings,
    counters: Counters,
    hand: Float64Array,
  ) {
    this.#hand = hand;
    this.#items = items;
    this.#allocator = allocator;
    this.#inventory = inventory;
    this.#lifetime = lifetime;
    this.#settings = settings;
    this.#counters = counters;
  }

  /** The slab class of an item; the largest for one that is a chain of chunks. */
  slabClass(keyBytes: number, flags: number, valueBytes: number, marks = 0): number {
    const bytes = this.#items.chunkBytesFor(keyBytes, flags, valueBytes, marks);
    const { classes } = this.#items;
    return bytes > classes.chunkBytesMax ? classes.largest : classes.classOf(bytes);
  }

  /**
   * Whether an item of this key with such flags and value can be written where `entry` lies.
   *
   * @param entry what is under the key, 0 if nothing
   */
  fits(entry: number, keyBytes: number, flags: number, valueBytes: number): boolean {
    if (entry === 0) return false;
    const kind = this.#items.kind(entry);
    if ((kind & (STATE.chained | STATE.tombstone | STATE.explicitCas)) !== 0) return false;
    const bytes = this.#items.chunkBytesFor(keyBytes, flags, valueBytes);
    const { classes } = this.#items;
    return bytes <= classes.chunkBytesMax && classes.classOf(bytes) === ((kind >>> 8) & 0xff);
  }

  /**
   * Writes an item with the value [valueStart, valueEnd) of `input` and the version in hand.
   *
   * @param entry what is under the key now, 0 if nothing; replaced
   * @param marks STATE bits of MARKS for the new item
   * @returns false when there is no memory; `entry` is still there then
   */
  put(
    entry: number,
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    flags: number,
    exptime: number,
    valueStart: number,
    valueEnd: number,
    marks = 0,
  ): boolean {
    if (
      (marks & STATE.explicitCas) === 0 &&
      this.fits(entry, keyEnd - keyStart, flags, valueEnd - valueStart) &&
      (!this.#settings.hasTemporary || this.#staysInQueue(entry, exptime))
    ) {
      this.#overwrite(entry, input, keyStart, keyEnd, flags, exptime, valueStart, valueEnd, marks);
      return true;
    }
    const item = this.#allocator.allocate(
      input,
      keyStart,
      keyEnd,
      hash,
      flags,
      exptime,
      valueEnd - valueStart,
      this.#lifetime.nowSeconds,
      marks,
    );
    if (item === 0) return false;
    this.#items.fill(item, 0, input, valueStart, valueEnd);
    this.#items.setVersion(item, this.#hand[0]!);
    this.#inventory.enter(item, hash, entry);
    return true;
  }

  /** Whether an item that is to end then is in the right queue where it lies. */
  #staysInQueue(entry: number, exptime: number): boolean {
    const isTemporary = (this.#items.kind(entry) & STATE.temporary) !== 0;
    return isTemporary === this.#inventory.isTemporary(exptime);
  }

  #overwrite(
    item: number,
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    flags: number,
    exptime: number,
    valueStart: number,
    valueEnd: number,
    marks: number,
  ): void {
    const { memory } = this.#items;
    const arena = item >>> ARENA_SHIFT;
    const unit = item & UNIT_MASK;
    const words = memory.words[arena]!;
    const bytes = memory.bytes[arena]!;
    const word = unit << 1;
    const kind = words[word + KIND]!;
    const length = words[word + LENGTH]!;
    const valueBytes = valueEnd - valueStart;
    // A write is a sign of interest like a read, and a new value has not been read yet.
    const frequency = Math.min(3, (length >>> FREQUENCY_SHIFT) + 1);
    words[word + LENGTH] = (frequency << FREQUENCY_SHIFT) | valueBytes;
    words[word + EXPTIME] = exptime;
    this.#lifetime.noteEnd(exptime);
    words[word + LAST_ACCESS] = this.#lifetime.nowSeconds;
    let at = (unit << 3) + HEADER_BYTES;
    let grown = valueBytes - (length & LENGTH_MASK);
    const hadFlags = (kind & STATE.hasFlags) !== 0;
    if (flags !== 0) {
      words[word + EXTRA] = flags;
      at += EXTRA_BYTES;
    }
    if (hadFlags === (flags !== 0)) {
      words[word + KIND] = (kind & KEPT) | marks;
    } else {
      words[word + KIND] = ((kind & KEPT) ^ STATE.hasFlags) | marks;
      copyBytes(bytes, at, input, keyStart, keyEnd);
      grown += hadFlags ? -EXTRA_BYTES : EXTRA_BYTES;
    }
    copyBytes(bytes, at + keyEnd - keyStart, input, valueStart, valueEnd);
    memory.doubles[arena]![unit + VERSION_DOUBLE] = this.#hand[0]!;
    if (grown !== 0) this.#inventory.resized((kind >>> 8) & 0xff, grown);
    this.#counters.general[COUNTER.totalItems]!++;
  }
}

/**
 * What repcached 2.3.1 says over its link: memcached's text lines, with `rep` for an item as it is now.
 *
 *     rep <key> <flags> <exptime> <bytes> <cas>\r\n<data>\r\n      exptime absolute, 0 never; cas as 32 bits
 *     delete <key>\r\n
 *     flush_all \r\n    flush_all <unix seconds>\r\n
 *     marugoto_end\r\n                                              the end of a full copy, from the one who listens
 *
 * Flags are written as unsigned numbers, though repcached writes the large ones as negative ones, which it does not understand itself.
 */
import type { Output } from '../base/output.ts';
import { writeDecimal } from '../base/uint64.ts';
import type { ItemRef } from '../store/cache.ts';
import { MARKS_SHIFT } from '../store/layout.ts';
import { SET_MARK } from './frames.ts';
import type { ItemWriter } from './item-writer.ts';
import type { LinkCache } from './store-port.ts';

const SPACE = 32;
const DELETE = 127;
const CR = 13;
const LF = 10;
/** `rep`, four numbers of at most ten digits, blanks and line ends. */
const ITEM_FIXED_BYTES = 64;
const DELETE_FIXED_BYTES = 16;

const REP = wordOf('rep ');
const DELETE_WORD = wordOf('delete ');

export const LEGACY_END = 'marugoto_end\r\n';

function wordOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export class LegacyWriter implements ItemWriter {
  readonly tellsTouches = false;
  /** Keys that no line can carry, because they hold blanks or control characters: whoever stored them used base64 or the binary protocol. */
  refusedKeys = 0;

  itemBytes(keyBytes: number, valueBytes: number): number {
    return ITEM_FIXED_BYTES + keyBytes + valueBytes;
  }

  deleteBytes(keyBytes: number): number {
    return DELETE_FIXED_BYTES + keyBytes;
  }

  touchBytes(keyBytes: number): number {
    return this.itemBytes(keyBytes, 0);
  }

  item(output: Output, cache: LinkCache, item: ItemRef, keyBytes: number, valueBytes: number): void {
    const { bytes } = output;
    const keyStart = put(bytes, output.at, REP);
    cache.copyKey(item, bytes, keyStart);
    let at = keyStart + keyBytes;
    if (!this.#isSendable(bytes, keyStart, at)) return;
    const hasCas = ((cache.meta.marks(item) >>> MARKS_SHIFT) & SET_MARK.explicitCas) !== 0;
    const cas = hasCas ? cache.meta.casLow(item) : cache.version(item);
    bytes[at] = SPACE;
    at = writeDecimal(bytes, at + 1, cache.clientFlags(item));
    bytes[at] = SPACE;
    at = writeDecimal(bytes, at + 1, cache.exptime(item));
    bytes[at] = SPACE;
    at = writeDecimal(bytes, at + 1, valueBytes);
    bytes[at] = SPACE;
    at = writeDecimal(bytes, at + 1, cas >>> 0);
    bytes[at] = CR;
    bytes[at + 1] = LF;
    cache.copyValue(item, bytes, at + 2);
    at += 2 + valueBytes;
    bytes[at] = CR;
    bytes[at + 1] = LF;
    output.at = at + 2;
  }

  tombstone(output: Output, cache: LinkCache, item: ItemRef, keyBytes: number): void {
    const { bytes } = output;
    const keyStart = put(bytes, output.at, DELETE_WORD);
    cache.copyKey(item, bytes, keyStart);
    this.#endDelete(output, keyStart, keyStart + keyBytes);
  }

  delete(output: Output, key: Uint8Array, keyBytes: number): void {
    output.reserve(this.deleteBytes(keyBytes));
    const { bytes } = output;
    const keyStart = put(bytes, output.at, DELETE_WORD);
    for (let i = 0; i < keyBytes; i++) bytes[keyStart + i] = key[i]!;
    this.#endDelete(output, keyStart, keyStart + keyBytes);
  }

  touch(): void {}

  win(): void {}

  flush(output: Output, threshold: number, activeAtSeconds: number, version: number): void {
    // That an order has come into force, which the other side knows by itself.
    if (activeAtSeconds === 0) return;
    // An order for later strikes at the beginning of the second before the one that it names, as memcached's does.
    output.text(threshold > version ? `flush_all ${activeAtSeconds + 1}\r\n` : 'flush_all \r\n');
  }

  #endDelete(output: Output, keyStart: number, keyEnd: number): void {
    const { bytes } = output;
    if (!this.#isSendable(bytes, keyStart, keyEnd)) return;
    bytes[keyEnd] = CR;
    bytes[keyEnd + 1] = LF;
    output.at = keyEnd + 2;
  }

  #isSendable(bytes: Uint8Array, start: number, end: number): boolean {
    for (let i = start; i < end; i++) {
      if (bytes[i]! > SPACE && bytes[i] !== DELETE) continue;
      this.refusedKeys++;
      return false;
    }
    return true;
  }
}

function put(bytes: Uint8Array, at: number, word: Uint8Array): number {
  for (let i = 0; i < word.length; i++) bytes[at + i] = word[i]!;
  return at + word.length;
}

import type { Output } from '../base/output.ts';
import { writeDecimal, writeUint64 } from '../base/uint64.ts';
import { type Cache, MARK } from '../store/cache.ts';
import { COUNTER } from '../store/counters.ts';
import { copyBytes } from '../store/memory.ts';
import { countOne } from './counting.ts';
import type { NodeContext } from './node-context.ts';
import type { PrefixStatistics } from './prefix-statistics.ts';

const LF = 10;
const CR = 13;
const SPACE = 32;
const ZERO = 48;

/** Room for everything of a VALUE block but the key and the data: the words, three numbers and the END that may follow. */
const VALUE_OVERHEAD_BYTES = 80;

/**
 * A value of at least so many bytes is sent from where it lies, where the transport can. Its key stays locked for the call to the kernel,
 * some microseconds, so other threads that want the key wait for that long.
 */
const LONG_VALUE_BYTES = 16 * 1024;

const CRLF = Uint8Array.of(CR, LF);
const CRLF_END = Uint8Array.of(CR, LF, 69, 78, 68, CR, LF);

/** `expiresAt` of a get, which leaves the expiry time alone. */
const UNTOUCHED = -1;

/** Answers the keys of get, gets, gat and gats, one VALUE block for each that is found. */
export class ValueReplies {
  readonly #cache: Cache;
  readonly #output: Output;
  readonly #context: NodeContext;
  readonly #prefixes: PrefixStatistics;

  constructor(context: NodeContext, output: Output) {
    this.#context = context;
    this.#cache = context.cache;
    this.#prefixes = context.prefixes;
    this.#output = output;
  }

  /**
   * get and gets of one key.
   *
   * @param isLast the answer to the line ends here
   */
  get(
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    withCas: boolean,
    isLast: boolean,
  ): void {
    countOne(this.#cache, COUNTER.cmdGet);
    const isHit = this.#answer(input, keyStart, keyEnd, hash, withCas, UNTOUCHED, isLast);
    if (!isHit) {
      countOne(this.#cache, COUNTER.getMisses);
      if (isLast) writeEnd(this.#output);
    }
    if (this.#prefixes.isOn) this.#prefixes.recordGet(input, keyStart, keyEnd, isHit);
  }

  /** gat and gats of one key. @param expiresAt unix seconds, 0 never */
  getAndTouch(
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    withCas: boolean,
    expiresAt: number,
  ): void {
    countOne(this.#cache, COUNTER.cmdTouch);
    const isHit = this.#answer(input, keyStart, keyEnd, hash, withCas, expiresAt, false);
    if (!isHit) countOne(this.#cache, COUNTER.touchMisses);
    if (this.#prefixes.isOn) this.#prefixes.recordGet(input, keyStart, keyEnd, isHit);
  }

  /**
   * Writes the VALUE block of one key, if there is one. The value is copied under the key's lock, so the room is made first: its
   * size is only known once the item is found, and may have changed when it is found again. A long value goes straight to the kernel.
   *
   * @returns whether there was one
   */
  #answer(
    input: Uint8Array,
    keyStart: number,
    keyEnd: number,
    hash: number,
    withCas: boolean,
    expiresAt: number,
    isLast: boolean,
  ): boolean {
    const cache = this.#cache;
    const { view } = cache;
    const output = this.#output;
    for (;;) {
      const item = cache.find(input, keyStart, keyEnd, hash);
      if (item === 0) return false;
      cache.look(item);
      const { valueBytes } = view;
      const isSentAlone = valueBytes >= LONG_VALUE_BYTES && !view.isChained && output.sendsLong;
      const need = (isSentAlone ? 0 : valueBytes) + keyEnd - keyStart + VALUE_OVERHEAD_BYTES;
      if (output.limit - output.at >= need) {
        this.#writeLine(input, keyStart, keyEnd, item, withCas);
        if (isSentAlone) {
          const { valueStart } = view;
          output.sendLong(view.bytes, valueStart, valueStart + valueBytes, isLast ? CRLF_END : CRLF);
        } else {
          this.#writeValue(item, isLast);
        }
        if (expiresAt === UNTOUCHED) cache.noteHit(item);
        else {
          cache.noteAccess(item);
          cache.touchItem(item, hash, expiresAt);
        }
        cache.release(hash);
        return true;
      }
      cache.release(hash);
      output.reserve(need);
    }
  }

  /** Writes `VALUE <key> <flags> <bytes>[ <cas>]` and CR LF. The room is there and the item's stripe is locked. */
  #writeLine(input: Uint8Array, keyStart: number, keyEnd: number, item: number, withCas: boolean): void {
    const cache = this.#cache;
    const { view } = cache;
    const output = this.#output;
    const { bytes } = output;
    let { at } = output;
    bytes[at] = 86;
    bytes[at + 1] = 65;
    bytes[at + 2] = 76;
    bytes[at + 3] = 85;
    bytes[at + 4] = 69;
    bytes[at + 5] = SPACE;
    at += 6;
    for (let i = keyStart; i < keyEnd; i++) bytes[at++] = input[i]!;
    bytes[at++] = SPACE;
    const { valueBytes, clientFlags } = view;
    if (clientFlags === 0) bytes[at++] = ZERO;
    else at = writeDecimal(bytes, at, clientFlags);
    bytes[at++] = SPACE;
    at = writeDecimal(bytes, at, valueBytes);
    if (withCas) {
      bytes[at++] = SPACE;
      if (!this.#context.settings.casShown) bytes[at++] = ZERO;
      else if ((view.marks & MARK.explicitCas) === 0) at = writeDecimal(bytes, at, cache.version(item));
      else at = writeUint64(bytes, at, cache.meta.casHigh(item), cache.meta.casLow(item));
    }
    bytes[at] = CR;
    bytes[at + 1] = LF;
    output.at = at + 2;
  }

  /** Writes the value and CR LF, and END where it is the last. The room is there and the item's stripe is locked. */
  #writeValue(item: number, isLast: boolean): void {
    const cache = this.#cache;
    const { view } = cache;
    const { valueBytes, valueStart } = view;
    const output = this.#output;
    const { bytes } = output;
    let { at } = output;
    if (view.isChained) cache.copyValue(item, bytes, at);
    else copyBytes(bytes, at, view.bytes, valueStart, valueStart + valueBytes);
    at += valueBytes;
    bytes[at] = CR;
    bytes[at + 1] = LF;
    output.at = at + 2;
    if (isLast) writeEnd(output);
  }
}

/** Ends the answer to a retrieval line. */
export function writeEnd(output: Output): void {
  output.reserve(5);
  const { bytes, at } = output;
  bytes[at] = 69;
  bytes[at + 1] = 78;
  bytes[at + 2] = 68;
  bytes[at + 3] = CR;
  bytes[at + 4] = LF;
  output.at = at + 5;
}

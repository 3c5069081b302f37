import type { Output } from '../base/output.ts';
import type { MetaRequest } from '../protocol/text/meta-request.ts';
import type { TextRequest } from '../protocol/text/request-parser.ts';
import { VERB } from '../protocol/text/verbs.ts';
import { CAS_WIDE, type Cache, RESULT, type Result, STORE_MODE, type StoreMode } from '../store/cache.ts';
import { COUNTER } from '../store/counters.ts';
import { countOne } from './counting.ts';
import { absoluteExptime } from './exptime.ts';
import type { MetaStores } from './meta-stores.ts';
import { REPLY, writeReply } from './replies.ts';

const LF = 10;
const CR = 13;

/** The store's modes in the order of the storage verbs. */
const MODE_OF_VERB: readonly StoreMode[] = [
  STORE_MODE.set,
  STORE_MODE.add,
  STORE_MODE.replace,
  STORE_MODE.append,
  STORE_MODE.prepend,
  STORE_MODE.cas,
];

/** The store's mode of a storage verb. */
export function modeOfVerb(verb: number): StoreMode {
  return MODE_OF_VERB[verb - VERB.set]!;
}

/** Replies to a store or a change of a number, by RESULT. */
export const STORE_REPLY: readonly Uint8Array[] = (() => {
  const replies: Uint8Array[] = [];
  replies[RESULT.stored] = REPLY.stored;
  replies[RESULT.notStored] = REPLY.notStored;
  replies[RESULT.exists] = REPLY.exists;
  replies[RESULT.notFound] = REPLY.notFound;
  replies[RESULT.tooLarge] = REPLY.tooLarge;
  replies[RESULT.noMemory] = REPLY.noMemoryStoring;
  replies[RESULT.nonNumeric] = REPLY.nonNumeric;
  return replies;
})();

/** Answers a storage command, unless it asked for no reply, and counts a cas that found nothing. */
export function answerStore(
  cache: Cache,
  output: Output,
  mode: StoreMode,
  result: Result,
  noreply: boolean,
): void {
  if (mode === STORE_MODE.cas && result === RESULT.notFound) countOne(cache, COUNTER.casMisses);
  if (!noreply) writeReply(output, STORE_REPLY[result]!);
}

/**
 * The value of a storage command or an ms that is too long to wait for: it goes piece by piece into an item reserved in the store. Of its
 * line only what the store and the reply need is kept.
 */
export class LongValue {
  readonly #cache: Cache;
  readonly #output: Output;
  readonly #metaStores: MetaStores;
  /** The reserved item, 0 when none. */
  #item = 0;
  #itemHash = 0;
  #mode: StoreMode = STORE_MODE.set;
  #cas = 0;
  /** The cas id where `#cas` is CAS_WIDE. */
  #casHigh = 0;
  #casLow = 0;
  #noreply = false;
  #isMeta = false;
  /** Bytes of the value filled in so far, and those still to come. */
  #filled = 0;
  #remaining = 0;

  constructor(cache: Cache, output: Output, metaStores: MetaStores) {
    this.#cache = cache;
    this.#output = output;
    this.#metaStores = metaStores;
  }

  /** Bytes of the value, or of the line end behind it, are still to come. */
  get isOpen(): boolean {
    return this.#item !== 0;
  }

  /**
   * Reserves an item for the value of a storage line.
   *
   * @returns false when it is refused: that is answered, and the value is to be dropped
   */
  begin(request: TextRequest, input: Uint8Array): boolean {
    const cache = this.#cache;
    const { keyStart, keyEnd, valueBytes } = request;
    const mode = modeOfVerb(request.verb);
    const hash = cache.hash(input, keyStart, keyEnd);
    const expiresAt = absoluteExptime(request.exptime, cache.nowSeconds);
    const item = cache.reserve(mode, input, keyStart, keyEnd, hash, request.flags, expiresAt, valueBytes);
    if (item === 0) {
      if (!request.noreply) writeReply(this.#output, STORE_REPLY[cache.failure]!);
      return false;
    }
    this.#itemHash = hash;
    this.#mode = mode;
    this.#cas = request.cas;
    this.#casHigh = request.casHigh;
    this.#casLow = request.casLow;
    this.#noreply = request.noreply;
    this.#isMeta = false;
    this.#open(item, valueBytes);
    return true;
  }

  /** The same for the value of an ms. */
  beginMeta(request: MetaRequest, input: Uint8Array): boolean {
    const { valueBytes } = request;
    const item = this.#metaStores.reserve(request, input);
    if (item === 0) return false;
    this.#isMeta = true;
    this.#noreply = false;
    this.#open(item, valueBytes);
    return true;
  }

  #open(item: number, valueBytes: number): void {
    this.#item = item;
    this.#filled = 0;
    this.#remaining = valueBytes;
  }

  /** Takes bytes of the value from [start, end); stores and answers when it is complete. @returns the first byte not taken */
  take(input: Uint8Array, start: number, end: number): number {
    const count = Math.min(this.#remaining, end - start);
    if (count > 0) this.#cache.fill(this.#item, this.#filled, input, start, start + count);
    this.#filled += count;
    this.#remaining -= count;
    const valueEnd = start + count;
    if (this.#remaining > 0 || end - valueEnd < 2) return valueEnd;
    this.#finish(input[valueEnd] === CR && input[valueEnd + 1] === LF);
    return valueEnd + 2;
  }

  /** Gives back what is reserved, if anything is. */
  abandon(): void {
    if (this.#item !== 0) this.#cache.abandon(this.#item);
    this.#item = 0;
  }

  #finish(isTerminated: boolean): void {
    const cache = this.#cache;
    const item = this.#item;
    if (!isTerminated) {
      this.abandon();
      if (!this.#noreply) writeReply(this.#output, REPLY.badDataChunk);
      return;
    }
    this.#item = 0;
    if (this.#isMeta) {
      this.#metaStores.commit(item);
      return;
    }
    if (this.#cas === CAS_WIDE) cache.meta.setWideCas(this.#casHigh, this.#casLow);
    const result = cache.commit(this.#mode, item, this.#itemHash, this.#cas);
    answerStore(cache, this.#output, this.#mode, result, this.#noreply);
  }
}

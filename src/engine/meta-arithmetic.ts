import type { Output } from '../base/output.ts';
import { writeDecimal, writeUint64 } from '../base/uint64.ts';
import { LOWER, type MetaRequest, UPPER } from '../protocol/text/meta-request.ts';
import { type Cache, MARK, RESULT, type Result } from '../store/cache.ts';
import { COUNTER } from '../store/counters.ts';
import { countOne } from './counting.ts';
import { absoluteExptime } from './exptime.ts';
import {
  CODE,
  FLAG,
  META_LINE_BYTES_MAX,
  META_REPLY,
  writeCode,
  writeKeyFlag,
  writeLineEnd,
  writeNewCas,
  writeOpaque,
  writeShortReply,
  writeTtl,
} from './meta-replies.ts';
import { comparedCas, isKeyBase64, newExptime, newMarks } from './meta-terms.ts';
import type { NodeContext } from './node-context.ts';
import { REPLY, writeReply } from './replies.ts';

const SPACE = 32;
const PLUS = 43;
const MINUS = 45;
const MODE_INCREMENT = 73;
const MODE_DECREMENT = 68;

/**
 * Rounds of "change it; not there, so make it; there meanwhile, so change it". A client that loses so many races is told that nothing was
 * stored.
 */
const ROUNDS_MAX = 8;

/**
 * Executes ma: changes a number, or makes the item that holds it. Apart from the other meta commands because it takes several steps in the store,
 * between which other clients may do something, and answers when nothing is locked any more.
 */
export class MetaArithmetic {
  readonly #cache: Cache;
  readonly #output: Output;
  readonly #context: NodeContext;

  constructor(context: NodeContext, output: Output) {
    this.#context = context;
    this.#cache = context.cache;
    this.#output = output;
  }

  /** Executes one request whose key is decoded, and writes its reply. */
  run(request: MetaRequest, input: Uint8Array): void {
    const cache = this.#cache;
    const output = this.#output;
    const { keyStart, keyEnd, lower, upper, mode } = request;
    const increments = mode < 0 || mode === MODE_INCREMENT || mode === PLUS;
    if (!increments && mode !== MODE_DECREMENT && mode !== MINUS) {
      writeReply(output, META_REPLY.invalidArithmeticMode);
      return;
    }
    const base64 = isKeyBase64(cache, request, input);
    const hash = cache.hash(input, keyStart, keyEnd);
    const marks = newMarks(cache, request);
    const expiresAt = newExptime(cache, request);
    let created = false;
    let result: Result = RESULT.notStored;
    for (let round = 0; round < ROUNDS_MAX && result === RESULT.notStored; round++) {
      result = cache.arithmetic(
        input,
        keyStart,
        keyEnd,
        hash,
        increments,
        request.deltaHigh,
        request.deltaLow,
        (upper & UPPER.compareCas) === 0 || (request.compareHigh === 0 && request.compareLow === 0)
          ? 0
          : comparedCas(cache, request),
        marks & MARK.explicitCas,
        expiresAt,
      );
      if (result !== RESULT.notFound || (upper & UPPER.autoCreate) === 0) break;
      result = this.#createNumber(request, input, hash, marks);
      created = result === RESULT.stored;
      if (result === RESULT.noMemory) {
        writeReply(output, META_REPLY.noMemoryForItem);
        return;
      }
    }
    switch (result) {
      case RESULT.stored:
        if ((lower & LOWER.quiet) === 0) this.#writeNumber(request, input, created, base64);
        return;
      case RESULT.notFound:
        countOne(this.#cache, increments ? COUNTER.incrMisses : COUNTER.decrMisses);
        writeShortReply(output, CODE.nf, request, input, base64);
        return;
      case RESULT.exists:
        writeShortReply(output, CODE.ex, request, input, base64);
        return;
      case RESULT.nonNumeric:
        writeReply(output, REPLY.nonNumeric);
        return;
      case RESULT.noMemory:
        writeReply(output, REPLY.noMemory);
        return;
      default:
        writeShortReply(output, CODE.ns, request, input, base64);
    }
  }

  /** Makes the item that N asks for. Of N and T the later one says how long it lives. */
  #createNumber(request: MetaRequest, input: Uint8Array, hash: number, marks: number): Result {
    const cache = this.#cache;
    const { keyStart, keyEnd, initialHigh, initialLow } = request;
    let seconds = request.autoExptime;
    for (let i = 0; i < request.flagCount; i++) {
      if (request.flags[i] === FLAG.setTtl) seconds = request.exptime;
      else if (request.flags[i] === FLAG.autoCreate) seconds = request.autoExptime;
    }
    const expiresAt = absoluteExptime(seconds, cache.nowSeconds);
    return cache.meta.createNumber(input, keyStart, keyEnd, hash, expiresAt, marks, initialHigh, initialLow);
  }

  #writeNumber(request: MetaRequest, input: Uint8Array, created: boolean, base64: boolean): void {
    const cache = this.#cache;
    const output = this.#output;
    const high = created ? request.initialHigh : cache.numberHigh;
    const low = created ? request.initialLow : cache.numberLow;
    output.reserve(META_LINE_BYTES_MAX);
    const { bytes } = output;
    const withValue = (request.lower & LOWER.value) !== 0;
    let { at } = output;
    if (withValue) {
      at = writeCode(bytes, at, CODE.va);
      bytes[at++] = SPACE;
      // The number is written first, behind its length, to know that.
      const digits = writeUint64(bytes, at, high, low) - at;
      at = writeDecimal(bytes, at, digits);
    } else {
      at = writeCode(bytes, at, CODE.hd);
    }
    let exptime = created ? 0 : cache.meta.exptimeBefore;
    for (let i = 0; i < request.flagCount; i++) {
      switch (request.flags[i]) {
        case FLAG.cas:
          at = writeNewCas(bytes, at, request, cache, this.#context.settings.casShown);
          break;
        case FLAG.key:
          at = writeKeyFlag(bytes, at, request, input, base64);
          break;
        case FLAG.opaque:
          at = writeOpaque(bytes, at, request, input);
          break;
        case FLAG.ttl:
          at = writeTtl(bytes, at, exptime, cache.nowSeconds);
          break;
        case FLAG.setTtl:
          exptime = absoluteExptime(request.exptime, cache.nowSeconds);
          break;
        case FLAG.autoCreate:
          if (created) exptime = absoluteExptime(request.autoExptime, cache.nowSeconds);
          break;
        default:
      }
    }
    at = writeLineEnd(bytes, at);
    if (withValue) at = writeLineEnd(bytes, writeUint64(bytes, at, high, low));
    output.at = at;
  }
}

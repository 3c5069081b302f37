import type { Output } from '../base/output.ts';
import { writeDecimal, writeUint64 } from '../base/uint64.ts';
import { LOWER, META_ERROR, type MetaRequest, UPPER } from '../protocol/text/meta-request.ts';
import { VERB } from '../protocol/text/verbs.ts';
import {
  CAS_WIDE,
  type Cache,
  INVALIDATE,
  type ItemRef,
  KEEP_EXPTIME,
  MARK,
  RESULT,
  type Result,
} from '../store/cache.ts';
import { COUNTER } from '../store/counters.ts';
import { copyBytes } from '../store/memory.ts';
import { countOne } from './counting.ts';
import { absoluteExptime } from './exptime.ts';
import {
  CODE,
  FLAG,
  META_ERROR_REPLY,
  META_LINE_BYTES_MAX,
  META_REPLY,
  writeCode,
  writeKey,
  writeKeyFlag,
  writeLetter,
  writeLineEnd,
  writeNewCas,
  writeOpaque,
  writeShortReply,
  writeValueCode,
} from './meta-replies.ts';
import type { NodeContext } from './node-context.ts';
import { REPLY, writeReply } from './replies.ts';

const ONE = 49;
const ZERO = 48;
const MINUS = 45;
const PLUS = 43;
const STALE = 88;
const TOKEN_SENT = 90;
const WON = 87;
const MODE_INCREMENT = 73;
const MODE_DECREMENT = 68;

/** Versions are below 2^53; beyond are only cas ids that a client chose. */
const VERSION_HIGH_MAX = 0x1fffff;

/**
 * Rounds of "change it; not there, so make it; there meanwhile, so change it". A client that loses so many races is told that nothing was
 * stored.
 */
const ROUNDS_MAX = 8;

/**
 * The cas id that a request compares, in the form in which the store takes it, where 0 would mean any: an id of 0 is one that only
 * an item can have whose client chose it.
 */
export function comparedCas(cache: Cache, request: MetaRequest): number {
  const { compareHigh, compareLow } = request;
  const cas = compareHigh * 4294967296 + compareLow;
  if (cas !== 0 && compareHigh <= VERSION_HIGH_MAX) return cas;
  cache.meta.setWideCas(compareHigh, compareLow);
  return CAS_WIDE;
}

/** Flags by which an mg changes an item. */
const UPPER_CHANGES: number = UPPER.autoCreate | UPPER.recache | UPPER.ttl;

/** Executes mg, md, ma and me; ms is in meta-stores.ts. */
export class MetaCommands {
  readonly #cache: Cache;
  readonly #output: Output;
  readonly #context: NodeContext;

  constructor(context: NodeContext, output: Output) {
    this.#context = context;
    this.#cache = context.cache;
    this.#output = output;
  }

  /**
   * Executes one parsed command and writes its reply.
   *
   * @param input holds the request's bytes; a base64 key is decoded in it
   */
  run(request: MetaRequest, input: Uint8Array): void {
    if (request.verb === VERB.metaDebug) {
      this.#describe(request, input);
      return;
    }
    if (request.error !== META_ERROR.none) {
      writeReply(this.#output, META_ERROR_REPLY[request.error]!);
      return;
    }
    const { fence } = this.#context;
    const isChange = request.verb !== VERB.metaGet || (request.upper & UPPER_CHANGES) !== 0;
    if (fence !== null && isChange && fence.refuses()) {
      writeReply(this.#output, REPLY.notEnoughReplicas);
      return;
    }
    request.decodeKey(input);
    if (request.verb === VERB.metaGet) this.#get(request, input);
    else if (request.verb === VERB.metaDelete) this.#delete(request, input);
    else this.#arithmetic(request, input);
  }

  // mg

  /**
   * Finds the item and writes its reply while its stripe is locked, for which room is made first. An item that N makes has no value, so
   * its reply fits at once.
   */
  #get(request: MetaRequest, input: Uint8Array): void {
    const cache = this.#cache;
    const output = this.#output;
    const { keyStart, keyEnd, lower, upper } = request;
    const hash = cache.hash(input, keyStart, keyEnd);
    for (;;) {
      let item = cache.find(input, keyStart, keyEnd, hash);
      let created = false;
      if (item === 0) {
        if ((upper & UPPER.autoCreate) === 0) {
          this.#miss(request, input);
          return;
        }
        output.reserve(META_LINE_BYTES_MAX);
        item = this.#create(request, input, hash);
        if (item === 0) {
          writeReply(output, META_REPLY.noMemoryForItem);
          return;
        }
        created = cache.meta.created;
      }
      cache.look(item);
      let withValue = (lower & LOWER.value) !== 0;
      if (withValue && (upper & UPPER.compareCas) !== 0) {
        withValue = !cache.meta.casEquals(item, comparedCas(cache, request));
      }
      const need = withValue ? META_LINE_BYTES_MAX + cache.view.valueBytes : META_LINE_BYTES_MAX;
      if (output.limit - output.at >= need) {
        this.#writeHit(request, input, item, hash, withValue, created);
        if (created) cache.meta.releaseCreated(hash);
        else cache.release(hash);
        return;
      }
      cache.release(hash);
      output.reserve(need);
    }
  }

  /**
   * `mg <key> v`, the commonest of all: the value of a key as it stands in `input`, without anything of a parsed request.
   *
   * @returns false when nothing has been done, because the item has marks that a reply tells: `run` answers then
   */
  getValue(input: Uint8Array, keyStart: number, keyEnd: number): boolean {
    const cache = this.#cache;
    const output = this.#output;
    const { view } = cache;
    const hash = cache.hash(input, keyStart, keyEnd);
    for (;;) {
      const item = cache.find(input, keyStart, keyEnd, hash);
      if (item === 0) {
        countOne(this.#cache, COUNTER.cmdGet);
        countOne(this.#cache, COUNTER.getMisses);
        writeReply(output, META_REPLY.miss);
        return true;
      }
      cache.look(item);
      if (view.marks !== 0) {
        cache.release(hash);
        return false;
      }
      const need = META_LINE_BYTES_MAX + view.valueBytes;
      if (output.limit - output.at >= need) {
        const { bytes } = output;
        const at = writeLineEnd(bytes, writeValueCode(bytes, output.at, view.valueBytes));
        output.at = this.#writeValue(bytes, at, item);
        countOne(this.#cache, COUNTER.cmdGet);
        cache.noteHit(item);
        cache.release(hash);
        return true;
      }
      cache.release(hash);
      output.reserve(need);
    }
  }

  /** Writes the value of an item whose stripe is locked, and CR LF. */
  #writeValue(bytes: Uint8Array, at: number, item: ItemRef): number {
    const cache = this.#cache;
    const { view } = cache;
    const { valueBytes, valueStart } = view;
    if (view.isChained) cache.copyValue(item, bytes, at);
    else copyBytes(bytes, at, view.bytes, valueStart, valueStart + valueBytes);
    return writeLineEnd(bytes, at + valueBytes);
  }

  #miss(request: MetaRequest, input: Uint8Array): void {
    countOne(this.#cache, COUNTER.cmdGet);
    countOne(this.#cache, COUNTER.getMisses);
    if ((request.lower & LOWER.quiet) !== 0) return;
    if (request.flagCount === 0) writeReply(this.#output, META_REPLY.miss);
    else writeShortReply(this.#output, CODE.en, request, input, (request.lower & LOWER.base64) !== 0);
  }

  /** Makes the item that N asks for. The client that does is the one to fill it, so its token counts as sent. */
  #create(request: MetaRequest, input: Uint8Array, hash: number): ItemRef {
    const cache = this.#cache;
    const { keyStart, keyEnd } = request;
    const expiresAt = absoluteExptime(request.autoExptime, cache.nowSeconds);
    const marks = MARK.tokenSent | this.#newMarks(request);
    return cache.meta.findOrCreate(input, keyStart, keyEnd, hash, expiresAt, marks);
  }

  /** Marks of an item that the request makes. */
  #newMarks(request: MetaRequest): number {
    let marks = (request.lower & LOWER.base64) === 0 ? 0 : MARK.base64Key;
    if ((request.upper & UPPER.explicitCas) !== 0) {
      this.#cache.meta.setNewCas(request.newCasHigh, request.newCasLow);
      marks |= MARK.explicitCas;
    }
    return marks;
  }

  /** Writes the reply for an item whose stripe is locked, and does to the item what the flags say, in their order. */
  #writeHit(
    request: MetaRequest,
    input: Uint8Array,
    item: ItemRef,
    hash: number,
    withValue: boolean,
    created: boolean,
  ): void {
    const cache = this.#cache;
    const output = this.#output;
    const { view } = cache;
    const { bytes } = output;
    const { flags, flagCount, upper } = request;
    const { marks, valueBytes } = view;
    let at = withValue ? writeValueCode(bytes, output.at, valueBytes) : writeCode(bytes, output.at, CODE.hd);
    // -1: that of the item. One that was made has its time from N's place on.
    let exptime = created ? 0 : -1;
    let won = created;
    for (let i = 0; i < flagCount; i++) {
      switch (flags[i]) {
        case FLAG.cas:
          at = this.#writeCas(bytes, at, item);
          break;
        case FLAG.clientFlags:
          at = writeDecimal(bytes, writeLetter(bytes, at, FLAG.clientFlags), view.clientFlags);
          break;
        case FLAG.hitBefore:
          at = writeLetter(bytes, at, FLAG.hitBefore);
          bytes[at++] = cache.wasFetched(item) ? ONE : ZERO;
          break;
        case FLAG.key:
          at = writeKeyFlag(bytes, at, request, input, (marks & MARK.base64Key) !== 0);
          break;
        case FLAG.lastAccess: {
          const seconds = Math.max(0, cache.nowSeconds - cache.lastAccess(item));
          at = writeDecimal(bytes, writeLetter(bytes, at, FLAG.lastAccess), seconds);
          break;
        }
        case FLAG.size:
          at = writeDecimal(bytes, writeLetter(bytes, at, FLAG.size), valueBytes);
          break;
        case FLAG.ttl:
          at = this.#writeTtl(bytes, at, exptime < 0 ? cache.exptime(item) : exptime);
          break;
        case FLAG.opaque:
          at = writeOpaque(bytes, at, request, input);
          break;
        case FLAG.setTtl:
          exptime = absoluteExptime(request.exptime, cache.nowSeconds);
          break;
        case FLAG.autoCreate:
          if (created) exptime = absoluteExptime(request.autoExptime, cache.nowSeconds);
          break;
        case FLAG.recache: {
          const expiresAt = exptime < 0 ? cache.exptime(item) : exptime;
          const recacheAt = absoluteExptime(request.recacheSeconds, cache.nowSeconds);
          if (expiresAt !== 0 && expiresAt < recacheAt && (marks & MARK.tokenSent) === 0) won = true;
          break;
        }
        default:
      }
    }
    if (marks !== 0 && !created) {
      if ((marks & MARK.tokenSent) !== 0) at = writeLetter(bytes, at, TOKEN_SENT);
      if ((marks & MARK.stale) !== 0) {
        at = writeLetter(bytes, at, STALE);
        if ((marks & MARK.tokenSent) === 0) won = true;
      }
    }
    if (won) {
      at = writeLetter(bytes, at, WON);
      if (!created) cache.meta.markWon(item, hash);
    }
    at = writeLineEnd(bytes, at);
    output.at = withValue ? this.#writeValue(bytes, at, item) : at;
    this.#noteHit(item, hash, request.lower, upper, exptime);
  }

  /** Counts a hit, as a touch when there was a T, and notes the access unless there was a u. */
  #noteHit(item: ItemRef, hash: number, lower: number, upper: number, exptime: number): void {
    const cache = this.#cache;
    const isBumped = (lower & LOWER.noBump) === 0;
    if ((upper & UPPER.ttl) === 0) {
      countOne(this.#cache, COUNTER.cmdGet);
      if (isBumped) cache.noteHit(item);
      else cache.meta.countHit(item);
      return;
    }
    countOne(this.#cache, COUNTER.cmdTouch);
    if (isBumped) cache.noteAccess(item);
    cache.touchItem(item, hash, exptime);
  }

  #writeCas(bytes: Uint8Array, at: number, item: ItemRef): number {
    const cache = this.#cache;
    at = writeLetter(bytes, at, FLAG.cas);
    if (!this.#context.settings.casShown) return writeDecimal(bytes, at, 0);
    if ((cache.view.marks & MARK.explicitCas) === 0) return writeDecimal(bytes, at, cache.version(item));
    return writeUint64(bytes, at, cache.meta.casHigh(item), cache.meta.casLow(item));
  }

  /** Writes ` t` with the seconds that are left, -1 for no end. */
  #writeTtl(bytes: Uint8Array, at: number, exptime: number): number {
    at = writeLetter(bytes, at, FLAG.ttl);
    if (exptime === 0) {
      bytes[at] = MINUS;
      bytes[at + 1] = ONE;
      return at + 2;
    }
    return writeDecimal(bytes, at, Math.max(0, exptime - this.#cache.nowSeconds));
  }

  // md

  #delete(request: MetaRequest, input: Uint8Array): void {
    const cache = this.#cache;
    const { log } = this.#context;
    const { keyStart, keyEnd, lower, upper } = request;
    const base64 = this.#isKeyBase64(request, input);
    const hash = cache.hash(input, keyStart, keyEnd);
    const cas = (upper & UPPER.compareCas) === 0 ? 0 : comparedCas(cache, request);
    let how = (upper & UPPER.invalidate) === 0 ? 0 : INVALIDATE.stale;
    if ((lower & LOWER.clear) !== 0) how |= INVALIDATE.clear;
    let result: Result;
    if (how === 0) {
      log.deleteCommand = 'md';
      result = cache.delete(input, keyStart, keyEnd, hash, cas);
      log.deleteCommand = 'delete';
    } else {
      const newCas = (upper & UPPER.explicitCas) !== 0;
      if (newCas) cache.meta.setNewCas(request.newCasHigh, request.newCasLow);
      const expiresAt = this.#newExptime(request);
      result = cache.meta.invalidate(input, keyStart, keyEnd, hash, cas, how, expiresAt, newCas);
    }
    if (result === RESULT.noMemory) {
      writeReply(this.#output, REPLY.noMemory);
    } else if (result === RESULT.stored) {
      if ((lower & LOWER.quiet) === 0) writeShortReply(this.#output, CODE.hd, request, input, base64);
    } else {
      countOne(this.#cache, COUNTER.deleteMisses);
      const code = result === RESULT.exists ? CODE.ex : CODE.nf;
      writeShortReply(this.#output, code, request, input, base64);
    }
  }

  /** What T says, or KEEP_EXPTIME. */
  #newExptime(request: MetaRequest): number {
    if ((request.upper & UPPER.ttl) === 0) return KEEP_EXPTIME;
    return absoluteExptime(request.exptime, this.#cache.nowSeconds);
  }

  /** Whether the reply tells the key in base64: as the item has it, or, when there is none, as the request has it. */
  #isKeyBase64(request: MetaRequest, input: Uint8Array): boolean {
    const asked = (request.lower & LOWER.base64) !== 0;
    if ((request.lower & LOWER.key) === 0) return asked;
    const cache = this.#cache;
    const { keyStart, keyEnd } = request;
    const hash = cache.hash(input, keyStart, keyEnd);
    const item = cache.peek(input, keyStart, keyEnd, hash);
    if (item === 0) return asked;
    const base64 = cache.isTombstone(item) ? asked : (cache.meta.marks(item) & MARK.base64Key) !== 0;
    cache.release(hash);
    return base64;
  }

  // ma

  #arithmetic(request: MetaRequest, input: Uint8Array): void {
    const cache = this.#cache;
    const output = this.#output;
    const { keyStart, keyEnd, lower, upper, mode } = request;
    const increments = mode < 0 || mode === MODE_INCREMENT || mode === PLUS;
    if (!increments && mode !== MODE_DECREMENT && mode !== MINUS) {
      writeReply(output, META_REPLY.invalidArithmeticMode);
      return;
    }
    const base64 = this.#isKeyBase64(request, input);
    const hash = cache.hash(input, keyStart, keyEnd);
    const marks = this.#newMarks(request);
    const expiresAt = this.#newExptime(request);
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
      bytes[at++] = 32;
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
          at = this.#writeTtl(bytes, at, exptime);
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

  // me

  /** Tells everything about an item and changes nothing. Its flags but b are not looked at, so they cannot be wrong. */
  #describe(request: MetaRequest, input: Uint8Array): void {
    const cache = this.#cache;
    const output = this.#output;
    const { error } = request;
    if (error === META_ERROR.format || !request.isKeyDecodable(input)) {
      writeReply(output, META_ERROR_REPLY[error === META_ERROR.format ? error : META_ERROR.badBase64]!);
      return;
    }
    request.decodeKey(input);
    countOne(this.#cache, COUNTER.cmdMeta);
    const { keyStart, keyEnd } = request;
    const hash = cache.hash(input, keyStart, keyEnd);
    output.reserve(META_LINE_BYTES_MAX);
    const item = cache.peek(input, keyStart, keyEnd, hash);
    const isFound = item !== 0 && !cache.isTombstone(item);
    if (isFound) {
      output.text('ME ');
      const base64 = (cache.meta.marks(item) & MARK.base64Key) !== 0;
      output.at = writeKey(output.bytes, output.at, request, input, base64);
      output.text(this.#description(item));
    }
    if (item !== 0) cache.release(hash);
    if (!isFound) writeReply(output, META_REPLY.miss);
  }

  #description(item: ItemRef): string {
    const cache = this.#cache;
    const { meta, nowSeconds } = cache;
    const exptime = cache.exptime(item);
    const left = exptime === 0 ? -1 : Math.max(0, exptime - nowSeconds);
    const accessed = Math.max(0, nowSeconds - cache.lastAccess(item));
    const cas = (BigInt(meta.casHigh(item)) << 32n) | BigInt(meta.casLow(item));
    const shown = this.#context.settings.casShown ? cas : 0n;
    const fetched = cache.wasFetched(item) ? 'yes' : 'no';
    const slabClass = cache.slabClass(item);
    return ` exp=${left} la=${accessed} cas=${shown} fetch=${fetched} cls=${slabClass} size=${cache.itemBytes(item)}\r\n`;
  }
}

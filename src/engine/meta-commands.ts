import type { Output } from '../base/output.ts';
import { writeDecimal, writeUint64 } from '../base/uint64.ts';
import { LOWER, META_ERROR, type MetaRequest, UPPER } from '../protocol/text/meta-request.ts';
import { VERB } from '../protocol/text/verbs.ts';
import { type Cache, INVALIDATE, type ItemRef, MARK, RESULT, type Result } from '../store/cache.ts';
import { COUNTER } from '../store/counters.ts';
import { copyBytes } from '../store/memory.ts';
import { countOne } from './counting.ts';
import { absoluteExptime } from './exptime.ts';
import { MetaArithmetic } from './meta-arithmetic.ts';
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
  writeOpaque,
  writeShortReply,
  writeTtl,
  writeValueCode,
} from './meta-replies.ts';
import { comparedCas, isKeyBase64, newExptime, newMarks } from './meta-terms.ts';
import type { NodeContext } from './node-context.ts';
import { REPLY, writeReply } from './replies.ts';

const ONE = 49;
const ZERO = 48;
const STALE = 88;
const TOKEN_SENT = 90;
const WON = 87;
/** Flags by which an mg changes an item. */
const UPPER_CHANGES: number = UPPER.autoCreate | UPPER.recache | UPPER.ttl;

/** Executes mg, md and me, and has ma executed; ms is in meta-stores.ts. */
export class MetaCommands {
  readonly #cache: Cache;
  readonly #output: Output;
  readonly #context: NodeContext;
  readonly #arithmetic: MetaArithmetic;

  constructor(context: NodeContext, output: Output) {
    this.#context = context;
    this.#cache = context.cache;
    this.#output = output;
    this.#arithmetic = new MetaArithmetic(context, output);
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
    else this.#arithmetic.run(request, input);
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
    const marks = MARK.tokenSent | newMarks(cache, request);
    return cache.meta.findOrCreate(input, keyStart, keyEnd, hash, expiresAt, marks);
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
          at = writeTtl(bytes, at, exptime < 0 ? cache.exptime(item) : exptime, cache.nowSeconds);
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

  // md

  #delete(request: MetaRequest, input: Uint8Array): void {
    const cache = this.#cache;
    const { log } = this.#context;
    const { keyStart, keyEnd, lower, upper } = request;
    const base64 = isKeyBase64(cache, request, input);
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
      const expiresAt = newExptime(cache, request);
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

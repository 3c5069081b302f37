import type { Output } from '../base/output.ts';
import { writeDecimal } from '../base/uint64.ts';
import { LOWER, META_ERROR, META_KEPT_BYTES, MetaRequest, UPPER } from '../protocol/text/meta-request.ts';
import {
  type Cache,
  type ItemRef,
  MARK,
  RESULT,
  type Result,
  STORE_MODE,
  type StoreMode,
  WRITE,
} from '../store/cache.ts';
import { COUNTER } from '../store/counters.ts';
import { countOne } from './counting.ts';
import { absoluteExptime } from './exptime.ts';
import {
  CODE,
  FLAG,
  META_ERROR_REPLY,
  META_LINE_BYTES_MAX,
  META_REPLY,
  writeCode,
  writeKeyFlag,
  writeLetter,
  writeLineEnd,
  writeNewCas,
  writeOpaque,
} from './meta-replies.ts';
import { comparedCas } from './meta-terms.ts';
import type { NodeContext } from './node-context.ts';
import { REPLY, writeReply } from './replies.ts';

/** What an ms whose value arrives piece by piece keeps of its line. */
class PendingStore {
  readonly request: MetaRequest = new MetaRequest();
  readonly bytes: Uint8Array = new Uint8Array(META_KEPT_BYTES);
  hash = 0;
}

/** The store's mode for the letter of M; undefined when it is none. Without M it is set. */
function modeOf(letter: number): StoreMode | undefined {
  switch (letter) {
    case -1:
    case 83:
      return STORE_MODE.set;
    case 69:
      return STORE_MODE.add;
    case 65:
      return STORE_MODE.append;
    case 80:
      return STORE_MODE.prepend;
    case 82:
      return STORE_MODE.replace;
    default:
      return undefined;
  }
}

/**
 * Executes ms, whose value is handed over whole, or in pieces through `reserve` and `commit`. The caller knows about swallowing and
 * line ends, as with set.
 */
export class MetaStores {
  readonly #cache: Cache;
  readonly #output: Output;
  readonly #context: NodeContext;
  #pending: PendingStore | null = null;

  // What the request at hand asks of the store.
  #mode: StoreMode = STORE_MODE.set;
  #cas = 0;
  #options = 0;
  #expiresAt = 0;

  constructor(context: NodeContext, output: Output) {
    this.#context = context;
    this.#cache = context.cache;
    this.#output = output;
  }

  /** Answers a request that is wrong. @returns whether it was: then its value is not stored */
  refuses(request: MetaRequest): boolean {
    if (request.error !== META_ERROR.none) writeReply(this.#output, META_ERROR_REPLY[request.error]!);
    else if (modeOf(request.mode) === undefined) writeReply(this.#output, META_REPLY.invalidSetMode);
    else if (this.#context.fence?.refuses() === true) writeReply(this.#output, REPLY.notEnoughReplicas);
    else return false;
    return true;
  }

  /** Stores the value [valueStart, valueEnd) of `input` and answers. The base64 key is decoded in `input`. */
  store(request: MetaRequest, input: Uint8Array, valueStart: number, valueEnd: number): void {
    const cache = this.#cache;
    request.decodeKey(input);
    this.#prepare(request);
    const { keyStart, keyEnd } = request;
    const result = cache.store(
      this.#mode,
      input,
      keyStart,
      keyEnd,
      cache.hash(input, keyStart, keyEnd),
      request.clientFlags,
      this.#expiresAt,
      this.#cas,
      valueStart,
      valueEnd,
      this.#options,
    );
    this.#answer(result, request, input);
  }

  /**
   * Reserves an item for a value that is to come, and remembers the request.
   *
   * @returns 0 when it is refused: that is answered
   */
  reserve(request: MetaRequest, input: Uint8Array): ItemRef {
    const cache = this.#cache;
    request.decodeKey(input);
    this.#prepare(request);
    const { keyStart, keyEnd } = request;
    const hash = cache.hash(input, keyStart, keyEnd);
    const item = cache.reserve(
      this.#mode,
      input,
      keyStart,
      keyEnd,
      hash,
      request.clientFlags,
      this.#expiresAt,
      request.valueBytes,
      this.#options,
    );
    if (item === 0) {
      this.#answer(cache.failure, request, input);
      return 0;
    }
    this.#pending ??= new PendingStore();
    this.#pending.request.copyFrom(request, input, this.#pending.bytes);
    this.#pending.hash = hash;
    return item;
  }

  /** Ends what `reserve` began and answers. */
  commit(item: ItemRef): void {
    const pending = this.#pending;
    if (pending === null) return;
    const { request, bytes, hash } = pending;
    this.#prepare(request);
    const result = this.#cache.commit(this.#mode, item, hash, this.#cas, this.#options);
    this.#answer(result, request, bytes);
  }

  /** Works out what the request asks of the store. */
  #prepare(request: MetaRequest): void {
    const cache = this.#cache;
    const { upper } = request;
    const mode = modeOf(request.mode) ?? STORE_MODE.set;
    const joins = mode === STORE_MODE.append || mode === STORE_MODE.prepend;
    let options: number = WRITE.removeOnFailure;
    if ((request.lower & LOWER.base64) !== 0) options |= MARK.base64Key;
    this.#mode = mode;
    this.#cas = 0;
    let seconds = request.exptime;
    // The hot path is a set without any of these.
    if (upper !== 0) {
      if ((upper & UPPER.compareCas) !== 0 && mode !== STORE_MODE.add) {
        const isZero = request.compareHigh === 0 && request.compareLow === 0;
        this.#cas = joins && isZero ? 0 : comparedCas(cache, request);
        if (!joins) this.#mode = STORE_MODE.cas;
        // An id of 0 is no older one, it is none.
        if (!isZero && (upper & UPPER.invalidate) !== 0) options |= WRITE.staleIfOlder;
      }
      if ((upper & UPPER.explicitCas) !== 0) {
        cache.meta.setNewCas(request.newCasHigh, request.newCasLow);
        options |= MARK.explicitCas;
      }
      if (joins && (upper & UPPER.autoCreate) !== 0) {
        options |= WRITE.create;
        seconds = request.autoExptime;
      }
    }
    this.#options = options;
    this.#expiresAt = absoluteExptime(seconds, cache.nowSeconds);
  }

  #answer(result: Result, request: MetaRequest, bytes: Uint8Array): void {
    switch (result) {
      case RESULT.stored:
        if ((request.lower & LOWER.quiet) !== 0) return;
        this.#write(CODE.hd, request, bytes, true);
        return;
      case RESULT.exists:
        this.#write(CODE.ex, request, bytes, false);
        return;
      case RESULT.notFound:
        countOne(this.#cache, COUNTER.casMisses);
        this.#write(CODE.nf, request, bytes, false);
        return;
      case RESULT.tooLarge:
        writeReply(this.#output, REPLY.tooLarge);
        return;
      case RESULT.noMemory:
        writeReply(this.#output, REPLY.noMemoryStoring);
        return;
      default:
        this.#write(CODE.ns, request, bytes, false);
    }
  }

  #write(code: number, request: MetaRequest, input: Uint8Array, isStored: boolean): void {
    const cache = this.#cache;
    const output = this.#output;
    output.reserve(META_LINE_BYTES_MAX);
    const { bytes } = output;
    let at = writeCode(bytes, output.at, code);
    for (let i = 0; i < request.flagCount; i++) {
      switch (request.flags[i]) {
        case FLAG.cas:
          at = writeNewCas(bytes, at, request, cache, isStored && this.#context.settings.casShown);
          break;
        case FLAG.key:
          at = writeKeyFlag(bytes, at, request, input, (request.lower & LOWER.base64) !== 0);
          break;
        case FLAG.opaque:
          at = writeOpaque(bytes, at, request, input);
          break;
        case FLAG.size: {
          const joins = this.#mode === STORE_MODE.append || this.#mode === STORE_MODE.prepend;
          const joinedBytes = joins && isStored ? cache.meta.joinedBytes : 0;
          const size = joinedBytes === 0 ? request.valueBytes : joinedBytes;
          at = writeDecimal(bytes, writeLetter(bytes, at, FLAG.size), size);
          break;
        }
        default:
      }
    }
    output.at = writeLineEnd(bytes, at);
  }
}

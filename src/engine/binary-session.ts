import { assert } from '../base/assert.ts';
import type { Output } from '../base/output.ts';
import type { Connection, ConnectionError, Session } from '../base/session.ts';
import { MEMCACHED_VERSION } from '../base/version.ts';
import {
  HEADER_BYTES,
  OPCODE,
  OPCODE_TRAITS,
  REQUEST_MAGIC,
  SHAPE,
  STATUS,
  type Status,
} from '../protocol/binary/opcodes.ts';
import {
  BinaryRequest,
  copyRequest,
  HEADER_FAULT,
  parseRequestHeader,
  readUint32,
} from '../protocol/binary/request-header.ts';
import { type Cache, RESULT, type Result, STORE_MODE, type StoreMode } from '../store/cache.ts';
import { COUNTER } from '../store/counters.ts';
import { arithmeticOrCreate, arithmeticOutcome } from './arithmetic-or-create.ts';
import { requestCas } from './binary-cas.ts';
import { ARITHMETIC_STATUS, storeModeOf, storeStatus } from './binary-outcomes.ts';
import {
  NO_MEMORY_TEXT,
  writeBody,
  writeDone,
  writeError,
  writeReplyHeader,
  writeText,
} from './binary-replies.ts';
import { SaslLogin } from './binary-sasl.ts';
import { answerStat } from './binary-statistics.ts';
import { countOne } from './counting.ts';
import { absoluteExptime, flushDelaySeconds } from './exptime.ts';
import type { LongReply, LongReplyHost } from './long-reply.ts';
import type { NodeContext } from './node-context.ts';
import { yieldsTurn } from './turns.ts';

/** What the next byte of input belongs to. */
const STATE = {
  /** A new request. */
  header: 0,
  /** The value of a store, filled into a reserved item. */
  value: 1,
  /** Bytes of a refused body, dropped. */
  swallow: 2,
  /** Nothing yet: a reply is on its way; see LongReply. */
  held: 3,
  /** Nothing: the connection is being closed. */
  ended: 4,
} as const;

/** Flags in front of a found value. */
const FLAGS_BYTES = 4;

/** Incr and decr: an expiry time that means "do not make a missing item". */
const DO_NOT_CREATE = 0xffffffff;

/** The request at hand. All sessions of a thread share it: what must outlive one call of feed is kept in the session. */
const request = new BinaryRequest();

/**
 * A client's connection that speaks the binary protocol.
 *
 * Requests are executed where they lie in the transport's buffer, as those of the text protocol are; only a value longer than `waitBytesMax` goes piece
 * by piece into an item reserved in the store. Whatever is wrong with a request is known from its header, so a wrong one is never waited for.
 *
 * Quiet requests leave their good news out: gets their misses, all others their successes. Errors always come out.
 */
export class BinarySession implements Session, LongReplyHost {
  readonly #context: NodeContext;
  readonly #cache: Cache;
  readonly connection: Connection;
  readonly #output: Output;
  /** Null when nobody need log in. */
  readonly #login: SaslLogin | null;
  #state: number = STATE.header;
  /** The reserved item of `value`, 0 when none; how it is to be stored; and the request that it came with, made when first needed. */
  #item = 0;
  #itemHash = 0;
  #mode: StoreMode = STORE_MODE.set;
  #itemRequest: BinaryRequest | null = null;
  /** Bytes of the value filled in so far. */
  #filled = 0;
  /** Bytes of the value or of the body to drop that are still to come. */
  #remaining = 0;
  /** Takes no further request before this one is answered. */
  #held: LongReply | null = null;
  /** A store has been offered, and its value is not all there. */
  #isValueAwaited = false;

  constructor(context: NodeContext, connection: Connection) {
    this.#context = context;
    this.#cache = context.cache;
    this.connection = connection;
    this.#output = connection.output;
    this.#login = context.sasl === null ? null : new SaslLogin(context.sasl, context.cache);
  }

  feed(input: Uint8Array, start: number, end: number): number {
    const output = this.#output;
    let at = start;
    this.#isValueAwaited = false;
    let requestsLeft = this.#context.settings.requestsPerTurnMax;
    while (at < end && !output.blocked) {
      if (requestsLeft-- === 0 && this.#held === null) {
        if (yieldsTurn(this.#context, this.connection, at - start, end - at)) break;
        requestsLeft = this.#context.settings.requestsPerTurnMax - 1;
      }
      if (this.#state === STATE.held) break;
      if (this.#state !== STATE.header) {
        at = this.#continueRequest(input, at, end);
        continue;
      }
      if (end - at < HEADER_BYTES) {
        if (input[at] === REQUEST_MAGIC) break;
        this.#endConnection();
        return end;
      }
      parseRequestHeader(input, at, request);
      const next =
        request.fault === HEADER_FAULT.none ? this.#execute(input, at, end) : this.#refuse(at, end);
      // Negative: the request is short and not complete yet; it is offered again.
      if (next < 0) break;
      at = next;
    }
    return this.#state === STATE.ended ? end : at;
  }

  drained(): void {
    this.#held?.drained();
  }

  /** What `stats conns` says, in memcached's words. */
  get connectionState(): string {
    if (this.#held !== null) return this.#held.state;
    if (this.#state === STATE.ended) return 'conn_closing';
    if (this.#output.blocked) return 'conn_mwrite';
    if (this.#state === STATE.value || this.#isValueAwaited) return 'conn_nread';
    return this.#state === STATE.swallow ? 'conn_swallow' : 'conn_read';
  }

  hold(reply: LongReply): void {
    this.#held = reply;
    this.#state = STATE.held;
    this.connection.pause();
  }

  release(): void {
    this.#held = null;
    this.#state = STATE.header;
    this.connection.flush();
    this.connection.resume();
  }

  hasFailed = false;

  get isBetweenRequests(): boolean {
    return this.#state === STATE.header;
  }

  closed(_error: ConnectionError | null): void {
    this.#held?.closed();
    this.#held = null;
    if (this.#item !== 0) this.#cache.abandon(this.#item);
    this.#item = 0;
    this.#state = STATE.ended;
  }

  /** Answers a header that is wrong. @returns where the next request begins */
  #refuse(at: number, end: number): number {
    const { fault } = request;
    if (fault === HEADER_FAULT.magic) {
      this.#endConnection();
      return end;
    }
    if (fault === HEADER_FAULT.overrun) return this.#refuseAndEnd(STATUS.unknownCommand, end);
    if (this.#isLocked()) return this.#refuseAndEnd(STATUS.authError, end);
    if (fault === HEADER_FAULT.lengths) return this.#refuseAndEnd(STATUS.invalidArguments, end);
    writeError(this.#output, request, STATUS.unknownCommand);
    return this.#swallow(request.bodyBytes, at + HEADER_BYTES, end);
  }

  #refuseAndEnd(status: Status, end: number): number {
    this.hasFailed = true;
    writeError(this.#output, request, status);
    this.#endConnection();
    return end;
  }

  #endConnection(): void {
    this.#state = STATE.ended;
    this.connection.end();
  }

  /** Whether the request must wait for a login. */
  #isLocked(): boolean {
    const login = this.#login;
    if (login === null || login.isDone) return false;
    const { opcode } = request;
    return (
      opcode !== OPCODE.version && OPCODE_TRAITS[opcode]!.shape !== SHAPE.sasl && opcode !== OPCODE.saslList
    );
  }

  /** Executes the request that begins at `at`. @returns where the next one begins, or -1 to wait for more of this one */
  #execute(input: Uint8Array, at: number, end: number): number {
    if (this.#isLocked()) return this.#refuseAndEnd(STATUS.authError, end);
    const extrasStart = at + HEADER_BYTES;
    const keyStart = extrasStart + request.extrasBytes;
    const keyEnd = keyStart + request.keyBytes;
    const bodyEnd = extrasStart + request.bodyBytes;
    if (keyEnd > end) return -1;
    const { loud, isQuiet, shape, isChange } = OPCODE_TRAITS[request.opcode]!;
    const { fence } = this.#context;
    if (fence !== null && isChange && fence.refuses()) {
      writeError(this.#output, request, STATUS.temporaryFailure);
      return this.#swallow(bodyEnd - keyEnd, keyEnd, end);
    }
    if (shape === SHAPE.store || shape === SHAPE.join)
      return this.#storage(input, extrasStart, keyStart, keyEnd, bodyEnd, end);
    switch (loud) {
      case OPCODE.get:
        this.#retrieve(input, keyStart, keyEnd, false, true);
        break;
      case OPCODE.getK:
        this.#retrieve(input, keyStart, keyEnd, true, true);
        break;
      case OPCODE.touch:
        this.#retrieve(input, keyStart, keyEnd, false, false);
        break;
      case OPCODE.getAndTouch:
        this.#retrieve(input, keyStart, keyEnd, false, true);
        break;
      case OPCODE.getAndTouchK:
        this.#retrieve(input, keyStart, keyEnd, true, true);
        break;
      case OPCODE.delete:
        this.#delete(input, keyStart, keyEnd, isQuiet);
        break;
      case OPCODE.increment:
      case OPCODE.decrement:
        this.#arithmetic(input, extrasStart, keyStart, keyEnd, loud === OPCODE.increment, isQuiet);
        break;
      case OPCODE.noop:
        writeDone(this.#output, request, 0);
        break;
      case OPCODE.version:
        writeText(this.#output, request, '', MEMCACHED_VERSION);
        break;
      case OPCODE.flush:
        this.#flush(request.extrasBytes === 0 ? 0 : readUint32(input, extrasStart), isQuiet);
        break;
      case OPCODE.quit:
        if (!isQuiet) writeDone(this.#output, request, 0);
        this.#endConnection();
        return end;
      case OPCODE.stat:
        answerStat(this.#context, this, request, textOf(input, keyStart, keyEnd));
        break;
      default:
        return this.#sasl(input, keyStart, keyEnd, bodyEnd, end);
    }
    return bodyEnd;
  }

  /** The cas id to show for the mutation that was just made. */
  #newCas(): number {
    return this.#context.settings.casShown ? this.#cache.lastVersion : 0;
  }

  // Retrieval

  /**
   * Get, Touch, and both in one, of the key [keyStart, keyEnd); a touch has an expiry time in front of it. The value is copied under the key's
   * lock, so the room is made first: its size is only known once the item is found, and may have changed when it is found again.
   */
  #retrieve(input: Uint8Array, keyStart: number, keyEnd: number, withKey: boolean, withValue: boolean): void {
    const cache = this.#cache;
    const output = this.#output;
    const touches = request.extrasBytes !== 0;
    const hash = cache.hash(input, keyStart, keyEnd);
    const keyBytes = withKey ? keyEnd - keyStart : 0;
    const { prefixes } = this.#context;
    countOne(this.#cache, touches ? COUNTER.cmdTouch : COUNTER.cmdGet);
    for (;;) {
      const item = cache.find(input, keyStart, keyEnd, hash);
      if (item === 0) break;
      const valueBytes = withValue ? cache.valueBytes(item) : 0;
      const bodyBytes = FLAGS_BYTES + keyBytes + valueBytes;
      if (output.limit - output.at < HEADER_BYTES + bodyBytes) {
        cache.release(hash);
        output.reserve(HEADER_BYTES + bodyBytes);
        continue;
      }
      const { casShown } = this.#context.settings;
      const casHigh = casShown ? cache.meta.casHigh(item) : 0;
      const casLow = casShown ? cache.meta.casLow(item) : 0;
      writeReplyHeader(output, request, STATUS.ok, FLAGS_BYTES, keyBytes, bodyBytes, casHigh, casLow);
      const { bytes } = output;
      let { at } = output;
      const flags = cache.clientFlags(item);
      bytes[at] = flags >>> 24;
      bytes[at + 1] = flags >>> 16;
      bytes[at + 2] = flags >>> 8;
      bytes[at + 3] = flags;
      at += FLAGS_BYTES;
      for (let i = 0; i < keyBytes; i++) bytes[at + i] = input[keyStart + i]!;
      at += keyBytes;
      if (withValue) cache.copyValue(item, bytes, at);
      output.at = at + valueBytes;
      if (touches) {
        cache.noteAccess(item);
        const exptime = readUint32(input, keyStart - request.extrasBytes);
        cache.touchItem(item, hash, absoluteExptime(exptime, cache.nowSeconds));
      } else {
        cache.noteHit(item);
      }
      cache.release(hash);
      if (prefixes.isOn) prefixes.recordGet(input, keyStart, keyEnd, true);
      return;
    }
    if (prefixes.isOn) prefixes.recordGet(input, keyStart, keyEnd, false);
    countOne(this.#cache, touches ? COUNTER.touchMisses : COUNTER.getMisses);
    this.#miss(input, keyStart, keyEnd, withKey);
  }

  /** Who asked for the key back gets it in place of the words. */
  #miss(input: Uint8Array, keyStart: number, keyEnd: number, withKey: boolean): void {
    if (OPCODE_TRAITS[request.opcode]!.isQuiet) return;
    const output = this.#output;
    if (!withKey) {
      writeError(output, request, STATUS.notFound);
      return;
    }
    const keyBytes = keyEnd - keyStart;
    output.reserve(HEADER_BYTES + keyBytes);
    writeReplyHeader(output, request, STATUS.notFound, 0, keyBytes, keyBytes, 0, 0);
    const { bytes, at } = output;
    for (let i = 0; i < keyBytes; i++) bytes[at + i] = input[keyStart + i]!;
    output.at = at + keyBytes;
  }

  // Storage

  #storage(
    input: Uint8Array,
    extrasStart: number,
    keyStart: number,
    keyEnd: number,
    bodyEnd: number,
    end: number,
  ): number {
    const cache = this.#cache;
    const valueBytes = bodyEnd - keyEnd;
    const isWhole = bodyEnd <= end;
    if (!isWhole && valueBytes <= this.#context.settings.waitBytesMax) {
      this.#isValueAwaited = true;
      return -1;
    }
    const { prefixes } = this.#context;
    if (prefixes.isOn) prefixes.recordSet(input, keyStart, keyEnd);
    const mode = storeModeOf(request);
    const hasExtras = request.extrasBytes !== 0;
    const flags = hasExtras ? readUint32(input, extrasStart) : 0;
    const exptime = hasExtras ? absoluteExptime(readUint32(input, extrasStart + 4), cache.nowSeconds) : 0;
    const hash = cache.hash(input, keyStart, keyEnd);
    if (isWhole) {
      const cas = requestCas(cache, request);
      const result = cache.store(mode, input, keyStart, keyEnd, hash, flags, exptime, cas, keyEnd, bodyEnd);
      this.#answerStore(request, mode, result);
      return bodyEnd;
    }
    const item = cache.reserve(mode, input, keyStart, keyEnd, hash, flags, exptime, valueBytes);
    if (item === 0) {
      this.#answerStore(request, mode, cache.failure);
      return this.#swallow(valueBytes, keyEnd, end);
    }
    this.#item = item;
    this.#itemHash = hash;
    this.#mode = mode;
    this.#itemRequest = copyRequest(request, this.#itemRequest ?? new BinaryRequest());
    this.#filled = 0;
    this.#remaining = valueBytes;
    this.#state = STATE.value;
    return this.#moreValue(input, keyEnd, end);
  }

  #moreValue(input: Uint8Array, start: number, end: number): number {
    const cache = this.#cache;
    const count = Math.min(this.#remaining, end - start);
    if (count > 0) cache.fill(this.#item, this.#filled, input, start, start + count);
    this.#filled += count;
    this.#remaining -= count;
    if (this.#remaining > 0) return start + count;
    const item = this.#item;
    const itemRequest = this.#itemRequest;
    assert(itemRequest !== null, 'a reserved item has its request');
    this.#item = 0;
    this.#state = STATE.header;
    const result = cache.commit(this.#mode, item, this.#itemHash, requestCas(cache, itemRequest));
    this.#answerStore(itemRequest, this.#mode, result);
    return start + count;
  }

  #answerStore(stored: BinaryRequest, mode: StoreMode, result: Result): void {
    const output = this.#output;
    if (result === RESULT.stored) {
      if (!OPCODE_TRAITS[stored.opcode]!.isQuiet) writeDone(output, stored, this.#newCas());
      return;
    }
    if (mode === STORE_MODE.cas && result === RESULT.notFound) countOne(this.#cache, COUNTER.casMisses);
    if (result === RESULT.noMemory) writeBody(output, stored, STATUS.noMemory, NO_MEMORY_TEXT.storing);
    else writeError(output, stored, storeStatus(mode, result));
  }

  /** Drops `count` bytes from `start` on, now or as they come. */
  #swallow(count: number, start: number, end: number): number {
    const here = Math.min(count, end - start);
    this.#remaining = count - here;
    this.#state = this.#remaining > 0 ? STATE.swallow : STATE.header;
    return start + here;
  }

  #continueRequest(input: Uint8Array, at: number, end: number): number {
    if (this.#state === STATE.value) return this.#moreValue(input, at, end);
    if (this.#state === STATE.swallow) return this.#swallow(this.#remaining, at, end);
    return end;
  }

  // The other commands

  #delete(input: Uint8Array, keyStart: number, keyEnd: number, isQuiet: boolean): void {
    const cache = this.#cache;
    const output = this.#output;
    const hash = cache.hash(input, keyStart, keyEnd);
    const { prefixes } = this.#context;
    if (prefixes.isOn) prefixes.recordDelete(input, keyStart, keyEnd);
    const result = cache.delete(input, keyStart, keyEnd, hash, requestCas(cache, request));
    if (result === RESULT.stored) {
      if (!isQuiet) writeDone(output, request, 0);
    } else if (result === RESULT.exists) {
      writeError(output, request, STATUS.exists);
    } else {
      countOne(this.#cache, COUNTER.deleteMisses);
      writeError(output, request, STATUS.notFound);
    }
  }

  /** Incr and decr; extras: delta (8 bytes), initial number (8), expiry time of a new item (4). */
  #arithmetic(
    input: Uint8Array,
    extrasStart: number,
    keyStart: number,
    keyEnd: number,
    increment: boolean,
    isQuiet: boolean,
  ): void {
    const cache = this.#cache;
    const output = this.#output;
    const deltaHigh = readUint32(input, extrasStart);
    const deltaLow = readUint32(input, extrasStart + 4);
    const exptime = readUint32(input, extrasStart + 16);
    const cas = requestCas(cache, request);
    const hash = cache.hash(input, keyStart, keyEnd);
    let result: Result;
    let high: number;
    let low: number;
    let created = false;
    if (exptime === DO_NOT_CREATE) {
      result = cache.arithmetic(input, keyStart, keyEnd, hash, increment, deltaHigh, deltaLow, cas);
      high = cache.numberHigh;
      low = cache.numberLow;
    } else {
      result = arithmeticOrCreate(
        cache,
        input,
        keyStart,
        keyEnd,
        hash,
        increment,
        deltaHigh,
        deltaLow,
        cas,
        readUint32(input, extrasStart + 8),
        readUint32(input, extrasStart + 12),
        absoluteExptime(exptime, cache.nowSeconds),
      );
      ({ numberHigh: high, numberLow: low, created } = arithmeticOutcome);
    }
    if (result === RESULT.stored) {
      if (isQuiet) return;
      output.reserve(HEADER_BYTES + 8);
      const version = this.#newCas();
      writeReplyHeader(output, request, STATUS.ok, 0, 0, 8, Math.floor(version / 4294967296), version >>> 0);
      const { bytes, at } = output;
      bytes[at] = high >>> 24;
      bytes[at + 1] = high >>> 16;
      bytes[at + 2] = high >>> 8;
      bytes[at + 3] = high;
      bytes[at + 4] = low >>> 24;
      bytes[at + 5] = low >>> 16;
      bytes[at + 6] = low >>> 8;
      bytes[at + 7] = low;
      output.at = at + 8;
      return;
    }
    if (result === RESULT.notFound) {
      countOne(this.#cache, increment ? COUNTER.incrMisses : COUNTER.decrMisses);
      writeError(output, request, STATUS.notFound);
    } else if (result === RESULT.noMemory) {
      const text = created ? NO_MEMORY_TEXT.creating : NO_MEMORY_TEXT.changing;
      writeBody(output, request, STATUS.noMemory, text);
    } else {
      writeError(output, request, ARITHMETIC_STATUS[result] ?? STATUS.notStored);
    }
  }

  /** @param exptime a delay in seconds, or a time; see flushDelaySeconds */
  #flush(exptime: number, isQuiet: boolean): void {
    const cache = this.#cache;
    if (!this.#context.settings.flushAllowed) {
      writeError(this.#output, request, STATUS.authError);
      return;
    }
    countOne(this.#cache, COUNTER.cmdFlush);
    cache.flushAll(flushDelaySeconds(exptime, cache.nowSeconds));
    if (!isQuiet) writeDone(this.#output, request, 0);
  }

  /** The three commands of SASL; without -S there are none. @returns as #execute */
  #sasl(input: Uint8Array, keyStart: number, keyEnd: number, bodyEnd: number, end: number): number {
    const login = this.#login;
    if (login === null) {
      writeError(this.#output, request, STATUS.unknownCommand);
      return this.#swallow(bodyEnd - keyEnd, keyEnd, end);
    }
    if (request.opcode === OPCODE.saslList) {
      login.list(this.#output, request);
      return bodyEnd;
    }
    const refusal = login.refusal(request);
    if (refusal !== STATUS.ok) {
      writeError(this.#output, request, refusal);
      return this.#swallow(bodyEnd - keyEnd, keyEnd, end);
    }
    if (bodyEnd > end) return -1;
    login.step(this.#output, request, input, keyStart, keyEnd, bodyEnd);
    return bodyEnd;
  }
}

/** For keys that are words. */
function textOf(input: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let i = start; i < end; i++) text += String.fromCharCode(input[i]!);
  return text;
}

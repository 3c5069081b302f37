import { KEY_BYTES_MAX, LINE_BYTES_MAX } from '../base/limits.ts';
import type { Output } from '../base/output.ts';
import type { Connection, ConnectionError, Session } from '../base/session.ts';
import { MetaRequest, parseMetaRequest } from '../protocol/text/meta-request.ts';
import { LINE_ERROR, nextKey, parseTextLine, TextRequest } from '../protocol/text/request-parser.ts';
import { VERB } from '../protocol/text/verbs.ts';
import { CAS_WIDE, type Cache } from '../store/cache.ts';
import { runAdminCommand } from './admin.ts';
import { absoluteExptime } from './exptime.ts';
import { KeyBatch } from './key-batch.ts';
import type { LongReply, LongReplyHost } from './long-reply.ts';
import { MetaCommands } from './meta-commands.ts';
import { MetaStores } from './meta-stores.ts';
import type { NodeContext } from './node-context.ts';
import { REPLY, writeReply } from './replies.ts';
import { isSet, SetBatch } from './set-batch.ts';
import { arithmetic, deleteKey, flushAll, touch } from './text-changes.ts';
import { answerStore, LongValue, modeOfVerb } from './text-stores.ts';
import { yieldsTurn } from './turns.ts';
import { ValueReplies, writeEnd } from './value-replies.ts';

const LF = 10;
const CR = 13;
const SPACE = 32;
const LETTER_V = 118;

/** A get line without its end that is longer than this is answered key by key as it arrives. */
const GET_LINE_WAIT_BYTES = 16 * 1024;

/** What the next byte of input belongs to. */
const STATE = {
  /** A new command line. */
  line: 0,
  /** The value of a storage command that is filled into a reserved item, and the two bytes behind it. */
  value: 1,
  /** Bytes of a refused value, dropped. */
  swallow: 2,
  /** More keys of a get line of great length, or of a retrieval line whose client reads slowly. */
  keys: 3,
  /** The rest of such a line behind an error. */
  badKeys: 4,
  /** Nothing: the connection is being closed. */
  ended: 5,
  /** Nothing yet: a reply comes later or in parts. */
  held: 6,
} as const;

/** The parse result of the line at hand. All sessions of a thread share it: none keeps it beyond one call of feed. */
const request = new TextRequest();

/** The same for the meta commands. */
const metaRequest = new MetaRequest();

/** Keys of the retrieval line at hand; shared likewise. */
const batch = new KeyBatch();
const sets = new SetBatch();

/** Replies to a wrong line, by LINE_ERROR; all others are answered `ERROR`. */
const LINE_ERROR_REPLY: readonly (Uint8Array | undefined)[] = (() => {
  const replies: Uint8Array[] = [];
  replies[LINE_ERROR.format] = REPLY.badFormat;
  replies[LINE_ERROR.deleteUsage] = REPLY.deleteUsage;
  replies[LINE_ERROR.exptime] = REPLY.invalidExptime;
  replies[LINE_ERROR.delta] = REPLY.invalidDelta;
  return replies;
})();

/**
 * A client's connection that speaks the classic text protocol.
 *
 * Requests are executed where they lie in the transport's buffer. Only two things outlive a call of `feed`: a value that is
 * longer than `waitBytesMax` goes straight into an item reserved in the store, and a get line of great length is answered key by
 * key. Anything shorter that is not complete is left unconsumed, to be offered again with more behind it.
 */
export class TextSession implements Session, LongReplyHost {
  readonly #context: NodeContext;
  readonly #cache: Cache;
  readonly connection: Connection;
  readonly #output: Output;
  readonly #values: ValueReplies;
  readonly #meta: MetaCommands;
  readonly #metaStores: MetaStores;
  readonly #longValue: LongValue;
  #state: number = STATE.line;
  /** Bytes of the part to drop that are still to come. */
  #remaining = 0;
  /** The verb of the retrieval line that is being answered, maybe in parts; for gat and gats the expiry time, too. */
  #keysVerb = 0;
  #keysExpireAt = 0;
  #held: LongReply | null = null;
  /** The line of a storage command has been offered, and its value is not all there. */
  #isValueAwaited = false;

  constructor(context: NodeContext, connection: Connection) {
    this.#context = context;
    this.#cache = context.cache;
    this.connection = connection;
    this.#output = connection.output;
    this.#values = new ValueReplies(context, connection.output);
    this.#meta = new MetaCommands(context, connection.output);
    this.#metaStores = new MetaStores(context, connection.output);
    this.#longValue = new LongValue(context.cache, connection.output, this.#metaStores);
  }

  hasFailed = false;

  get isBetweenRequests(): boolean {
    return this.#state === STATE.line;
  }

  feed(input: Uint8Array, start: number, end: number): number {
    const output = this.#output;
    let at = start;
    let requestsLeft = this.#context.settings.requestsPerTurnMax;
    this.#isValueAwaited = false;
    sets.clear();
    while (at < end && !output.blocked) {
      if (requestsLeft-- === 0 && this.#held === null) {
        if (yieldsTurn(this.#context, this.connection, at - start, end - at)) break;
        requestsLeft = this.#context.settings.requestsPerTurnMax - 1;
      }
      if (this.#state !== STATE.line) {
        const next = this.#continueRequest(input, at, end);
        if (next === at && this.#state !== STATE.line) break;
        at = next;
        continue;
      }
      // The commonest request by far, `get <key>`, is recognised in one pass over its bytes.
      if (input[at + 3] === SPACE && input[at] === 103 && input[at + 1] === 101 && input[at + 2] === 116) {
        const keyStart = at + 4;
        let keyEnd = keyStart;
        while (keyEnd < end && input[keyEnd]! > SPACE) keyEnd++;
        if (keyEnd + 1 < end && input[keyEnd] === CR && input[keyEnd + 1] === LF) {
          const keyBytes = keyEnd - keyStart;
          if (keyBytes > 0 && keyBytes <= KEY_BYTES_MAX) {
            const hash = this.#cache.hash(input, keyStart, keyEnd);
            this.#values.get(input, keyStart, keyEnd, hash, false, true);
            at = keyEnd + 2;
            continue;
          }
        }
      }
      // A set is nearly always plain.
      if (isSet(input, at)) {
        const dataStart = sets.take(this.#cache, input, at, end, request, requestsLeft);
        if (dataStart > 0) {
          const next = this.#storage(input, dataStart, end, sets.hash);
          if (next < 0) {
            this.#isValueAwaited = true;
            break;
          }
          at = next;
          continue;
        }
      }
      // So is `mg <key> v`.
      if (input[at + 2] === SPACE && input[at] === 109 && input[at + 1] === 103) {
        const keyStart = at + 3;
        let keyEnd = keyStart;
        while (keyEnd < end && input[keyEnd]! > SPACE) keyEnd++;
        const keyBytes = keyEnd - keyStart;
        if (
          keyEnd + 3 < end &&
          input[keyEnd + 1] === LETTER_V &&
          input[keyEnd] === SPACE &&
          input[keyEnd + 2] === CR &&
          input[keyEnd + 3] === LF &&
          keyBytes > 0 &&
          keyBytes <= KEY_BYTES_MAX &&
          this.#meta.getValue(input, keyStart, keyEnd)
        ) {
          at = keyEnd + 4;
          continue;
        }
      }
      const lineEnd = findLineEnd(input, at, end);
      if (lineEnd < 0) {
        if (end - at <= LINE_BYTES_MAX) break;
        const next = this.#overlongLine(input, at, end);
        if (next === at) break;
        at = next;
        continue;
      }
      // Any other mg goes straight to its parser.
      if (input[at] === 109 && input[at + 1] === 103 && input[at + 2] === SPACE) {
        const wordsEnd = input[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
        parseMetaRequest(input, VERB.metaGet, at + 3, wordsEnd, metaRequest);
        this.#meta.run(metaRequest, input);
        at = lineEnd + 1;
        continue;
      }
      parseTextLine(input, at, lineEnd, request);
      const next = this.#execute(input, lineEnd + 1, end);
      // Negative: the value is short and not complete yet; the whole request is offered again.
      if (next < 0) {
        this.#isValueAwaited = true;
        break;
      }
      at = next;
    }
    return this.#state === STATE.ended ? end : at;
  }

  closed(_error: ConnectionError | null): void {
    this.#longValue.abandon();
    this.#held?.closed();
    this.#held = null;
    this.#state = STATE.ended;
  }

  drained(): void {
    this.#held?.drained();
  }

  get connectionState(): string {
    return connectionStateOf(this.#state, this.#isValueAwaited, this.#output.blocked, this.#held);
  }

  hold(reply: LongReply): void {
    this.#held = reply;
    this.#state = STATE.held;
    if (!reply.isEndless) this.connection.pause();
  }

  release(): void {
    this.#held = null;
    this.#state = STATE.line;
    this.connection.flush();
    this.connection.resume();
  }

  /** Executes the parsed line. @returns where the next request begins, or -1 to wait for more of the value */
  #execute(input: Uint8Array, dataStart: number, end: number): number {
    const { verb, error } = request;
    if (verb >= VERB.set && verb <= VERB.cas) {
      const hash = error === LINE_ERROR.none ? this.#cache.hash(input, request.keyStart, request.keyEnd) : 0;
      return this.#storage(input, dataStart, end, hash);
    }
    if (verb >= VERB.metaGet && verb <= VERB.metaDebug) return this.#executeMeta(input, dataStart, end);
    if (error !== LINE_ERROR.none) {
      this.#refuse(error);
      return dataStart;
    }
    if (this.#context.fence !== null && changesSomething(verb) && this.#context.fence.refuses()) {
      if (!request.noreply) writeReply(this.#output, REPLY.notEnoughReplicas);
      return dataStart;
    }
    switch (verb) {
      case VERB.get:
      case VERB.gets:
      case VERB.gat:
      case VERB.gats:
        return this.#retrieve(input, dataStart);
      case VERB.delete:
        deleteKey(this.#context, this.#output, request, input);
        break;
      case VERB.incr:
      case VERB.decr:
        arithmetic(this.#cache, this.#output, request, input);
        break;
      case VERB.touch:
        touch(this.#cache, this.#output, request, input);
        break;
      case VERB.flushAll:
        flushAll(this.#context, this.#output, request);
        break;
      case VERB.quit:
        this.#endConnection();
        break;
      default:
        runAdminCommand(this.#context, this, request, input);
    }
    return dataStart;
  }

  #refuse(error: number): void {
    if (error === LINE_ERROR.http) {
      this.hasFailed = true;
      this.#endConnection();
      return;
    }
    if (request.noreply) return;
    writeReply(this.#output, LINE_ERROR_REPLY[error] ?? REPLY.error);
  }

  #endConnection(): void {
    this.#state = STATE.ended;
    this.connection.end();
  }

  // Retrieval

  /**
   * A whole line of get, gets, gat or gats. A key that is too long makes the whole answer an error, so all are looked at first. If the
   * client reads too slowly in the midst of many values, the rest of the keys is left unconsumed, as if the line came in parts.
   */
  #retrieve(input: Uint8Array, dataStart: number): number {
    const { verb } = request;
    this.#keysVerb = verb;
    if (verb === VERB.gat || verb === VERB.gats) {
      this.#keysExpireAt = absoluteExptime(request.exptime, this.#cache.nowSeconds);
    }
    let hasMore = batch.collect(input, request);
    const { keyStart, keyEnd } = request;
    if (hasMore) while (nextKey(input, request));
    if (request.error !== LINE_ERROR.none) {
      writeReply(this.#output, REPLY.badFormat);
      return dataStart;
    }
    request.keyStart = keyStart;
    request.keyEnd = keyEnd;
    let stoppedAt = this.#answerBatch(input);
    while (hasMore && stoppedAt < 0) {
      hasMore = batch.collect(input, request);
      stoppedAt = this.#answerBatch(input);
    }
    if (stoppedAt >= 0) {
      this.#state = STATE.keys;
      return stoppedAt;
    }
    writeEnd(this.#output);
    return dataStart;
  }

  /** Answers the keys of the batch. @returns -1, or where the first key lies that was not, because the client reads too slowly */
  #answerBatch(input: Uint8Array): number {
    const output = this.#output;
    batch.lookAhead(this.#cache, input);
    for (let i = 0; i < batch.count; i++) {
      const keyStart = batch.starts[i]!;
      if (output.blocked) return keyStart;
      this.#answerKey(input, keyStart, batch.ends[i]!, batch.hashes[i]!);
    }
    return -1;
  }

  #answerKey(input: Uint8Array, keyStart: number, keyEnd: number, hash: number): void {
    const verb = this.#keysVerb;
    if (verb === VERB.get || verb === VERB.gets) {
      this.#values.get(input, keyStart, keyEnd, hash, verb === VERB.gets, false);
    } else {
      this.#values.getAndTouch(input, keyStart, keyEnd, hash, verb === VERB.gats, this.#keysExpireAt);
    }
  }

  /** A line beyond the bound without its end: a get, or a gat, is answered in parts, anything else ends the connection. */
  #overlongLine(input: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && at - start <= 100 && input[at] === SPACE) at++;
    const isGat = input[at + 1] === 97;
    const isRetrieval = input[at] === 103 && (isGat || input[at + 1] === 101) && input[at + 2] === 116;
    const plain = isRetrieval && input[at + 3] === SPACE;
    if (!plain && !(isRetrieval && input[at + 3] === 115 && input[at + 4] === SPACE)) {
      this.hasFailed = true;
      this.#endConnection();
      return end;
    }
    if (end - start < GET_LINE_WAIT_BYTES) return start;
    this.#state = STATE.keys;
    const wordsStart = at + (plain ? 3 : 4);
    if (isGat) return this.#overlongGat(input, at, wordsStart, end);
    this.#keysVerb = plain ? VERB.get : VERB.gets;
    return wordsStart;
  }

  /** The expiry time in front of the keys of such a gat or gats. @returns the index behind it */
  #overlongGat(input: Uint8Array, start: number, wordsStart: number, end: number): number {
    let at = wordsStart;
    while (at < end && input[at] === SPACE) at++;
    while (at < end && input[at] !== SPACE) at++;
    // A line without its keys, of which the expiry time is wanted alone.
    parseTextLine(input, start, at, request);
    if (request.error === LINE_ERROR.exptime || at === end) {
      writeReply(this.#output, REPLY.invalidExptime);
      this.#state = STATE.badKeys;
      return at;
    }
    this.#keysVerb = request.verb;
    this.#keysExpireAt = absoluteExptime(request.exptime, this.#cache.nowSeconds);
    return at;
  }

  /** Answers the complete keys in [start, end) of a retrieval line that comes in parts. @returns the first byte not used */
  #moreKeys(input: Uint8Array, start: number, end: number): number {
    const output = this.#output;
    let at = start;
    while (at < end && !output.blocked) {
      while (at < end && input[at] === SPACE) at++;
      let keyEnd = at;
      while (keyEnd < end && input[keyEnd] !== SPACE && input[keyEnd] !== LF) keyEnd++;
      if (keyEnd - at > KEY_BYTES_MAX + 1) {
        writeReply(output, REPLY.badFormat);
        this.#state = STATE.badKeys;
        return keyEnd;
      }
      if (keyEnd === end) return at;
      const lineEnds = input[keyEnd] === LF;
      const wordEnd = lineEnds && keyEnd > at && input[keyEnd - 1] === CR ? keyEnd - 1 : keyEnd;
      if (wordEnd - at > KEY_BYTES_MAX) {
        writeReply(output, REPLY.badFormat);
        this.#state = lineEnds ? STATE.line : STATE.badKeys;
        return keyEnd + 1;
      }
      if (wordEnd > at) this.#answerKey(input, at, wordEnd, this.#cache.hash(input, at, wordEnd));
      at = keyEnd + 1;
      if (lineEnds) {
        writeEnd(output);
        this.#state = STATE.line;
        return at;
      }
    }
    return at;
  }

  // The meta commands

  #executeMeta(input: Uint8Array, dataStart: number, end: number): number {
    parseMetaRequest(input, request.verb, request.argumentsStart, request.lineEnd, metaRequest);
    if (request.verb !== VERB.metaSet) {
      this.#meta.run(metaRequest, input);
      return dataStart;
    }
    const { valueBytes } = metaRequest;
    const dataEnd = dataStart + valueBytes;
    if (this.#metaStores.refuses(metaRequest)) {
      return valueBytes < 0 ? dataStart : this.#swallow(valueBytes + 2, dataStart, end);
    }
    const isWhole = dataEnd + 2 <= end;
    if (!isWhole && valueBytes <= this.#context.settings.waitBytesMax) return -1;
    if (!isWhole || input[dataEnd] !== CR || input[dataEnd + 1] !== LF) {
      return this.#longValue.beginMeta(metaRequest, input)
        ? this.#moreValue(input, dataStart, end)
        : this.#swallow(valueBytes + 2, dataStart, end);
    }
    this.#metaStores.store(metaRequest, input, dataStart, dataEnd);
    return dataEnd + 2;
  }

  // Storage

  /** A storage line; the value begins at `dataStart`. @param hash of its key, if the line has no error */
  #storage(input: Uint8Array, dataStart: number, end: number, hash: number): number {
    const { valueBytes } = request;
    if (request.error !== LINE_ERROR.none) {
      // To repcached such a line is none of its commands, and the value behind it is another line; programs that were written for it read two errors.
      if (request.verb === VERB.cas && request.lacksCas && this.#context.reports.replicates) {
        writeReply(this.#output, REPLY.error);
        return dataStart;
      }
      this.#refuse(request.error);
      if (valueBytes < 0) return dataStart;
      return this.#swallow(valueBytes + 2, dataStart, end);
    }
    const cache = this.#cache;
    const dataEnd = dataStart + valueBytes;
    if (this.#context.fence?.refuses() === true) {
      if (!request.noreply) writeReply(this.#output, REPLY.notEnoughReplicas);
      return this.#swallow(valueBytes + 2, dataStart, end);
    }
    if (dataEnd + 2 > end && valueBytes <= this.#context.settings.waitBytesMax) return -1;
    const { prefixes } = this.#context;
    if (prefixes.isOn) prefixes.recordSet(input, request.keyStart, request.keyEnd);
    // A wrong line end is told only of a value that could be stored, so such a value goes the long way as well.
    if (!(dataEnd + 2 <= end && input[dataEnd] === CR && input[dataEnd + 1] === LF)) {
      return this.#longValue.begin(request, input)
        ? this.#moreValue(input, dataStart, end)
        : this.#swallow(valueBytes + 2, dataStart, end);
    }
    const { keyStart, keyEnd } = request;
    const mode = modeOfVerb(request.verb);
    if (request.cas === CAS_WIDE) cache.meta.setWideCas(request.casHigh, request.casLow);
    const expiresAt = absoluteExptime(request.exptime, cache.nowSeconds);
    const result = cache.store(
      mode,
      input,
      keyStart,
      keyEnd,
      hash,
      request.flags,
      expiresAt,
      request.cas,
      dataStart,
      dataEnd,
    );
    answerStore(cache, this.#output, mode, result, request.noreply);
    return dataEnd + 2;
  }

  #moreValue(input: Uint8Array, start: number, end: number): number {
    const next = this.#longValue.take(input, start, end);
    this.#state = this.#longValue.isOpen ? STATE.value : STATE.line;
    return next;
  }

  /** Drops `count` bytes from `start` on, now or as they come. */
  #swallow(count: number, start: number, end: number): number {
    const here = Math.min(count, end - start);
    this.#remaining = count - here;
    this.#state = this.#remaining > 0 ? STATE.swallow : STATE.line;
    return start + here;
  }

  #continueRequest(input: Uint8Array, at: number, end: number): number {
    switch (this.#state) {
      case STATE.value:
        return this.#moreValue(input, at, end);
      case STATE.swallow:
        return this.#swallow(this.#remaining, at, end);
      case STATE.keys:
        return this.#moreKeys(input, at, end);
      case STATE.badKeys: {
        const lineEnd = findLineEnd(input, at, end);
        if (lineEnd < 0) return end;
        this.#state = STATE.line;
        return lineEnd + 1;
      }
      case STATE.held:
        return this.#held?.isEndless === true ? end : at;
      default:
        return end;
    }
  }
}

/** The verbs that change an item and bring no value. */
function changesSomething(verb: number): boolean {
  return (verb >= VERB.delete && verb <= VERB.flushAll) || verb === VERB.gat || verb === VERB.gats;
}

/** memcached's name of what a connection is doing, for `stats conns`. */
function connectionStateOf(
  state: number,
  isValueAwaited: boolean,
  isBlocked: boolean,
  held: LongReply | null,
): string {
  if (held !== null) return held.state;
  if (state === STATE.ended) return 'conn_closing';
  if (isBlocked) return 'conn_mwrite';
  if (state === STATE.value || isValueAwaited) return 'conn_nread';
  return state === STATE.swallow ? 'conn_swallow' : 'conn_read';
}

/**
 * The index of the first LF in [start, end), or -1. A loop, because the array's own search cannot be told where to stop: the input
 * is a small window of a very large array.
 */
function findLineEnd(input: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end; i++) if (input[i] === LF) return i;
  return -1;
}

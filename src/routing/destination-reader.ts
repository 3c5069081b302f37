import { isEndLine, REPLY, TextReplyParser } from '../protocol/text/reply-parser.ts';
import { VERB } from '../protocol/text/verbs.ts';
import { matchBlocks, matched } from './block-run.ts';
import { type Call, type CallPool, keepOpenKeys } from './call.ts';
import { classifyServerError, FAILURE, isRead, SERVER_ERROR } from './failure.ts';
import { KEPT, LARGE, type Request } from './request.ts';
import type { RequestOwner } from './request-owner.ts';
import type { Ring } from './ring.ts';

/** A block up to this size that is not all there is left with the transport until it is; larger ones are passed on in pieces. */
const WHOLE_BLOCK_BYTES_MAX = 32 * 1024;

const LETTER_V = 86;

/** Of END and its line's end. */
const END_BYTES = 5;

/** What a reader is part of. */
export interface ReplySink {
  /** Calls in the order of their replies. */
  readonly queue: Ring<Call>;
  /** Takes the oldest call out of the queue. */
  shift(): Call;
  /** The oldest call got an answer that means that another server has to be asked. The sink has to settle it. */
  refused(call: Call): void;
}

/** Reads one connection's replies and brings each to the request that it answers. */
export class DestinationReader {
  /** A client does not take what it asked for, so nothing more is read from the server until it does. */
  paused = false;

  readonly #parser = new TextReplyParser();
  readonly #sink: ReplySink;
  readonly #calls: CallPool;

  /** The key whose large block is under way, or -1; how it is passed on; whether it came out of turn. */
  #largeKey = -1;
  #largeMode = 0;
  #largeLate = false;
  /** A copy of it for another server. */
  #largeCopy: Request | null = null;

  /** Whole blocks that stand in one piece of input and go to one client are written in one go: bytes [from, to). */
  #runRequest: Request | null = null;
  #runFrom = 0;
  #runTo = 0;
  /** The same for blocks that are kept: bytes [from, to) of the input belong to `at` of the request's reply. */
  #keptRequest: Request | null = null;
  #keptFrom = 0;
  #keptTo = 0;
  #keptAt = 0;
  #found = 0;

  #blocker: RequestOwner | null = null;

  constructor(sink: ReplySink, calls: CallPool) {
    this.#sink = sink;
    this.#calls = calls;
  }

  /** Values that have come since the last call. */
  takeFound(): number {
    const found = this.#found;
    this.#found = 0;
    return found;
  }

  /** A block is being passed on in pieces. */
  get streaming(): boolean {
    return this.#largeKey >= 0;
  }

  /** For a new connection. */
  reset(): void {
    this.#parser.reset();
    this.#largeKey = -1;
    this.paused = false;
    this.#blocker = null;
  }

  /** The connection is gone, and with it what was left of a large block. */
  connectionLost(): void {
    const call = this.#sink.queue.peek();
    if (this.#largeKey >= 0 && call !== undefined && !call.detached) {
      if (!call.request.cancelLarge(this.#largeKey)) call.detached = true;
    }
    this.reset();
    if (this.#largeCopy !== null) this.#calls.requests.release(this.#largeCopy);
    this.#largeCopy = null;
  }

  /** The client that is waited for. */
  get blocker(): RequestOwner | null {
    return this.#blocker;
  }

  /** What is still to come of the block that is being passed on in pieces. */
  get blockRest(): number {
    return this.#largeKey >= 0 ? this.#parser.valueRest : 0;
  }

  /** Drops the client that is waited for. */
  dropBlocker(): void {
    const blocker = this.#blocker;
    this.#blocker = null;
    blocker?.abort();
  }

  /**
   * Takes replies.
   *
   * @returns the index of the first byte not consumed, or -1 when the bytes are no replies to what was asked
   */
  read(input: Uint8Array, start: number, end: number): number {
    const at = this.#read(input, start, end);
    this.#writeRun(input);
    return at;
  }

  #read(input: Uint8Array, start: number, end: number): number {
    const parser = this.#parser;
    let at = start;
    while (at < end && !this.paused) {
      const call = this.#sink.queue.peek();
      if (call === undefined || !call.written) return -1;
      if (this.#largeKey >= 0) {
        at = this.#largePiece(call, input, at, end);
        if (at < 0) return -1;
        continue;
      }
      if (input[at] === LETTER_V) {
        const after = this.#run(call, input, at, end);
        if (after > at) {
          at = after;
          continue;
        }
      }
      const kind = parser.parseLine(input, at, end);
      if (kind === REPLY.incomplete) return at;
      if (kind === REPLY.malformed) return -1;
      if (kind === REPLY.other && call.request.verb >= VERB.metaGet && parser.metaValue(input)) {
        const after = this.#metaValue(call, input, at, end);
        if (after === at) return at;
        if (after < 0) return -1;
        at = after;
        continue;
      }
      if (kind !== REPLY.value) {
        if (!this.#line(call, kind, input)) return -1;
        at = parser.next;
        continue;
      }
      const after = this.#value(call, input, at, end);
      if (after === at) return at;
      if (after < 0) return -1;
      at = after;
    }
    return at;
  }

  /** The blocks that come as they are expected, all in one go. @returns the index behind them, which is `start` when there are none */
  #run(call: Call, input: Uint8Array, start: number, end: number): number {
    const { request, cursor } = call;
    if (cursor < 0 || call.detached || call.foundBy !== null || !isRead(request.verb)) return start;
    const behind = matchBlocks(request, cursor, input, start, end);
    if (behind === start) return start;
    const { keyBehind, count } = matched;
    const isComplete = count === request.keyCount && isEndLine(input, behind, end);
    if (request.takeRun(cursor, count, isComplete)) this.#addRun(request, input, start, behind);
    else {
      const at = request.keepRun(cursor, keyBehind, behind - start);
      // Maybe there is room for some of them.
      if (at === KEPT.noRoom) return start;
      if (at >= 0) this.#keep(request, input, start, behind, at);
    }
    this.#found += count;
    call.cursor = keyBehind;
    return behind;
  }

  /** A VALUE line, and maybe its value. @returns as `read`; `start` when the block is not complete but will be waited for */
  #value(call: Call, input: Uint8Array, start: number, end: number): number {
    const parser = this.#parser;
    const { request } = call;
    if (!isRead(request.verb)) return -1;
    const blockEnd = parser.next + parser.valueBytes + 2;
    const whole = blockEnd <= end;
    if (!whole && blockEnd - start <= WHOLE_BLOCK_BYTES_MAX) {
      parser.reset();
      return start;
    }
    if (call.detached) {
      // Its keys belong to other calls by now, so they say nothing about this reply.
      if (!whole) return this.#beginLarge(call, call.firstKey, false, input, start, blockEnd);
      return parser.takeValue(input, parser.next, end) === blockEnd ? blockEnd : -1;
    }
    this.#found++;
    let key = keyInTurn(call, input, parser.keyStart, parser.keyEnd);
    const late = key < 0;
    if (late) key = keyOutOfTurn(call, input, parser.keyStart, parser.keyEnd);
    if (key < 0) return -1;
    if (!whole) return this.#beginLarge(call, key, late, input, start, blockEnd);
    const valueStart = parser.next;
    if (parser.takeValue(input, valueStart, end) !== blockEnd) return -1;
    if (call.foundBy !== null) call.foundBy.found(call, key, input, start, blockEnd);
    if (!late) passTo(call, key);
    this.#block(call, key, input, start, blockEnd);
    return blockEnd;
  }

  /** A VA line, and maybe its value: together the whole answer to a meta command. @returns as `#value` */
  #metaValue(call: Call, input: Uint8Array, start: number, end: number): number {
    const parser = this.#parser;
    const blockEnd = parser.next + parser.valueBytes + 2;
    if (blockEnd <= end) {
      if (parser.takeValue(input, parser.next, end) !== blockEnd) return -1;
      this.#writeRun(input);
      this.#sink.shift();
      if (call.detached) this.#calls.release(call);
      else this.#calls.answer(call, input, start, blockEnd);
      return blockEnd;
    }
    if (blockEnd - start <= WHOLE_BLOCK_BYTES_MAX) {
      parser.reset();
      return start;
    }
    return this.#beginLarge(call, call.firstKey, false, input, start, blockEnd);
  }

  #block(call: Call, key: number, input: Uint8Array, from: number, to: number): void {
    const { request } = call;
    if (!request.takeTurn(key)) {
      const at = request.keepBlock(key, to - from);
      if (at >= 0) this.#keep(request, input, from, to, at);
      else if (at === KEPT.noRoom) this.#outOfMemory(call, key);
      return;
    }
    this.#addRun(request, input, from, to);
  }

  #addRun(request: Request, input: Uint8Array, from: number, to: number): void {
    if (this.#runRequest === request && this.#runTo === from) {
      this.#runTo = to;
      return;
    }
    this.#writeRun(input);
    this.#runRequest = request;
    this.#runFrom = from;
    this.#runTo = to;
  }

  /**
   * The END of a retrieval that one call carries alone and whose blocks stand before it in the present run: it goes to the client with
   * them, as it stands. @returns whether it was so
   */
  #endRun(call: Call, input: Uint8Array): boolean {
    const { request } = call;
    if (this.#runRequest !== request || this.#runTo !== this.#parser.lineStart || call.cursor >= 0)
      return false;
    if (call.detached || !request.isAnsweredBy(call.keyCount)) return false;
    this.#runTo = this.#parser.next;
    this.#sink.shift();
    this.#writeRun(input);
    request.passedWhole();
    this.#calls.release(call);
    return true;
  }

  /** Blocks that wait for their turn are copied in one go, too. */
  #keep(request: Request, input: Uint8Array, from: number, to: number, at: number): void {
    if (this.#keptRequest === request && this.#keptTo === from) {
      this.#keptTo = to;
      return;
    }
    this.#copyKept(input);
    this.#keptRequest = request;
    this.#keptFrom = from;
    this.#keptTo = to;
    this.#keptAt = at;
  }

  #copyKept(input: Uint8Array): void {
    const request = this.#keptRequest;
    if (request === null) return;
    this.#keptRequest = null;
    request.fillKept(input, this.#keptFrom, this.#keptTo, this.#keptAt);
  }

  #writeRun(input: Uint8Array): void {
    this.#copyKept(input);
    const request = this.#runRequest;
    if (request === null) return;
    this.#runRequest = null;
    this.#toOwner(request, input, this.#runFrom, this.#runTo);
  }

  #toOwner(request: Request, input: Uint8Array, from: number, to: number): void {
    const { owner } = request;
    if (owner === null) return;
    owner.write(input, from, to);
    if (!owner.congested) return;
    this.paused = true;
    this.#blocker = owner;
  }

  #beginLarge(
    call: Call,
    key: number,
    late: boolean,
    input: Uint8Array,
    start: number,
    blockEnd: number,
  ): number {
    this.#writeRun(input);
    this.#largeKey = key;
    this.#largeLate = late;
    let mode: number = LARGE.dropped;
    if (!call.detached) {
      // The keys that were passed over are settled, or this block would wait for them.
      if (!late) passTo(call, key, false);
      mode = call.request.beginLarge(key, blockEnd - start);
      if (mode < 0) {
        this.#outOfMemory(call, key);
        mode = LARGE.dropped;
      }
    }
    this.#largeMode = mode;
    if (!call.detached && call.foundBy !== null && isRead(call.request.verb)) {
      const { next } = this.#parser;
      this.#largeCopy = call.foundBy.foundLarge(call, key, input, start, next, blockEnd - start);
    }
    this.#passLarge(call, input, start, this.#parser.next);
    return this.#parser.next;
  }

  #largePiece(call: Call, input: Uint8Array, start: number, end: number): number {
    const parser = this.#parser;
    const after = parser.takeValue(input, start, end);
    if (after < 0) return -1;
    this.#largeCopy?.append(input, start, after);
    const { request } = call;
    const isEnd = parser.valueRest === 0 && this.#endsAnswer(call, input, after, end);
    this.#passLarge(call, input, start, isEnd ? after + END_BYTES : after);
    if (parser.valueRest > 0) return after;
    this.#copied(call);
    const key = this.#largeKey;
    this.#largeKey = -1;
    if (!isRead(call.request.verb)) {
      // Nothing follows it.
      this.#sink.shift();
      if (!call.detached && this.#largeMode !== LARGE.dropped) request.endLarge(key);
      this.#calls.release(call);
      return after;
    }
    if (call.detached) return after;
    if (!this.#largeLate) passTo(call, key);
    if (this.#largeMode !== LARGE.dropped) request.endLarge(key, isEnd);
    return after;
  }

  /** Whether the large block that ends here is the client's last one, and END follows: then both are passed on at once. The server's END is read as any other. */
  #endsAnswer(call: Call, input: Uint8Array, at: number, end: number): boolean {
    const { request } = call;
    return (
      this.#largeMode === LARGE.direct &&
      !call.detached &&
      isRead(request.verb) &&
      isEndLine(input, at, end) &&
      request.endsWith(this.#largeKey)
    );
  }

  #copied(call: Call): void {
    const copy = this.#largeCopy;
    this.#largeCopy = null;
    if (copy === null) return;
    if (!call.detached && call.foundBy !== null) call.foundBy.foundWhole(call, this.#largeKey, copy);
    else this.#calls.requests.release(copy);
  }

  #passLarge(call: Call, input: Uint8Array, from: number, to: number): void {
    if (call.detached) return;
    if (this.#largeMode === LARGE.direct) this.#toOwner(call.request, input, from, to);
    else if (this.#largeMode === LARGE.buffered) call.request.fillLarge(this.#largeKey, input, from, to);
  }

  /** The block does not fit into our buffers: the keys from this one on are refused, and the rest of the reply is skipped. */
  #outOfMemory(call: Call, key: number): void {
    const line = this.#calls.manner.failureLine(FAILURE.memory);
    call.detached = true;
    // Those that were passed over are open still, and stand before it.
    const first = call.keepsMisses && keepOpenKeys(call) ? call.firstKey : key;
    call.request.failKeys(first, line, 0, line.length);
  }

  /** A line that ends the oldest call. @returns false when no such call can be answered so */
  #line(call: Call, kind: number, input: Uint8Array): boolean {
    const parser = this.#parser;
    const { request } = call;
    const read = isRead(request.verb);
    if (read && kind === REPLY.other) return false;
    if (kind === REPLY.stat || (kind === REPLY.end && !read)) return false;
    if (kind === REPLY.end && this.#endRun(call, input)) return true;
    this.#writeRun(input);
    this.#sink.shift();
    if (call.detached) {
      this.#calls.release(call);
      return true;
    }
    if (kind === REPLY.serverError) {
      const meaning = classifyServerError(input, parser.lineStart, parser.lineEnd);
      if (meaning !== SERVER_ERROR.final) {
        if (meaning === SERVER_ERROR.lost) call.fateUnknown = true;
        call.failure = FAILURE.reported;
        this.#sink.refused(call);
        return true;
      }
    }
    if (!read) {
      this.#calls.answer(call, input, parser.lineStart, parser.next);
      return true;
    }
    if (call.keepsMisses) keepOpenKeys(call);
    if (kind !== REPLY.end) request.failKeys(call.cursor, input, parser.lineStart, parser.next);
    else if (call.keepsMisses && call.keyCount > 0 && !request.finished) {
      call.leaf?.childMissed(0, call);
      return true;
    } else request.missKeys(call.cursor);
    this.#calls.release(call);
    return true;
  }
}

/** The key of a call that a block belongs to, from the cursor on, or -1. */
function keyInTurn(call: Call, input: Uint8Array, start: number, end: number): number {
  const { request } = call;
  for (let key = call.cursor; key >= 0; key = request.keyNext[key]!)
    if (request.keyIs(key, input, start, end)) return key;
  return -1;
}

/**
 * The same among the keys that were passed over: twemproxy merges the answers of its servers in another order than that of the keys.
 */
function keyOutOfTurn(call: Call, input: Uint8Array, start: number, end: number): number {
  const { request } = call;
  for (let key = call.firstKey; key >= 0 && key !== call.cursor; key = request.keyNext[key]!)
    if (
      (request.wasMissed(key) || (call.keepsMisses && request.isOpen(key))) &&
      request.keyIs(key, input, start, end)
    )
      return key;
  return -1;
}

/** Moves the cursor to a key, or behind it: the keys that are passed over are misses. */
function passTo(call: Call, key: number, behind = true): void {
  const { request } = call;
  for (; call.cursor !== key; call.cursor = request.keyNext[call.cursor]!) {
    if (call.cursor < 0) return;
    if (!call.keepsMisses) request.missKey(call.cursor);
  }
  if (behind) call.cursor = request.keyNext[key]!;
}

import type { BufferBudget } from './buffer-budget.ts';
import { isRead, isRetrySafe } from './failure.ts';
import { isHushedReply } from './hushed-reply.ts';
import { ReplyBuffer } from './reply-buffer.ts';
import { KEEPER, type RequestOwner } from './request-owner.ts';
import { type KeySelector, WireRequest } from './wire-request.ts';

/** Who waits for the whole answer of a request that no client has sent. */
export interface RequestWatcher {
  /** Everything is known of the request now: it has its line, or each of its keys is settled. Told once. */
  requestSettled(request: Request): void;
}

/** Who is told when nobody is at work for a request any more: neither its client, nor a call, nor a server that answers late. */
export interface RequestEnding {
  /** Told once; the request can still be read. */
  requestEnded(request: Request): void;
}

/** What became of one key of a retrieval. */
const KEY = {
  pending: 0,
  missed: 1,
  /** Its block stands in `reply` and waits for its turn. */
  ready: 2,
  emitted: 3,
  /** Its block goes to the client piece by piece. */
  streaming: 4,
  failed: 5,
  /** A block that came after its turn: it is sent behind the others. */
  late: 6,
} as const;

/** Why a block is not kept; see `keepBlock`. */
export const KEPT = { nowhere: -1, noRoom: -2 } as const;

/** How a large block is passed on; see `beginLarge`. */
export const LARGE = { direct: 0, buffered: 1, dropped: 2 } as const;

const FINAL = { none: 0, line: 1, silent: 2 } as const;

/** Runs of bytes that are given to a client at a time: first and end of each. Nobody keeps them. */
const RUNS_MAX = 256;
const runs = new Int32Array(2 * RUNS_MAX);

const END_LINE = Uint8Array.from('END\r\n', (character) => character.charCodeAt(0));

/**
 * One request of a client, from its parsed line to its whole answer. Pooled: `RequestPool.acquire` and `release`. What is sent on of it is
 * `WireRequest`; here is who waits for it, and what has come of its answer.
 *
 * The answer of a retrieval is merged in the order of its keys from any number of calls that each carry some of them. While the
 * request is the client's oldest, blocks whose turn has come go straight to the client; all else waits in `reply`.
 */
export class Request extends WireRequest {
  owner: RequestOwner | null = null;
  /** The client's oldest unanswered request. */
  head = false;
  noreply = false;
  /** Calls that have not settled, and the client's queue: who may still read this record. */
  references = 0;
  /** The whole answer is with the client, or nobody waits for it. */
  finished = false;
  /** Who sent it has sent it elsewhere since: it is not to be done where it has not been sent on yet. */
  isVoid = false;
  /** A failed key fails all, so nothing is sent before all keys are settled. */
  isWhole = false;
  /** When it was sent on; 0: it was not. */
  beganMs = 0;
  /** Which configuration was in force when it came. */
  generation = 0;
  /** A quiet meta command: its usual answer is kept from the client. */
  isHushed = false;
  /** Of a request that came by the binary protocol: its opcode and the client's own number, as a signed one. */
  opcode = 0;
  opaque = 0;
  /** Doing it twice leaves the same, so an unknown fate is no reason to give up. */
  isRetrySafe = false;
  /** Told when the answer is whole; only of a request that no client waits for. */
  watcher: RequestWatcher | null = null;
  ending: RequestEnding | null = null;
  /** See RequestOwner. */
  lane = 0;
  /** Its place among the requests of its watcher. */
  slot = 0;
  /** A key of it, or all of it, was refused without an answer. */
  refused = false;
  /** The request whose bytes these are; kept until this one ends. */
  lender: Request | null = null;

  readonly #reply: ReplyBuffer;
  #nextKey = 0;
  #lateKeys = 0;
  #final = 0;
  #finalStart = 0;
  #finalEnd = 0;
  #told = false;

  constructor(budget: BufferBudget) {
    super(budget);
    this.#reply = new ReplyBuffer(budget);
  }

  /** Makes a clean record for a client's next request. */
  begin(owner: RequestOwner | null, verb: number, noreply: boolean): void {
    this.beginBytes(verb);
    this.owner = owner;
    this.head = false;
    this.noreply = noreply;
    this.references = 1;
    this.finished = false;
    this.isWhole = false;
    this.isVoid = false;
    this.beganMs = 0;
    this.isHushed = false;
    this.isRetrySafe = isRetrySafe(verb);
    this.lane = owner?.lane ?? 0;
    this.slot = 0;
    this.refused = false;
    this.#told = false;
    this.#nextKey = 0;
    this.#lateKeys = 0;
    this.#final = FINAL.none;
  }

  /** Gives memory back; the record goes to its pool. */
  end(): void {
    if (this.ending !== null) this.ending.requestEnded(this);
    this.ending = null;
    this.owner = null;
    this.watcher = null;
    this.lender = null;
    this.endBytes();
    this.#reply.clear();
  }

  /** Has the answer kept for a watcher. */
  watch(watcher: RequestWatcher, slot: number): void {
    this.owner = KEEPER;
    this.watcher = watcher;
    this.slot = slot;
  }

  /** Asks for the same as another one, or for some of its keys; see `borrowBytes`. */
  borrow(lender: Request, firstKey: number, selector: KeySelector | null): void {
    this.lender = lender;
    this.borrowBytes(lender, firstKey, selector);
    this.isRetrySafe = lender.isRetrySafe;
    this.lane = lender.lane;
  }

  /** The whole answer in one line: bytes [from, to) with the CR LF. */
  answer(source: Uint8Array, from: number, to: number): void {
    if (this.finished || this.#final !== FINAL.none) return;
    const isSilent =
      this.noreply || (this.isHushed && isHushedReply(this.verb, source[from]!, source[from + 1]!));
    if (this.owner === null || isSilent) {
      this.#final = FINAL.silent;
    } else if (this.head && !isRead(this.verb)) {
      this.owner.write(source, from, to);
      this.#final = FINAL.silent;
    } else this.#keepFinal(source, from, to);
    this.#progress();
  }

  /** The keys that a call still carries could not be asked for; bytes [from, to) are the line that says why. */
  failKeys(firstKey: number, source: Uint8Array, from: number, to: number): void {
    if (this.finished) return;
    if (this.#final === FINAL.none) this.#keepFinal(source, from, to);
    for (let key = firstKey; key >= 0; key = this.keyNext[key]!) this.keyState[key] = KEY.failed;
    this.#progress();
  }

  /** Nobody can answer for these keys, or for the request; its watcher knows why. */
  refuse(firstKey: number): void {
    this.refused = true;
    if (isRead(this.verb))
      for (let key = firstKey; key >= 0; key = this.keyNext[key]!) this.keyState[key] = KEY.failed;
    else if (this.#final === FINAL.none) this.#final = FINAL.silent;
    this.#progress();
  }

  /** Its failed keys count as missing from now on. */
  forgetFailures(): void {
    for (let key = 0; key < this.keyCount; key++)
      if (this.keyState[key] === KEY.failed) this.keyState[key] = KEY.missed;
  }

  /** Whether nothing will change any more. */
  get isSettled(): boolean {
    if (!isRead(this.verb)) return this.#final !== FINAL.none;
    for (let key = 0; key < this.keyCount; key++) {
      const state = this.keyState[key];
      if (state === KEY.pending || state === KEY.streaming) return false;
    }
    return true;
  }

  /** Whether the block of a key stands in `reply`, from `blockStart` to `blockEnd`. */
  hasBlock(key: number): boolean {
    return this.keyState[key] === KEY.ready;
  }

  hasFailed(key: number): boolean {
    return this.keyState[key] === KEY.failed;
  }

  blockStart(key: number): number {
    return this.#reply.start + this.blockStarts[key]!;
  }

  blockEnd(key: number): number {
    return this.#reply.start + this.blockEnds[key]!;
  }

  /** What is kept of the answer. The line, of a write or an error, goes from `lineStart` to `lineEnd`; both are 0 when there is none. */
  get reply(): Uint8Array {
    return this.#reply.bytes;
  }

  get lineStart(): number {
    return this.#final === FINAL.line ? this.#reply.start + this.#finalStart : 0;
  }

  get lineEnd(): number {
    return this.#final === FINAL.line ? this.#reply.start + this.#finalEnd : 0;
  }

  /** The server has none of these keys: `firstKey` and those behind it in the same call. */
  missKeys(firstKey: number): void {
    if (this.finished) return;
    for (let key = firstKey; key >= 0; key = this.keyNext[key]!) this.keyState[key] = KEY.missed;
    this.#progress();
  }

  /** The server has passed this key over in its answer. */
  missKey(key: number): void {
    this.keyState[key] = KEY.missed;
  }

  /** Whether nothing is known of the key yet. */
  isOpen(key: number): boolean {
    return this.keyState[key] === KEY.pending;
  }

  /** Whether the key was passed over before, so that a block for it comes out of turn. */
  wasMissed(key: number): boolean {
    return this.keyState[key] === KEY.missed;
  }

  /**
   * Whether the block of this key goes to the client now: its caller then writes it to `owner`, whole, before it does anything else.
   * Else it belongs to `keepBlock`.
   */
  takeTurn(key: number): boolean {
    if (!this.head || this.finished || this.owner === null || this.isWhole || !this.#isTurn(key))
      return false;
    this.keyState[key] = KEY.emitted;
    this.#nextKey = key + 1;
    return true;
  }

  /**
   * The same for a run of blocks: those of `count` keys, from `firstKey` on by `keyNext`. What is not the client's now belongs to `keepRun`.
   *
   * @param isComplete it is the whole answer, and nothing can fail any more
   */
  takeRun(firstKey: number, count: number, isComplete: boolean): boolean {
    if (!this.head || this.finished || this.owner === null || (this.isWhole && !isComplete)) return false;
    // When keys in between belong to other servers, all blocks but the first have to wait.
    for (let i = 1, key = firstKey; i < count; i++) {
      key = this.keyNext[key]!;
      if (key !== firstKey + i) return false;
    }
    if (!this.#isTurn(firstKey)) return false;
    this.keyState.fill(KEY.emitted, firstKey, firstKey + count);
    this.#nextKey = firstKey + count;
    return true;
  }

  /** Whether a call that carried so many keys carried them all, and the client has got whatever was found. */
  isAnsweredBy(keyCount: number): boolean {
    return (
      keyCount === this.keyCount &&
      this.#nextKey === keyCount &&
      this.#lateKeys === 0 &&
      this.#final === FINAL.none &&
      !this.finished
    );
  }

  /** The client has got the answer with its END. */
  passedWhole(): void {
    this.finished = true;
    this.#progress();
  }

  /**
   * Makes room for a whole block that has to wait for its turn. Blocks that are kept one after the other lie one after the other, so their bytes
   * can be copied at once, with `fillKept`: before anything else is done to this request.
   *
   * @returns where it will lie; KEPT.nowhere when nobody wants it, KEPT.noRoom when the buffers are used up
   */
  keepBlock(key: number, blockBytes: number): number {
    if (this.finished || this.owner === null) {
      this.keyState[key] = KEY.emitted;
      return KEPT.nowhere;
    }
    const at = this.#reply.reserve(this, blockBytes);
    if (at < 0) return KEPT.noRoom;
    this.#keepAt(key, at, at + blockBytes);
    this.#settleBlock(key);
    return at;
  }

  /** Where the next block will lie that is kept. */
  get keptBytes(): number {
    return this.#reply.length;
  }

  /**
   * The same for a run of blocks that `matchBlocks` has found, which has written down where they lie.
   *
   * @param keyBehind the key behind the last one
   */
  keepRun(firstKey: number, keyBehind: number, runBytes: number): number {
    const isWanted = !this.finished && this.owner !== null;
    const at = isWanted ? this.#reply.reserve(this, runBytes) : KEPT.nowhere;
    if (isWanted && at < 0) return KEPT.noRoom;
    const keyState = this.keyState;
    const state = isWanted ? KEY.ready : KEY.emitted;
    for (let key = firstKey; key !== keyBehind; key = this.keyNext[key]!) keyState[key] = state;
    return at;
  }

  /** The bytes of blocks for which `keepBlock` has made room, from `at` on. */
  fillKept(source: Uint8Array, from: number, to: number, at: number): void {
    this.#reply.fill(at, source, from, to);
  }

  /**
   * A block begins that is too large to wait for in one piece.
   *
   * @param blockBytes its length, line and CR LF included
   * @returns one of LARGE: write the pieces to `owner`, hand them to `fillLarge`, or drop them because nobody waits;
   *   -1 when the buffers are used up
   */
  beginLarge(key: number, blockBytes: number): number {
    if (this.finished || this.owner === null) {
      this.keyState[key] = KEY.emitted;
      return LARGE.dropped;
    }
    if (this.head && !this.isWhole && this.#isTurn(key)) {
      this.keyState[key] = KEY.streaming;
      this.#nextKey = key;
      return LARGE.direct;
    }
    const at = this.#reply.reserve(this, blockBytes);
    if (at < 0) return -1;
    this.#keepAt(key, at, at);
    return LARGE.buffered;
  }

  /** The next piece of a buffered block. */
  fillLarge(key: number, source: Uint8Array, from: number, to: number): void {
    if (this.finished) return;
    const at = this.blockEnds[key]!;
    this.#reply.fill(at, source, from, to);
    this.blockEnds[key] = at + (to - from);
  }

  /** Whether nothing but END follows the block of this key, which is going to the client piece by piece. */
  endsWith(key: number): boolean {
    return (
      key === this.keyCount - 1 &&
      this.keyState[key] === KEY.streaming &&
      this.#lateKeys === 0 &&
      this.#final === FINAL.none &&
      !this.finished
    );
  }

  /** The last piece has come. @param withEnd END was with it */
  endLarge(key: number, withEnd = false): void {
    if (this.finished) return;
    if (this.keyState[key] === KEY.streaming) {
      this.keyState[key] = KEY.emitted;
      this.#nextKey = key + 1;
      if (!isRead(this.verb)) this.#final = FINAL.silent;
      this.finished = withEnd;
    } else {
      this.#settleBlock(key);
      if (!isRead(this.verb)) this.#finalIsBlock(key);
    }
    this.#progress();
  }

  /** The value of a meta get: it is the whole answer. */
  #finalIsBlock(key: number): void {
    this.#final = FINAL.line;
    this.#finalStart = this.blockStarts[key]!;
    this.#finalEnd = this.blockEnds[key]!;
  }

  /** The rest of a large block will not come. @returns whether the key may be asked for elsewhere */
  cancelLarge(key: number): boolean {
    if (this.keyState[key] !== KEY.streaming) return true;
    const { owner } = this;
    this.abandon();
    owner?.abort();
    return false;
  }

  /** The client has gone. */
  abandon(): void {
    this.owner = null;
    this.finished = true;
  }

  /**
   * Sends what may be sent. Only for the client's oldest request.
   *
   * @returns whether the answer is complete
   */
  flush(): boolean {
    const { owner } = this;
    if (owner === null || this.finished) return true;
    if (isRead(this.verb)) {
      if (!this.#flushBlocks(owner)) return false;
    } else {
      if (this.#final === FINAL.none) return false;
      if (this.#final === FINAL.line) this.#writeKept(owner, this.#finalStart, this.#finalEnd);
    }
    this.finished = true;
    return true;
  }

  #flushBlocks(owner: RequestOwner): boolean {
    if (this.isWhole) {
      let hasFailed = false;
      for (let key = 0; key < this.keyCount; key++) {
        if (this.keyState[key] === KEY.pending) return false;
        if (this.keyState[key] === KEY.failed) hasFailed = true;
      }
      if (hasFailed) {
        this.#writeKept(owner, this.#finalStart, this.#finalEnd);
        owner.failedWhole();
        return true;
      }
    }
    if (!this.#flushTurns(owner)) return false;
    if (this.#nextKey < this.keyCount) {
      // As magent does: the values so far, then the error in the place of END.
      this.#writeKept(owner, this.#finalStart, this.#finalEnd);
      return true;
    }
    for (let key = 0; this.#lateKeys > 0 && key < this.keyCount; key++) {
      if (this.keyState[key] !== KEY.late) continue;
      this.#writeKept(owner, this.blockStarts[key]!, this.blockEnds[key]!);
      this.#lateKeys--;
    }
    owner.write(END_LINE, 0, END_LINE.length);
    return true;
  }

  /** Sends the blocks whose turn has come, up to a key that has failed. Blocks that lie one behind the other go as one. @returns false when a key is still open */
  #flushTurns(owner: RequestOwner): boolean {
    const { keyCount, blockStarts, blockEnds } = this;
    const { bytes, start } = this.#reply;
    const keyState = this.keyState;
    let count = 0;
    let runEnd = 0;
    let key = this.#nextKey;
    let state: number = KEY.emitted;
    for (; key < keyCount; key++) {
      state = keyState[key]!;
      if (state === KEY.pending || state === KEY.streaming || state === KEY.failed) break;
      if (state !== KEY.ready) continue;
      keyState[key] = KEY.emitted;
      const blockStart = blockStarts[key]!;
      if (count === 0 || blockStart !== runEnd) {
        if (count === RUNS_MAX) {
          this.#nextKey = key + 1;
          owner.writeRuns(bytes, start, runs, count);
          count = 0;
        }
        runs[2 * count++] = blockStart;
      }
      runEnd = blockEnds[key]!;
      runs[2 * count - 1] = runEnd;
    }
    this.#nextKey = key;
    if (count > 0) owner.writeRuns(bytes, start, runs, count);
    return key === keyCount || state === KEY.failed;
  }

  /** Sends bytes [from, to) of what is kept. */
  #writeKept(owner: RequestOwner, from: number, to: number): void {
    const { bytes, start } = this.#reply;
    owner.write(bytes, start + from, start + to);
  }

  #progress(): void {
    if (this.head && this.owner !== null) this.owner.headProgressed();
    if (this.watcher === null || this.#told || !this.isSettled) return;
    this.#told = true;
    this.watcher.requestSettled(this);
  }

  /** Takes a block for a key that is open: to the client if it is its turn, else it is kept. @returns false when the buffers are used up */
  take(key: number, source: Uint8Array, from: number, to: number): boolean {
    if (!this.takeTurn(key)) {
      const at = this.keepBlock(key, to - from);
      if (at >= 0) this.fillKept(source, from, to, at);
      return at !== KEPT.noRoom;
    }
    this.owner?.write(source, from, to);
    return true;
  }

  /** Whether all keys before this one are settled and sent. */
  #isTurn(key: number): boolean {
    for (let before = this.#nextKey; before < key; before++) {
      const state = this.keyState[before];
      if (state !== KEY.missed && state !== KEY.emitted) return false;
    }
    return key >= this.#nextKey;
  }

  #keepAt(key: number, start: number, end: number): void {
    this.blockStarts[key] = start;
    this.blockEnds[key] = end;
  }

  #settleBlock(key: number): void {
    const late = key < this.#nextKey;
    this.keyState[key] = late ? KEY.late : KEY.ready;
    if (late) this.#lateKeys++;
  }

  #keepFinal(source: Uint8Array, from: number, to: number): void {
    const at = this.#reply.reserve(this, to - from, true);
    this.#reply.fill(at, source, from, to);
    this.#final = FINAL.line;
    this.#finalStart = at;
    this.#finalEnd = at + (to - from);
  }
}

import { assert } from '../base/assert.ts';
import { VERB } from '../protocol/text/verbs.ts';
import { type Call, keepOpenKeys } from './call.ts';
import { CarryOverRoute, FROM, STEPS, TO } from './carry-over.ts';
import { isMark, isMetaMark, MARK_SECONDS } from './carry-over-mark.ts';
import { replyByDefault } from './default-reply.ts';
import type { Errand } from './errand.ts';
import { FAILURE, isRead } from './failure.ts';
import { deletionOf, isPlainKey } from './key-deletion.ts';
import { MetaGet } from './meta-get.ts';
import type { Request } from './request.ts';
import { RESULT } from './result.ts';
import type { RouteContext, RouteHandle } from './route-handle.ts';
import { splitOff } from './split-call.ts';
import { keyHash } from './write-generations.ts';

/** What an errand for a call waits for. */
const NOTE = {
  getNew: STEPS,
  getOld: STEPS + 1,
  getAgain: STEPS + 2,
  deleteOld: STEPS + 3,
  deleteNew: STEPS + 4,
  /** Before the keys move: a write at the old place, and then the new one is told to forget. */
  writeOld: STEPS + 5,
  forgetNew: STEPS + 6,
  /** Until its keys have been carried over. */
  settle: STEPS + 7,
  forgetOld: STEPS + 8,
  /** A key that no line of text can name. */
  askNew: STEPS + 9,
  /** Somebody else's mark may have come meanwhile. */
  last: STEPS + 10,
  /** As `settle`, and some key could not be carried over. */
  unsettled: STEPS + 11,
} as const;

const PHASE = { before: 0, moving: 1, after: 2, over: 3 } as const;

/** So long before the end nothing is carried over any more, so that no mark outlives it, and so far clocks of proxies may differ. */
const LAST_CARRY_SECONDS: number = MARK_SECONDS + 5;

/** Unless more is said: so long after the end the old place is still told of writes, for proxies whose clocks are behind, or whose end is later, read there. */
export const RESHARD_TAIL_SECONDS = 60;

/** Spreads the numbers of clients over 32 bits: 2^32 divided by the golden ratio, as Knuth has it (The Art of Computer Programming, vol. 3, 6.4). */
const LANE_FACTOR = 0x9e3779b1;

/** Room for names of keys; more is made when it is needed. */
const NAMES_AT_FIRST = 64;

/** Requests of one client that wait for its write of the same key; more do not wait. */
const WAITERS_MAX = 1024;

export interface ReshardRules {
  /** Seconds since 1970, by the wall clock. */
  readonly startSeconds: number;
  readonly endSeconds: number;
  /** So long after the end the old place is still told of writes; RESHARD_TAIL_SECONDS unless given. */
  readonly tailSeconds?: number;
}

/**
 * Two placements of the same keys, an old one and a new one, such that nothing that was stored is missing in the new one and nothing that was deleted or
 * overwritten comes back. A key of which both name the same server first is asked for there, as if there were only the new placement. What becomes of the
 * others follows from the time:
 *
 * - *before*: they are read and written in their old place, and the new one is told to forget them with each write.
 * - *moving*: they are read in the new place, and where it has nothing in the old one; what is found there is carried over. Writes come to the old place first.
 * - *after*: they are read in the new place; writes still come to the old place first, for a minute.
 * - *over*: there is only the new placement.
 *
 * Proxies of which one is in one of these and the others are in the next one get along, so their clocks need not agree; a proxy that does not know of the
 * move gets along with *before*. See docs/internals/resharding.md.
 */
export class ReshardRoute extends CarryOverRoute {
  protected readonly unsettled: number = NOTE.unsettled;
  readonly #rules: ReshardRules;
  readonly #metaGet = new MetaGet();
  /** Writes that have not come to their last place, by a hash of client and key, with what the client has asked of the key since; null: nothing. */
  readonly #writing: Map<number, Call[] | null> = new Map();
  /** Of the writes that are just being ended, as a stack: what follows from one may end others before it returns. */
  #names: Int32Array = new Int32Array(NAMES_AT_FIRST);
  #namesEnd = 0;

  constructor(to: RouteHandle, from: RouteHandle, rules: ReshardRules, context: RouteContext) {
    super(to, from, context);
    this.#rules = rules;
  }

  /** Goes on counting where a route of the tree before ends, if that is of the same move. */
  continues(before: ReshardRoute): boolean {
    const { startSeconds, endSeconds } = this.#rules;
    if (before.#rules.startSeconds !== startSeconds || before.#rules.endSeconds !== endSeconds) return false;
    this.counts = before.counts;
    return true;
  }

  override triesOthers(): boolean {
    return false;
  }

  override route(call: Call): void {
    const phase = this.#phase();
    const to = this.children[TO]!;
    if (phase === PHASE.over) {
      to.route(call);
      return;
    }
    const { request, firstKey, keyCount } = call;
    let moving = 0;
    for (let key = firstKey; key >= 0; key = request.keyNext[key]!) if (this.#moves(request, key)) moving++;
    if (moving === 0) {
      to.route(call);
      return;
    }
    if (moving === Math.max(1, keyCount)) {
      this.#moved(call, phase);
      return;
    }
    const moved = splitOff(this.calls, call, (key) => this.#moves(request, key));
    if (call.keyCount > 0) to.route(call);
    else this.calls.release(call);
    if (moved !== null) this.#moved(moved, phase);
  }

  #phase(): number {
    const seconds = this.context.wallMs() / 1000;
    const { startSeconds, endSeconds, tailSeconds = RESHARD_TAIL_SECONDS } = this.#rules;
    if (seconds < startSeconds) return PHASE.before;
    if (seconds < endSeconds) return PHASE.moving;
    return seconds < endSeconds + tailSeconds ? PHASE.after : PHASE.over;
  }

  protected override mayCarry(): boolean {
    const seconds = this.context.wallMs() / 1000;
    return seconds >= this.#rules.startSeconds && seconds < this.#rules.endSeconds - LAST_CARRY_SECONDS;
  }

  #moves(request: Request, key: number): boolean {
    return this.children[TO]!.placeOf(request, key) !== this.children[FROM]!.placeOf(request, key);
  }

  /** A call whose keys all have another place than before. */
  #moved(call: Call, phase: number): void {
    if (this.#waits(call)) return;
    const { verb } = call.request;
    if (this.#onlyAsks(call.request)) {
      if (phase === PHASE.before) this.children[FROM]!.route(call);
      // Proxies whose clocks are behind may still set marks.
      else if (phase === PHASE.after) this.#askOne(call, NOTE.last, TO);
      else if (verb === VERB.get) this.#askOne(call, NOTE.getNew, TO);
      else if (this.#isPlain(call)) this.#settle(call);
      else this.#askOne(call, NOTE.askNew, TO);
      return;
    }
    this.#beginWrite(call);
    if (phase === PHASE.before) this.#askOne(call, NOTE.writeOld, FROM);
    else if (verb === VERB.delete) this.#askOne(call, NOTE.deleteOld, FROM);
    else if (phase === PHASE.after) this.#forgetOld(this.errands.acquire(call), call);
    else this.#settle(call);
  }

  #onlyAsks(request: Request): boolean {
    const { verb } = request;
    if (verb === VERB.metaGet) {
      this.#metaGet.read(request);
      return this.#metaGet.isRead;
    }
    return verb === VERB.get || verb === VERB.gets || verb === VERB.metaDebug;
  }

  #isPlain({ request, firstKey }: Call): boolean {
    return isPlainKey(request.bytes, request.keyStart[firstKey]!, request.keyEnd[firstKey]!);
  }

  #askOne(call: Call, note: number, child: number): void {
    const errand = this.errands.acquire(call);
    errand.note = note;
    this.ask(errand, 0, this.children[child]!, call);
  }

  protected override callProgressed(errand: Errand): void {
    const { call } = errand;
    assert(call !== null, 'a call waits for what is asked');
    switch (errand.note) {
      case NOTE.getNew:
        this.#newAnswered(errand, call);
        return;
      case NOTE.getOld:
        this.#oldAnswered(errand, call);
        return;
      case NOTE.getAgain:
        markIsMissing(errand, call);
        this.#finish(errand, call, 0);
        return;
      case NOTE.deleteOld:
        errand.note = NOTE.deleteNew;
        this.ask(errand, 1, this.children[TO]!, call);
        return;
      case NOTE.deleteNew:
        this.#finishWrite(errand, call, betterDeletion(errand.resultAt(0, 0), errand.resultAt(1, 0)));
        return;
      case NOTE.writeOld:
        this.#oldWritten(errand, call);
        return;
      case NOTE.forgetNew:
        this.#finishWrite(errand, call, 0);
        return;
      case NOTE.settle:
      case NOTE.unsettled:
        this.#settled(errand, call);
        return;
      case NOTE.forgetOld:
        this.#oldForgot(errand, call);
        return;
      case NOTE.last:
        this.#lastAnswered(errand, call);
        return;
      default:
        if (errand.resultAt(0, 0) === RESULT.notFound) this.#passOn(errand, call, FROM);
        else this.#finish(errand, call, 0);
    }
  }

  // get

  #newAnswered(errand: Errand, call: Call): void {
    markIsMissing(errand, call);
    if (this.#deliverFound(errand, call, false)) this.#askOne(call, NOTE.getOld, FROM);
  }

  #oldAnswered(errand: Errand, call: Call): void {
    if (hasFailed(errand, call)) {
      if (this.#waitsForReturn(errand, call)) return;
      this.counts.unreached++;
    }
    // It may have come to its new place, and gone from the old one, between the two questions.
    if (this.#deliverFound(errand, call, true)) this.#askOne(call, NOTE.getAgain, TO);
  }

  /** Gives the client what was found, and takes it out of the call. The errand ends. @returns whether something is left of the call; else it is settled */
  #deliverFound(errand: Errand, call: Call, carries: boolean): boolean {
    const { request } = call;
    const [answer] = errand.requests;
    errand.call = null;
    for (let key = call.firstKey, index = 0; key >= 0; key = request.keyNext[key]!, index++) {
      if (answer?.hasBlock(index) !== true) continue;
      this.deliverBlock(call, key, answer.reply, answer.blockStart(index), answer.blockEnd(index));
      if (carries) this.carry(request.bytes, request.keyStart[key]!, request.keyEnd[key]!);
    }
    // In the old place a failure is as good as a miss; in the new one nobody knows whether the key is there.
    if (!carries && hasFailed(errand, call)) this.#failSome(errand, call);
    this.errands.release(errand);
    if (keepOpenKeys(call)) return true;
    this.calls.missAll(call);
    return false;
  }

  /** Takes the keys out of the call that failed, and hands them on as failed. */
  #failSome(errand: Errand, call: Call): void {
    const [answer] = errand.requests;
    let index = 0;
    const failed = splitOff(this.calls, call, () => errand.resultAt(0, index++) >= RESULT.failed);
    if (failed === null) return;
    if (answer == null || answer.refused) {
      this.fail(errand.failedCall(failed));
      return;
    }
    failed.request.failKeys(failed.firstKey, answer.reply, answer.lineStart, answer.lineEnd);
    this.calls.release(failed);
  }

  // What needs the value

  #settle(call: Call): void {
    const errand = this.errands.acquire(call);
    errand.note = NOTE.settle;
    errand.starting = true;
    const { request } = call;
    for (let key = call.firstKey; key >= 0; key = request.keyNext[key]!)
      this.settle(errand, request.bytes, request.keyStart[key]!, request.keyEnd[key]!);
    errand.starting = false;
    this.errandProgressed(errand);
  }

  #settled(errand: Errand, call: Call): void {
    const { verb } = call.request;
    if (this.#onlyAsks(call.request)) {
      if (!this.#waitsForReturn(errand, call)) this.#askLast(errand, call);
      return;
    }
    const isSettled = errand.note === NOTE.settle || (verb === VERB.set && errand.failure === FAILURE.none);
    const names = this.#nameKeys(call);
    // Nothing has been done yet, and what may have a value in the old place still is not deleted there.
    if (!isSettled) this.#failHere(errand, call);
    else if (!this.#waitsForReturn(errand, call)) {
      this.#namesEnd = names;
      this.#forgetOld(errand, call);
      return;
    }
    this.#endWrite(names);
  }

  #forgetOld(errand: Errand, call: Call): void {
    errand.note = NOTE.forgetOld;
    this.#forget(errand, call, FROM, 0);
  }

  #oldForgot(errand: Errand, call: Call): void {
    let isForgotten = true;
    for (let slot = 0; slot < call.keyCount; slot++)
      if (errand.resultAt(slot, 0) >= RESULT.failed) isForgotten = false;
    const names = this.#nameKeys(call);
    if (isForgotten) this.#askLast(errand, call);
    else if (!this.#waitsForReturn(errand, call)) {
      this.counts.unreached++;
      if (call.request.verb === VERB.metaDelete) this.#failHere(errand, call);
      else this.#askLast(errand, call);
    }
    this.#endWrite(names);
  }

  #failHere(errand: Errand, call: Call): void {
    errand.call = null;
    // Whatever has been done was a delete in the old place, which may be done again.
    errand.fateUnknown = false;
    errand.failedCall(call);
    this.errands.release(errand);
    this.fail(call);
  }

  /**
   * The old place was lost a moment ago, and is likely to be back in another: what it has is worth waiting for, as it is where it has no other place (ReturnWait).
   *
   * @returns whether the call waits; then the errand is over
   */
  #waitsForReturn(errand: Errand, call: Call): boolean {
    const { hopeUntilMs, failure, timesLost } = errand;
    const { request } = call;
    const nowMs = this.context.nowMs();
    const latestMs = Math.min(hopeUntilMs, request.beganMs + this.context.settings.returnWaitMs);
    const untilMs = call.waitUntilMs === 0 ? latestMs : call.waitUntilMs;
    if (hopeUntilMs === Number.POSITIVE_INFINITY || untilMs <= nowMs || timesLost > 1) return false;
    if (hopeUntilMs === 0 || request.owner?.sendsElsewhere !== false) return false;
    if (failure !== FAILURE.connect && failure !== FAILURE.reset) return false;
    this.#failHere(errand, call);
    return true;
  }

  /** The request itself, in the new place; what has a value in its answer is looked at first. */
  #askLast(errand: Errand, call: Call): void {
    if (!isRead(call.request.verb) && call.request.verb !== VERB.metaGet) {
      this.#passOn(errand, call, TO);
      return;
    }
    errand.call = null;
    this.errands.release(errand);
    this.#askOne(call, NOTE.last, TO);
  }

  #lastAnswered(errand: Errand, call: Call): void {
    const [answer] = errand.requests;
    if (isRead(call.request.verb)) markIsMissing(errand, call);
    else if (answer != null && errand.resultAt(0, 0) === RESULT.good && isMetaMark(answer)) {
      errand.call = null;
      this.errands.release(errand);
      replyByDefault(call, this, this.calls);
      return;
    }
    this.#finish(errand, call, 0);
  }

  /** What one server alone was asked, and has not done, needs nothing from the other. */
  #oldWritten(errand: Errand, call: Call): void {
    if (call.keyCount <= 1 && !errand.fateUnknown && errand.resultAt(0, 0) === RESULT.failed) {
      this.#finishWrite(errand, call, 0);
      return;
    }
    errand.note = NOTE.forgetNew;
    this.#forget(errand, call, TO, 1);
  }

  /** Deletes the keys of a call in one of the places. @param slot the first of those that are used */
  #forget(errand: Errand, call: Call, child: number, slot: number): void {
    const { request } = call;
    errand.starting = true;
    for (let key = call.firstKey, at = slot; key >= 0; key = request.keyNext[key]!, at++) {
      const [start, end] = [request.keyStart[key]!, request.keyEnd[key]!];
      const deletion = deletionOf(this.calls.requests, request.bytes, start, end, false);
      if (deletion === null) continue;
      deletion.watch(errand, at);
      this.send(errand, deletion, this.children[child]!, call);
    }
    errand.starting = false;
    this.errandProgressed(errand);
  }

  // Ends

  #finishWrite(errand: Errand, call: Call, slot: number): void {
    const names = this.#nameKeys(call);
    this.#finish(errand, call, slot);
    this.#endWrite(names);
  }

  /** The client gets the answer in a slot; the errand ends. */
  #finish(errand: Errand, call: Call, slot: number): void {
    const count = Math.max(1, call.keyCount);
    this.choices(count).fill(slot, 0, count);
    this.deliver(errand, call);
    this.errands.release(errand);
  }

  /** One of the places answers the client itself; the errand ends. */
  #passOn(errand: Errand, call: Call, child: number): void {
    errand.call = null;
    this.errands.release(errand);
    this.children[child]!.route(call);
  }

  // What one client asks of one key stays in order

  #waits(call: Call): boolean {
    if (this.#writing.size === 0) return false;
    const { request, firstKey } = call;
    for (let key = firstKey; key >= 0; key = request.keyNext[key]!) {
      const name = nameOf(request, key);
      const waiting = this.#writing.get(name);
      if (waiting === undefined || (waiting !== null && waiting.length >= WAITERS_MAX)) continue;
      if (waiting === null) this.#writing.set(name, [call]);
      else waiting.push(call);
      return true;
    }
    return false;
  }

  #beginWrite({ request, firstKey }: Call): void {
    for (let key = firstKey; key >= 0; key = request.keyNext[key]!) {
      const name = nameOf(request, key);
      if (!this.#writing.has(name)) this.#writing.set(name, null);
    }
  }

  /** Notes the keys of a call that may be over before its write is ended. @returns what `endWrite` wants, which must follow before anything else goes on */
  #nameKeys({ request, firstKey }: Call): number {
    const from = this.#namesEnd;
    for (let key = firstKey; key >= 0; key = request.keyNext[key]!) {
      if (this.#namesEnd === this.#names.length) {
        const more = new Int32Array(2 * this.#names.length);
        more.set(this.#names);
        this.#names = more;
      }
      this.#names[this.#namesEnd++] = nameOf(request, key);
    }
    return from;
  }

  #endWrite(from: number): void {
    const end = this.#namesEnd;
    for (let at = from; at < end; at++) {
      const name = this.#names[at]!;
      const waiting = this.#writing.get(name);
      this.#writing.delete(name);
      if (waiting != null) for (const call of waiting) this.route(call);
    }
    this.#namesEnd = from;
  }

  /** Steps are given up that come later than a request may take; what follows then is one request to each place, or two. */
  override answerMsMax(): number {
    return 3 * (this.children[TO]!.answerMsMax() + this.children[FROM]!.answerMsMax());
  }

  /** Where both places replicate, or where it does not matter. */
  override replicates(request: Request, key: number): boolean | null {
    return this.children[TO]!.replicates(request, key);
  }

  override candidates(request: Request, key: number): readonly RouteHandle[] {
    return this.#moves(request, key) ? this.children : [this.children[TO]!];
  }
}

/** What a tree has counted of moves is gone on with in the one that comes after it. */
export function continueMoves(before: RouteHandle, now: RouteHandle): void {
  const old = [...before.walk()].filter((handle) => handle instanceof ReshardRoute);
  if (old.length === 0) return;
  for (const handle of now.walk()) {
    if (!(handle instanceof ReshardRoute)) continue;
    const found = old.findIndex((other) => handle.continues(other));
    if (found >= 0) old.splice(found, 1);
  }
}

/** By which a client's key is known. Two that have one name wait for each other, which does no harm. */
function nameOf(request: Request, key: number): number {
  return (
    Math.imul(request.lane, LANE_FACTOR) ^
    keyHash(request.bytes, request.keyStart[key]!, request.keyEnd[key]!)
  );
}

function markIsMissing(errand: Errand, call: Call): void {
  const [answer] = errand.requests;
  for (let index = 0; index < call.keyCount; index++)
    if (answer?.hasBlock(index) === true && isMark(answer, index)) answer.missKey(index);
}

function hasFailed(errand: Errand, call: Call): boolean {
  for (let index = 0; index < call.keyCount; index++)
    if (errand.resultAt(0, index) >= RESULT.failed) return true;
  return false;
}

/** Of the answers to two deletes of a key the slot of the one that the client gets: a failure, else the one that found something. */
function betterDeletion(old: number, now: number): number {
  if (Math.max(old, now) >= RESULT.failed) return now >= old ? 1 : 0;
  return now <= old ? 1 : 0;
}

import { assert } from '../base/assert.ts';
import { VERB } from '../protocol/text/verbs.ts';
import { isMark, MARK_TAIL, tokenOf } from './carry-over-mark.ts';
import type { Errand } from './errand.ts';
import { ErrandRoute } from './errand-route.ts';
import { FAILURE } from './failure.ts';
import { isPlainKey } from './key-deletion.ts';
import { wordEnd } from './line-words.ts';
import { exptimeOfMeta } from './meta-exptime.ts';
import { MetaValue } from './meta-get.ts';
import type { Request } from './request.ts';
import { RESULT } from './result.ts';
import type { RouteContext, RouteHandle } from './route-handle.ts';

/** The children: the new place of keys, and the old one. */
export const TO = 0;
export const FROM = 1;

/** What an errand for one key waits for. Those of the handle's other errands are numbers from STEPS on. */
const LOOK_NEW = 0;
const LOOK_OLD = 1;
const MARK = 2;
const VALUE = 3;
const PLAIN_VALUE = 4;
const STORE = 5;
const DROP = 6;
export const STEPS = 10;

/** Slots of its requests. */
const SLOT = {
  lookNew: 0,
  lookOld: 1,
  add: 2,
  token: 3,
  value: 4,
  plainValue: 5,
  store: 6,
  drop: 7,
} as const;

/** Keys that are carried over at one time with nobody waiting for it; more are not, and counted. */
const CARRIES_MAX = 1024;

/** How often one that somebody waits for is tried, when others write the key meanwhile. */
const TRIES_MAX = 3;

/** Servers take a larger exptime for a time since 1970. */
const RELATIVE_SECONDS_MAX = 60 * 60 * 24 * 30;

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const ADD = ascii('add ');
const CAS = ascii('cas ');
const GET = ascii('get ');
const GETS = ascii('gets ');
const META_GET = ascii('mg ');
const LINE_END = ascii('\r\n');
const FLAGS_WANTED = ascii(' t f v\r\n');
const KEY_OFFSET = 'VALUE '.length;
const SPACE = 32;

const metaValue = new MetaValue();

/** What a route has counted, and one that goes on where it has ended. */
interface CarryCounts {
  /** Keys. */
  underWay: number;
  carried: number;
  notCarried: number;
  /** Times that the old place did not answer. */
  unreached: number;
}

/**
 * Brings single keys from their old place to the new one such that nothing that was deleted or overwritten comes back, whatever servers there are. Four
 * steps, of which each begins when the one before it is answered:
 *
 * 1. a **mark** is added in the new place (`add`), which is something there if nothing was;
 * 2. its cas token is read (`gets`, sent with the `add`); what is no mark is a value, and the key has moved already;
 * 3. the value is read in the old place, with flags and the time that it has left (`mg KEY t f v`);
 * 4. it replaces the mark (`cas` with the token); when there was none the mark is taken away in the same way.
 *
 * Writes come to the old place first, and to the new one when that has answered. So if a value was read in the old place before a write, that write
 * comes to the new place after the mark was there, and either finds the value, or takes the mark away, and then the cas fails.
 */
export abstract class CarryOverRoute extends ErrandRoute {
  protected readonly context: RouteContext;
  /** Until the old place shows that it does not know meta commands. */
  #asksMeta = true;
  protected counts: CarryCounts = { underWay: 0, carried: 0, notCarried: 0, unreached: 0 };

  constructor(to: RouteHandle, from: RouteHandle, context: RouteContext) {
    super([to, from], context.calls);
    this.context = context;
  }

  /** Whether it is the time for it. */
  protected abstract mayCarry(): boolean;

  /** The note of an errand that has waited for keys of which some could not be settled. */
  protected abstract readonly unsettled: number;

  /** An errand that is no key's has all its answers. */
  protected abstract callProgressed(errand: Errand): void;

  override errandProgressed(errand: Errand): void {
    if (errand.starting || errand.open > 0) return;
    switch (errand.note) {
      case LOOK_NEW:
        this.#newLooked(errand);
        return;
      case LOOK_OLD:
        this.#oldLooked(errand);
        return;
      case MARK:
        this.#marked(errand);
        return;
      case VALUE:
      case PLAIN_VALUE:
        this.#valueCame(errand);
        return;
      case STORE:
        this.#stored(errand);
        return;
      case DROP:
        this.#end(errand, this.#wasNowhere(errand));
        return;
      default:
        this.callProgressed(errand);
    }
  }

  /** Carries a key over that was found in its old place, bytes [start, end) of `source`; nobody waits for it. */
  protected carry(source: Uint8Array, start: number, end: number): void {
    if (!this.mayCarry() || !isPlainKey(source, start, end)) return;
    if (this.counts.underWay >= CARRIES_MAX) {
      this.counts.notCarried++;
      return;
    }
    this.#mark(this.#begin(null, 0), source, start, end);
  }

  /** Sees to it that a key is in its new place, if it is anywhere. @param outer waits for it: it is told as of a request that has its answer */
  protected settle(outer: Errand, source: Uint8Array, start: number, end: number): void {
    if (!this.mayCarry() || !isPlainKey(source, start, end)) return;
    outer.open++;
    this.#look(this.#begin(outer, 1), source, start, end);
  }

  #begin(outer: Errand | null, tries: number): Errand {
    const errand = this.errands.acquire(null);
    errand.outer = outer;
    errand.sourceKey = tries;
    errand.sinceMs = this.context.nowMs();
    this.counts.underWay++;
    return errand;
  }

  #look(errand: Errand, source: Uint8Array, start: number, end: number): void {
    errand.note = LOOK_NEW;
    this.#send(errand, SLOT.lookNew, TO, VERB.gets, GETS, source, start, end, LINE_END);
  }

  #newLooked(errand: Errand): void {
    const look = errand.requests[SLOT.lookNew];
    const result = errand.resultAt(SLOT.lookNew, 0);
    const isThere = result === RESULT.good && look != null && !isMark(look, 0);
    if (look == null || isThere || result >= RESULT.failed || this.#isLate(errand)) {
      this.#end(errand, isThere);
      return;
    }
    errand.note = LOOK_OLD;
    const [start, end] = [look.keyStart[0]!, look.keyEnd[0]!];
    this.#send(errand, SLOT.lookOld, FROM, VERB.get, GET, look.bytes, start, end, LINE_END);
  }

  #oldLooked(errand: Errand): void {
    const look = errand.requests[SLOT.lookNew];
    assert(look != null, 'a key was looked for');
    const result = errand.resultAt(SLOT.lookOld, 0);
    if (result === RESULT.good && !this.#isLate(errand))
      this.#mark(errand, look.bytes, look.keyStart[0]!, look.keyEnd[0]!);
    else if (result === RESULT.notFound && look.hasBlock(0)) this.#drop(errand, look);
    else {
      if (result >= RESULT.failed) this.counts.unreached++;
      // Of a place that cannot be asked nothing more is expected.
      this.#end(errand, result !== RESULT.good);
    }
  }

  #mark(errand: Errand, source: Uint8Array, start: number, end: number): void {
    errand.note = MARK;
    errand.starting = true;
    this.#send(errand, SLOT.add, TO, VERB.add, ADD, source, start, end, MARK_TAIL);
    this.#send(errand, SLOT.token, TO, VERB.gets, GETS, source, start, end, LINE_END);
    errand.starting = false;
    this.errandProgressed(errand);
  }

  #marked(errand: Errand): void {
    const mark = errand.requests[SLOT.token];
    if (mark == null || errand.resultAt(SLOT.token, 0) >= RESULT.failed) this.#end(errand, false);
    else if (!mark.hasBlock(0)) this.#lost(errand, mark);
    else if (isMark(mark, 0)) this.#askValue(errand, mark);
    else this.#end(errand, true);
  }

  #askValue(errand: Errand, mark: Request): void {
    const [start, end] = [mark.keyStart[0]!, mark.keyEnd[0]!];
    if (this.#asksMeta) {
      errand.note = VALUE;
      this.#send(errand, SLOT.value, FROM, VERB.metaGet, META_GET, mark.bytes, start, end, FLAGS_WANTED);
    } else {
      errand.note = PLAIN_VALUE;
      this.#send(errand, SLOT.plainValue, FROM, VERB.get, GET, mark.bytes, start, end, LINE_END);
    }
  }

  #valueCame(errand: Errand): void {
    const isMeta = errand.note === VALUE;
    const slot = isMeta ? SLOT.value : SLOT.plainValue;
    const answer = errand.requests[slot];
    const mark = errand.requests[SLOT.token];
    const result = errand.resultAt(slot, 0);
    assert(mark != null, 'a mark was set');
    if (isMeta && result === RESULT.clientError) {
      this.#asksMeta = false;
      this.#askValue(errand, mark);
      return;
    }
    if (result >= RESULT.failed) this.counts.unreached++;
    const store =
      answer == null || result !== RESULT.good
        ? null
        : isMeta
          ? this.#metaStore(mark, answer)
          : this.#plainStore(mark, answer);
    if (store === null) {
      this.#drop(errand, mark);
      return;
    }
    errand.note = STORE;
    store.watch(errand, SLOT.store);
    this.send(errand, store, this.children[TO]!, null);
  }

  /** `cas KEY FLAGS EXPTIME BYTES TOKEN` out of the answer to an `mg`. @returns null when there is no item to be stored, or no room */
  #metaStore(mark: Request, answer: Request): Request | null {
    const { reply } = answer;
    if (!metaValue.read(reply, answer.lineStart, answer.lineEnd)) return null;
    const { flagsStart, flagsEnd, valueStart, valueEnd } = metaValue;
    const left = exptimeOfMeta(answer);
    const exptime = left > RELATIVE_SECONDS_MAX ? Math.floor(this.context.wallMs() / 1000) + left : left;
    const store = this.#storeLine(mark, reply, flagsStart, flagsEnd, exptime, valueEnd - valueStart);
    store?.append(reply, valueStart, valueEnd + LINE_END.length);
    return store;
  }

  /** The same out of a block, `VALUE KEY FLAGS BYTES`. */
  #plainStore(mark: Request, answer: Request): Request | null {
    const { reply } = answer;
    const [start, end] = [answer.blockStart(0), answer.blockEnd(0)];
    const keyEnd = wordEnd(reply, start + KEY_OFFSET);
    const flagsEnd = wordEnd(reply, keyEnd + 1);
    const valueStart = wordEnd(reply, flagsEnd + 1) + LINE_END.length;
    const valueBytes = end - LINE_END.length - valueStart;
    const exptime = this.context.settings.fillExptimeSeconds;
    const store = this.#storeLine(mark, reply, keyEnd + 1, flagsEnd, exptime, valueBytes);
    store?.append(reply, valueStart, end);
    return store;
  }

  #storeLine(
    mark: Request,
    source: Uint8Array,
    flagsStart: number,
    flagsEnd: number,
    exptime: number,
    valueBytes: number,
  ): Request | null {
    const [tokenStart, tokenEnd] = tokenOf(mark);
    const middle = ascii(` ${exptime} ${valueBytes} `);
    const key = mark.keyEnd[0]! - mark.keyStart[0]!;
    const room = CAS.length + key + 1 + flagsEnd - flagsStart + middle.length + tokenEnd - tokenStart;
    const store = this.#request(
      VERB.cas,
      CAS,
      mark.bytes,
      mark.keyStart[0]!,
      mark.keyEnd[0]!,
      room + valueBytes + 2 * LINE_END.length,
    );
    if (store === null) return null;
    store.bytes[store.length++] = SPACE;
    store.append(source, flagsStart, flagsEnd);
    store.append(middle, 0, middle.length);
    store.append(mark.reply, tokenStart, tokenEnd);
    store.append(LINE_END, 0, LINE_END.length);
    return store;
  }

  #stored(errand: Errand): void {
    const mark = errand.requests[SLOT.token];
    const result = errand.resultAt(SLOT.store, 0);
    assert(mark != null, 'a mark was set');
    if (result === RESULT.exists || result === RESULT.notFound) this.#lost(errand, mark);
    // It is too large there, say. To whoever comes next it is to be missing, not to be there as a mark.
    else if (result >= RESULT.serverError) this.#drop(errand, mark);
    else {
      if (result === RESULT.good) this.counts.carried++;
      this.#end(errand, result === RESULT.good);
    }
  }

  /** Somebody has written the key meanwhile. If somebody waits it is tried again, for a while. */
  #lost(errand: Errand, mark: Request): void {
    const { outer, sourceKey: tries, sinceMs } = errand;
    if (outer === null || tries >= TRIES_MAX || this.#isLate(errand)) {
      this.#end(errand, false);
      return;
    }
    const again = this.#begin(outer, tries + 1);
    again.sinceMs = sinceMs;
    outer.open++;
    this.#look(again, mark.bytes, mark.keyStart[0]!, mark.keyEnd[0]!);
    this.#end(errand, true);
  }

  /** Whether the mark was taken away because there is no value, not because of a failure. */
  #wasNowhere(errand: Errand): boolean {
    const slot = [SLOT.plainValue, SLOT.value, SLOT.lookOld].find((one) => errand.requests[one] != null);
    return slot !== undefined && errand.resultAt(slot, 0) === RESULT.notFound;
  }

  /** Nothing is to come in the place of the mark: `cas` with an exptime that is over is a delete with a condition, of any server. */
  #drop(errand: Errand, mark: Request): void {
    errand.note = DROP;
    const [tokenStart, tokenEnd] = tokenOf(mark);
    let tail = ' 0 -1 0 ';
    for (let at = tokenStart; at < tokenEnd; at++) tail += String.fromCharCode(mark.reply[at]!);
    const [start, end] = [mark.keyStart[0]!, mark.keyEnd[0]!];
    this.#send(errand, SLOT.drop, TO, VERB.cas, CAS, mark.bytes, start, end, ascii(`${tail}\r\n\r\n`));
  }

  /** @param isSettled what is to be had of the key is in its new place; else there may be something in the old one */
  #end(errand: Errand, isSettled: boolean): void {
    this.counts.underWay--;
    const { outer } = errand;
    if (outer !== null) {
      if (!isSettled) outer.note = this.unsettled;
      if (errand.hopeUntilMs > outer.hopeUntilMs || outer.failure === FAILURE.none) {
        outer.failure = errand.failure;
        outer.refusal = errand.refusal;
        outer.hopeUntilMs = Math.max(outer.hopeUntilMs, errand.hopeUntilMs);
      }
      if (errand.passedOver) outer.passedOver = true;
      outer.timesLost = Math.max(outer.timesLost, errand.timesLost);
    }
    this.errands.release(errand);
    if (outer === null) return;
    outer.open--;
    this.errandProgressed(outer);
  }

  /** Whoever waits has waited as long as a request may take. */
  #isLate({ sinceMs }: Errand): boolean {
    const patienceMs = Math.max(this.children[TO]!.answerMsMax(), this.children[FROM]!.answerMsMax());
    return this.context.nowMs() - sinceMs >= patienceMs;
  }

  /** Sends `WORD KEY` and what stands behind it. Where there is no room for that it is as if it had failed. */
  #send(
    errand: Errand,
    slot: number,
    child: number,
    verb: number,
    word: Uint8Array,
    source: Uint8Array,
    start: number,
    end: number,
    tail: Uint8Array,
  ): void {
    const request = this.#request(verb, word, source, start, end, word.length + end - start + tail.length);
    if (request === null) {
      this.errandProgressed(errand);
      return;
    }
    request.append(tail, 0, tail.length);
    request.watch(errand, slot);
    this.send(errand, request, this.children[child]!, errand.outer?.call ?? null);
  }

  #request(
    verb: number,
    word: Uint8Array,
    source: Uint8Array,
    start: number,
    end: number,
    room: number,
  ): Request | null {
    const { requests } = this.calls;
    const request = requests.acquire(null, verb, false);
    if (!request.reserve(room)) {
      requests.release(request);
      return null;
    }
    request.append(word, 0, word.length);
    request.prefixEnd = word.length - 1;
    const keyStart = request.length;
    request.append(source, start, end);
    request.addKey(keyStart, request.length);
    return request;
  }

  override counters(): Iterable<readonly [name: string, count: number]> {
    const { carried, notCarried, underWay, unreached } = this.counts;
    return [
      ['reshard_carried', carried],
      ['reshard_not_carried', notCarried],
      ['reshard_under_way', underWay],
      ['reshard_old_unreached', unreached],
    ];
  }
}

import { assert } from '../base/assert.ts';
import { VERB } from '../protocol/text/verbs.ts';
import type { Call, CallPool } from './call.ts';
import type { Errand } from './errand.ts';
import { ErrandRoute } from './errand-route.ts';
import { FAILURE, isRead } from './failure.ts';
import { writeAdd } from './fill-request.ts';
import { exptimeOfMeta, signedNumber } from './meta-exptime.ts';
import type { Request } from './request.ts';
import { RESULT } from './result.ts';
import type { RouteHandle } from './route-handle.ts';

const COLD = 0;
const WARM = 1;

/** Kinds of errands: a retrieval at the warm side, and what brings one value from there to the cold side. */
const ASK = 0;
const FILL = 1;
/** An errand that asks because the cold side failed: nothing is brought there. */
const ASK_INSTEAD = 2;
/** A meta get at the cold side, whose miss is a line. */
const ASK_COLD = 3;

/** Slots of a FILL. */
const EXPTIME = 0;
const ADD = 1;

/** Values that are on their way to the cold side at one time; more are not brought there, and counted. */
const FILLS_MAX = 1024;

/** After so many questions without an answer the warm side is taken for one that hangs up on them, as twemproxy does. */
const ASKS_FAILED_MAX = 3;

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const WORD_GET = ascii('get');
const WORD_META_GET = ascii('mg ');
const FLAG_EXPTIME = ascii(' t\r\n');
const ONE_SPACE = ascii(' ');
const LINE_END = ascii('\r\n');
const SPACE = 32;

export interface WarmUpRules {
  /** How long lives what is added to the cold side; null: as long as on the warm side, which is asked (`mg KEY t`). */
  readonly exptimeSeconds: number | null;
  /** The same where the warm side does not know. */
  readonly exptimeSecondsUnknown: number;
}

/**
 * Fills a cold side from a warm one as clients ask: what the cold side does not have is read from the warm side, and added to the cold one. All
 * writes and deletes go to the cold side only.
 *
 * A client that wants a cas token (`gets`) needs the cold side's: the value is added first and then read there.
 */
export class WarmUpRoute extends ErrandRoute {
  readonly #rules: WarmUpRules;
  /** Until the warm side shows that it does not know meta commands. */
  #asksExptime: boolean;
  /** Questions for an exptime in a row that had no answer. */
  #asksFailed = 0;
  #fills = 0;
  #filled = 0;
  #notFilled = 0;

  constructor(cold: RouteHandle, warm: RouteHandle, rules: WarmUpRules, calls: CallPool) {
    super([cold, warm], calls);
    this.#rules = rules;
    this.#asksExptime = rules.exptimeSeconds === null;
  }

  override watchesMisses(index: number): boolean {
    return index === COLD;
  }

  override route(call: Call): void {
    this.forgetTurn(call);
    const { verb, hasBase64Key } = call.request;
    // A key in base64 may be none that a plain `get` can ask for.
    if (verb !== VERB.metaGet || hasBase64Key) {
      this.children[COLD]!.route(call);
      return;
    }
    const errand = this.errands.acquire(call);
    errand.note = ASK_COLD;
    this.ask(errand, 0, this.children[COLD]!, call);
  }

  protected override ownChildMissed(_index: number, call: Call): void {
    if (this.hasTurned(call)) this.miss(call);
    else this.#askWarm(call, ASK);
  }

  protected override ownChildFailed(_index: number, call: Call): void {
    const { verb } = call.request;
    // A token of the warm side would be of no use.
    if (isRead(verb) && !wantsToken(verb) && !this.hasTurned(call)) this.#askWarm(call, ASK_INSTEAD);
    else this.fail(call);
  }

  #askWarm(call: Call, kind: number): void {
    const errand = this.errands.acquire(call);
    errand.note = kind;
    this.takeTurn(call);
    const { requests } = this.calls;
    if (kind === ASK_INSTEAD) errand.noteFailure(call);
    if (call.request.verb === VERB.get) {
      this.ask(errand, 0, this.children[WARM]!, call);
      return;
    }
    const get = requests.acquire(null, VERB.get, false);
    get.watch(errand, 0);
    if (writeGet(get, call)) {
      this.send(errand, get, this.children[WARM]!, call);
      return;
    }
    requests.release(get);
    this.errands.release(errand);
    call.failure = FAILURE.memory;
    this.fail(call);
  }

  override errandProgressed(errand: Errand, slot: number): void {
    if (errand.note === ASK_COLD) this.#coldAnswered(errand);
    else if (errand.note !== FILL) this.#warmAnswered(errand);
    else if (slot === EXPTIME) this.#exptimeAnswered(errand);
    else this.#fillEnded(errand, errand.resultAt(ADD, 0) === RESULT.good);
  }

  #coldAnswered(errand: Errand): void {
    const { call } = errand;
    assert(call !== null, 'a meta get waits for the cold side');
    if (errand.resultAt(0, 0) === RESULT.notFound) this.#askWarm(call, ASK);
    else {
      this.choices(1)[0] = 0;
      this.deliver(errand, call);
    }
    this.errands.release(errand);
  }

  #warmAnswered(errand: Errand): void {
    const { call } = errand;
    const answer = errand.requests[0];
    assert(call !== null && answer != null, 'a retrieval waits for the warm side');
    const brings = errand.note === ASK;
    const waits = brings && wantsToken(call.request.verb);
    // Held until all fills have begun: one may end before the next one begins.
    errand.open++;
    if (brings) {
      for (let key = 0; key < call.keyCount; key++)
        if (answer.hasBlock(key)) this.#fill(answer, key, call.request, waits ? errand : null);
    }
    errand.open--;
    if (waits) {
      if (errand.open === 0) this.#askColdAgain(errand, call);
      return;
    }
    this.#tellWarm(errand, call, answer);
  }

  /** The client gets what the warm side has; what that does not have either, or what it does not say, is missing, as the cold side has said. */
  #tellWarm(errand: Errand, call: Call, answer: Request): void {
    const chosen = this.choices(call.keyCount);
    // A slot without a request stands for a failure: that of the cold side.
    const otherwise = errand.note === ASK ? 0 : 1;
    for (let key = 0; key < call.keyCount; key++) chosen[key] = answer.hasBlock(key) ? 0 : otherwise;
    if (errand.note === ASK) answer.forgetFailures();
    this.deliver(errand, call);
    this.errands.release(errand);
  }

  /** The values that were found have been added. */
  #askColdAgain(errand: Errand, call: Call): void {
    const answer = errand.requests[0];
    assert(answer != null, 'the warm side has answered');
    const missed = this.calls.copy(call);
    const { request } = call;
    if (!isRead(request.verb)) {
      this.calls.release(missed);
      this.errands.release(errand);
      this.children[COLD]!.route(call);
      return;
    }
    let lastFound = -1;
    let lastMissed = -1;
    let key = call.firstKey;
    call.keyCount = missed.keyCount = 0;
    call.firstKey = missed.firstKey = -1;
    for (let index = 0; key >= 0; index++) {
      const next = request.keyNext[key]!;
      request.keyNext[key] = -1;
      if (answer.hasBlock(index)) {
        if (lastFound < 0) call.firstKey = key;
        else request.keyNext[lastFound] = key;
        lastFound = key;
        call.keyCount++;
      } else {
        if (lastMissed < 0) missed.firstKey = key;
        else request.keyNext[lastMissed] = key;
        lastMissed = key;
        missed.keyCount++;
      }
      key = next;
    }
    call.cursor = call.firstKey;
    missed.cursor = missed.firstKey;
    this.errands.release(errand);
    if (missed.keyCount > 0) this.miss(missed);
    else this.calls.release(missed);
    if (call.keyCount > 0) this.children[COLD]!.route(call);
    else this.calls.release(call);
  }

  /** Brings a value to the cold side. @param outer who waits for it */
  #fill(answer: Request, key: number, request: Request, outer: Errand | null): void {
    if (this.#fills >= FILLS_MAX) {
      this.#notFilled++;
      return;
    }
    this.#fills++;
    const errand = this.errands.acquire(null);
    errand.note = FILL;
    errand.outer = outer;
    if (outer !== null) outer.open++;
    errand.source = answer;
    answer.references++;
    errand.sourceKey = key;
    const { exptimeSeconds } = this.#rules;
    if (request.verb === VERB.gat || request.verb === VERB.gats) this.#add(errand, exptimeOfGat(request));
    else if (exptimeSeconds !== null) this.#add(errand, exptimeSeconds);
    else if (this.#asksExptime) this.#ask(errand, answer, key);
    else this.#add(errand, this.#rules.exptimeSecondsUnknown);
  }

  #ask(errand: Errand, answer: Request, key: number): void {
    const request = this.calls.requests.acquire(null, VERB.metaGet, false);
    request.watch(errand, EXPTIME);
    const [start, end] = [answer.keyStart[key]!, answer.keyEnd[key]!];
    if (!request.reserve(WORD_META_GET.length + end - start + FLAG_EXPTIME.length)) {
      this.calls.requests.release(request);
      this.#fillEnded(errand, false);
      return;
    }
    request.append(WORD_META_GET, 0, WORD_META_GET.length);
    request.prefixEnd = request.length - 1;
    const keyStart = request.length;
    request.append(answer.bytes, start, end);
    request.addKey(keyStart, request.length);
    request.append(FLAG_EXPTIME, 0, FLAG_EXPTIME.length);
    this.send(errand, request, this.children[WARM]!, null);
  }

  #exptimeAnswered(errand: Errand): void {
    const request = errand.requests[EXPTIME];
    const result = errand.resultAt(EXPTIME, 0);
    // It says ERROR, or hangs up again and again: it knows no meta commands.
    this.#asksFailed = result === RESULT.failed ? this.#asksFailed + 1 : 0;
    if (result === RESULT.clientError || this.#asksFailed >= ASKS_FAILED_MAX) this.#asksExptime = false;
    if (request == null || result === RESULT.failed || result === RESULT.clientError)
      this.#add(errand, this.#rules.exptimeSecondsUnknown);
    else if (result === RESULT.good) this.#add(errand, exptimeOfMeta(request));
    else this.#fillEnded(errand, false);
  }

  #add(errand: Errand, seconds: number): void {
    const { source } = errand;
    assert(source !== null, 'a fill has a value');
    const add = this.calls.requests.acquire(null, VERB.add, false);
    add.watch(errand, ADD);
    const key = errand.sourceKey;
    if (!writeAdd(add, source.reply, source.blockStart(key), source.blockEnd(key), seconds)) {
      this.calls.requests.release(add);
      this.#fillEnded(errand, false);
      return;
    }
    this.send(errand, add, this.children[COLD]!, null);
  }

  #fillEnded(errand: Errand, isFilled: boolean): void {
    this.#fills--;
    if (isFilled) this.#filled++;
    else this.#notFilled++;
    const { outer } = errand;
    this.errands.release(errand);
    if (outer === null) return;
    outer.open--;
    if (outer.open === 0 && outer.call !== null) this.#askColdAgain(outer, outer.call);
  }

  override *counters(): Iterable<readonly [string, number]> {
    yield ['warmup_filled', this.#filled];
    yield ['warmup_not_filled', this.#notFilled];
    yield ['warmup_under_way', this.#fills];
  }

  /** A `gets` that is filled: cold, warm, the exptime, the add, cold again. */
  override answerMsMax(): number {
    return 3 * this.children[COLD]!.answerMsMax() + 2 * this.children[WARM]!.answerMsMax();
  }

  override replicates(request: Request, key: number): boolean | null {
    return this.children[COLD]!.replicates(request, key);
  }
}

/** Whether the cold side has to answer itself: its cas token is asked for, or may be. */
function wantsToken(verb: number): boolean {
  return verb === VERB.gets || verb === VERB.gats || verb === VERB.metaGet;
}

/** Writes a `get` for the keys of a call. @returns false when the buffers are used up */
function writeGet(get: Request, call: Call): boolean {
  const { request } = call;
  if (!get.reserve(request.length + WORD_GET.length)) return false;
  get.append(WORD_GET, 0, WORD_GET.length);
  get.prefixEnd = get.length;
  for (let key = call.firstKey; key >= 0; key = request.keyNext[key]!) {
    get.append(ONE_SPACE, 0, 1);
    const start = get.length;
    get.append(request.bytes, request.keyStart[key]!, request.keyEnd[key]!);
    get.addKey(start, get.length);
  }
  get.append(LINE_END, 0, LINE_END.length);
  return true;
}

/** The seconds in `gat SECONDS KEY...`. */
function exptimeOfGat({ bytes, prefixEnd }: Request): number {
  let start = 0;
  while (start < prefixEnd && bytes[start] !== SPACE) start++;
  return signedNumber(bytes, start + 1, prefixEnd);
}

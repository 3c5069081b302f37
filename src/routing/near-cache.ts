import { assert } from '../base/assert.ts';
import { type Call, comesAgain } from './call.ts';
import type { Errand } from './errand.ts';
import { HOT_KEY_FIGURE, type HotKeyFigure } from './hot-key-figures.ts';
import { HotKeyRoute } from './hot-key-route.ts';
import { META_ANSWER_ROOM, writeMetaAnswer } from './meta-get.ts';
import { NearCacheEntries } from './near-cache-entries.ts';
import type { RouteContext, RouteHandle } from './route-handle.ts';

/** Bounds of a near cache, for each thread. */
export interface NearCacheRules {
  /** So long at most a value is given out after it was asked for. */
  readonly ttlMs: number;
  readonly itemsMax: number;
  readonly bytesMax: number;
  /** Longer values are not kept. */
  readonly valueBytesMax: number;
  /** So many of the last gets, see KeyPopularity, must have been for a key for it to be kept; 0: every key is. */
  readonly hotGets: number;
}

/** A near cache whose copies lived longer would be a cache. */
export const NEAR_CACHE_MS_MAX = 10_000;

export const NEAR_CACHE_DEFAULT: NearCacheRules = {
  ttlMs: 100,
  itemsMax: 1024,
  bytesMax: 4 * 1024 * 1024,
  valueBytesMax: 64 * 1024,
  hotGets: 16,
};

const LF = 10;
const LINE_END_BYTES = 2;

/** How finely keys are told apart whose values are being fetched. A power of two. */
const FETCH_PLACES = 1024;

/** What an entry, a place of a fetch, or a hit is not. */
const NONE = -1;

/**
 * Keeps copies of the values of hot keys for a short time, and answers `get` and `mg` out of them as their server would.
 *
 * No read is given a value that is older than a write which had ended before the read came, through whichever thread of the proxy either went: see
 * WriteGenerations. What others change, and what expires, is seen late by `ttlMs` at most.
 *
 * A value that is to be kept is asked for by an errand, one at a time for a key; all other requests go on as they are.
 */
export class NearCacheRoute extends HotKeyRoute {
  readonly #rules: NearCacheRules;
  readonly #nowMs: () => number;
  readonly #entries: NearCacheEntries;
  /** By place: 1 while a value is being fetched. */
  readonly #fetching = new Uint8Array(FETCH_PLACES);
  #answer: Uint8Array = new Uint8Array(1024);
  #isRetired = false;

  constructor(child: RouteHandle, rules: NearCacheRules, context: RouteContext) {
    super(child, context);
    this.#rules = rules;
    this.#nowMs = () => context.nowMs();
    this.#entries = new NearCacheEntries(rules.itemsMax, rules.bytesMax);
  }

  protected override routeGet(call: Call): void {
    if (call.keyCount > 1) {
      this.#getMany(call);
      return;
    }
    const { request, firstKey } = call;
    const hash = this.hashOf(request, firstKey);
    const isHot = this.popularity.note(hash) >= this.#rules.hotGets;
    const slot = this.#find(call, firstKey, hash);
    if (slot !== NONE) {
      this.#count(HOT_KEY_FIGURE.nearHits, 1);
      const entries = this.#entries;
      this.deliverBlock(call, firstKey, entries.bytes, entries.blockStart(slot), entries.blockEnd(slot));
      call.firstKey = NONE;
      this.calls.missAll(call);
    } else if (isHot) this.#fetchOrPass(call, hash);
    else this.pass(call);
  }

  /** Keys of which there are copies are answered; hot ones without are fetched by themselves; the others go on together. */
  #getMany(call: Call): void {
    const { request } = call;
    const entries = this.#entries;
    let lastRest = NONE;
    let rest = 0;
    let hits = 0;
    let firstPart: Call | null = null;
    let key = call.firstKey;
    call.firstKey = NONE;
    while (key >= 0) {
      const next = request.keyNext[key]!;
      request.keyNext[key] = NONE;
      const hash = this.hashOf(request, key);
      const isHot = this.popularity.note(hash) >= this.#rules.hotGets;
      const slot = this.#find(call, key, hash);
      if (slot !== NONE) {
        hits++;
        this.deliverBlock(call, key, entries.bytes, entries.blockStart(slot), entries.blockEnd(slot));
      } else if (isHot && this.#mayFetch(call, hash)) {
        const part = this.calls.copy(call);
        part.firstKey = part.cursor = key;
        part.keyCount = 1;
        part.nextPart = firstPart;
        firstPart = part;
        // Not twice, where the key stands in the line twice.
        this.#fetching[hash & (FETCH_PLACES - 1)] = 1;
      } else {
        if (lastRest < 0) call.firstKey = key;
        else request.keyNext[lastRest] = key;
        lastRest = key;
        rest++;
      }
      key = next;
    }
    if (hits > 0) this.#count(HOT_KEY_FIGURE.nearHits, hits);
    call.cursor = call.firstKey;
    call.keyCount = rest;
    const hasParts = firstPart !== null;
    while (firstPart !== null) {
      const part: Call = firstPart;
      firstPart = part.nextPart;
      part.nextPart = null;
      const hash = this.hashOf(part.request, part.firstKey);
      const stamp = this.generations.stamp(hash);
      // Once more: the parts before have been sent meanwhile.
      if (this.generations.isQuiet(hash)) this.#fetch(part, hash, stamp);
      else {
        this.#fetching[hash & (FETCH_PLACES - 1)] = 0;
        this.pass(part);
      }
    }
    if (rest > 0) this.pass(call);
    else if (hasParts) this.calls.release(call);
    else this.calls.missAll(call);
  }

  protected override routeMetaGet(call: Call): void {
    const { request, firstKey } = call;
    const { isAnswerable, isWhole, wantsCas } = this.metaGet;
    const hash = this.hashOf(request, firstKey);
    const isHot = this.popularity.note(hash) >= this.#rules.hotGets;
    if (!isAnswerable) {
      this.pass(call);
      return;
    }
    const entries = this.#entries;
    const slot = this.#find(call, firstKey, hash);
    const serves =
      slot !== NONE && entries.isMeta(slot) && (!wantsCas || entries.casEnd(slot) > entries.blockEnd(slot));
    if (serves) this.#answerMeta(call, slot);
    else if (isHot && isWhole) this.#fetchOrPass(call, hash);
    else this.pass(call);
  }

  #answerMeta(call: Call, slot: number): void {
    const { request } = call;
    const entries = this.#entries;
    const start = entries.blockStart(slot);
    const end = entries.blockEnd(slot);
    const casEnd = entries.casEnd(slot);
    const room = META_ANSWER_ROOM + request.length + casEnd - start;
    // A copy may be as long as the longest value that is kept.
    if (this.#answer.length < room) this.#answer = new Uint8Array(2 * room);
    this.#count(HOT_KEY_FIGURE.nearHits, 1);
    const length = writeMetaAnswer(this.#answer, request, entries.bytes, start, end, casEnd);
    this.calls.answer(call, this.#answer, 0, length);
  }

  /** The slot of a copy that may be given out, or -1. What may not be given out any more is dropped. */
  #find({ request }: Call, key: number, hash: number): number {
    const entries = this.#entries;
    const slot = entries.find(hash, request.bytes, request.keyStart[key]!, request.keyEnd[key]!);
    if (slot < 0) return NONE;
    if (entries.stamp(slot) !== this.generations.stamp(hash)) {
      this.#count(HOT_KEY_FIGURE.nearInvalidations, 1);
      this.#drop(slot);
      return NONE;
    }
    if (entries.dueMs(slot) <= this.#nowMs()) {
      this.#drop(slot);
      return NONE;
    }
    return slot;
  }

  #drop(slot: number): void {
    const entries = this.#entries;
    const { items, usedBytes } = entries;
    entries.drop(slot);
    this.#noteSize(items, usedBytes);
  }

  #noteSize(itemsBefore: number, bytesBefore: number): void {
    const { items, usedBytes } = this.#entries;
    this.#count(HOT_KEY_FIGURE.nearItems, items - itemsBefore);
    this.#count(HOT_KEY_FIGURE.nearBytes, usedBytes - bytesBefore);
  }

  /** Whether the value of a hot key is to be asked for by an errand. A call that comes again, or for the last time, goes on as it is. */
  #mayFetch(call: Call, hash: number): boolean {
    return (
      !comesAgain(call) &&
      this.#fetching[hash & (FETCH_PLACES - 1)] === 0 &&
      this.generations.isQuiet(hash) &&
      !this.#isRetired
    );
  }

  #fetchOrPass(call: Call, hash: number): void {
    const stamp = this.generations.stamp(hash);
    if (this.#mayFetch(call, hash)) this.#fetch(call, hash, stamp);
    else this.pass(call);
  }

  /** @param stamp taken before the place was found quiet */
  #fetch(call: Call, hash: number, stamp: number): void {
    this.#fetching[hash & (FETCH_PLACES - 1)] = 1;
    const errand = this.errands.acquire(call);
    errand.sourceKey = hash;
    errand.note = stamp;
    errand.sinceMs = this.#nowMs();
    this.ask(errand, 0, this.children[0]!, call);
  }

  override errandProgressed(errand: Errand): void {
    const { call } = errand;
    assert(call !== null, 'a call waits for its errand');
    this.#fetching[errand.sourceKey & (FETCH_PLACES - 1)] = 0;
    this.#keep(errand);
    this.choices(1)[0] = 0;
    this.deliver(errand, call);
    this.errands.release(errand);
  }

  #keep({ requests, sourceKey: hash, note: stamp, sinceMs }: Errand): void {
    const asked = requests[0];
    if (asked == null || asked.refused || this.#isRetired) return;
    const { reply, bytes } = asked;
    const keyStart = asked.keyStart[0]!;
    const keyEnd = asked.keyEnd[0]!;
    const entries = this.#entries;
    const isMeta = !asked.hasBlock(0);
    const from = isMeta ? asked.lineStart : asked.blockStart(0);
    const to = isMeta ? asked.lineEnd : asked.blockEnd(0);
    if (from === to) return;
    const needed = isMeta ? entries.metaBytes(reply, from, to, keyEnd - keyStart) : to - from;
    if (needed < 0) return;
    const dueMs = sinceMs + this.#rules.ttlMs;
    const isCurrent = this.generations.stamp(hash) === stamp && this.generations.isQuiet(hash);
    if (!isCurrent || dueMs <= this.#nowMs()) {
      this.#count(HOT_KEY_FIGURE.nearNotAdmitted, 1);
      return;
    }
    if (valueBytes(reply, from, to) > this.#rules.valueBytesMax) {
      // Or it would be collected here again and again.
      this.popularity.forget(hash);
      this.#count(HOT_KEY_FIGURE.nearNotAdmitted, 1);
      return;
    }
    const { items, usedBytes } = entries;
    const before = entries.find(hash, bytes, keyStart, keyEnd);
    if (before >= 0) entries.drop(before);
    if (this.#hasRoom(needed, hash)) {
      if (isMeta) entries.putMeta(hash, stamp, dueMs, reply, bytes, keyStart, keyEnd);
      else entries.putBlock(hash, stamp, dueMs, reply, from, to);
      this.#count(HOT_KEY_FIGURE.nearFills, 1);
    } else this.#count(HOT_KEY_FIGURE.nearNotAdmitted, 1);
    this.#noteSize(items, usedBytes);
  }

  /** Makes room for a copy, unless one that would have to go for it is of a key that is asked for more often (TinyLFU, see KeyPopularity). */
  #hasRoom(needed: number, hash: number): boolean {
    const entries = this.#entries;
    if (needed > this.#rules.bytesMax) return false;
    while (!entries.hasRoom(needed)) {
      const { victim } = entries;
      if (victim >= 0) {
        const victimHash = entries.hashOf(victim);
        if (entries.stamp(victim) !== this.generations.stamp(victimHash))
          this.#count(HOT_KEY_FIGURE.nearInvalidations, 1);
        else if (entries.dueMs(victim) > this.#nowMs()) {
          if (this.popularity.count(victimHash) > this.popularity.count(hash)) return false;
          this.#count(HOT_KEY_FIGURE.nearEvictions, 1);
        }
      }
      entries.makeRoom();
    }
    return true;
  }

  #count(figure: HotKeyFigure, count: number): void {
    this.figures.add(figure, count);
  }

  override retire(): void {
    this.#isRetired = true;
    const { items, usedBytes } = this.#entries;
    while (this.#entries.items > 0) this.#entries.makeRoom();
    this.#noteSize(items, usedBytes);
  }
}

/** The length of the value behind the line that an answer, bytes [from, to), begins with. */
function valueBytes(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (bytes[at] !== LF) at++;
  return to - LINE_END_BYTES - (at + 1);
}

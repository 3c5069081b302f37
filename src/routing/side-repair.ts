import { VERB } from '../protocol/text/verbs.ts';
import type { Call, CallJoin, CallPool, FoundTaker } from './call.ts';
import { writeAdd } from './fill-request.ts';
import { deletionOf } from './key-deletion.ts';
import { exptimeVerb, writeMovedExptime } from './moved-exptime.ts';
import type { Request } from './request.ts';
import type { RouteHandle } from './route-handle.ts';
import type { ServerRecords } from './server-records.ts';

/** Keys whose last write a side has missed; of more the oldest are forgotten, counted, and doubted on that side from then on. */
export const MISSED_KEYS_MAX = 8192;

const ALL_LEVELS = -1;

/** How finely writes are told apart: keys that share a place are at worst not added. A power of two. */
const WRITTEN_PLACES = 4096;

/** How finely doubts are told apart: keys that share a place are at worst a miss. A power of two. */
const DOUBT_PLACES: number = 64 * 1024;

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const GET = ascii('get ');
const LINE_END = ascii('\r\n');

/**
 * Makes good what one side of a mirror lacks, while the other one is believed:
 *
 * - What it has missed by being away is stale there. When it is back, such keys are deleted there, and then asked for on the other side.
 * - What is found on the other side, by that or by a client's get, is added to it. An add never overwrites: a client's later write stands.
 *
 * All of it is sent behind what the side has been sent before, on the same connection, so a client's write that comes in between is not undone:
 * either the delete is behind it, and what is found then is that write; or the add is, and stores nothing.
 */
export class SideRepair implements CallJoin, FoundTaker {
  /** Keys that were forgotten, because there were too many. */
  forgotten = 0;
  /** Reads that the side was not asked for, because what it has is in doubt. */
  doubted = 0;
  /** By place: when a key was forgotten last, by the serial of the records; made when the first one is. */
  #doubts: Int32Array | null = null;
  /** Values that were added to the side, and such that found no room in the thread's buffers. */
  filled = 0;
  notFilled = 0;
  /** Counts writes, and says by place at which count a key was written last; made when it is needed first. */
  #writes = 0;
  #writtenAt: Float64Array | null = null;
  readonly #side: RouteHandle;
  readonly #other: RouteHandle;
  readonly #calls: CallPool;
  readonly #records: ServerRecords;
  readonly #exptimeSeconds: number;
  /** As latin-1 text, the oldest first. Kept only while servers are away, so it costs nothing while all is well. */
  readonly #missed: Set<string> = new Set();

  /**
   * @param side which lacks something
   * @param other which is believed
   * @param records say when a server was started anew, which ends all doubts about it
   * @param exptimeSeconds how long lives what is added: the real time is not known
   */
  constructor(
    side: RouteHandle,
    other: RouteHandle,
    calls: CallPool,
    records: ServerRecords,
    exptimeSeconds: number,
  ) {
    this.#side = side;
    this.#other = other;
    this.#calls = calls;
    this.#records = records;
    this.#exptimeSeconds = exptimeSeconds;
  }

  /** Keys whose last write the side has missed. */
  get missedCount(): number {
    return this.#missed.size;
  }

  /**
   * A write of this key has come to the side. If it makes no use of what was there, the side lacks nothing of this key any more: to repair it later, after who
   * knows what has become of the other side, would undo that write.
   */
  forget(request: Request, key: number): void {
    if (this.#missed.size === 0 || (request.verb !== VERB.set && request.verb !== VERB.delete)) return;
    this.#missed.delete(keyText(request, key));
  }

  /** A write of this key did not come to the side. If the side is up all the same, the key is repaired at once. */
  note(request: Request, key: number): void {
    const missed = this.#missed;
    const text = keyText(request, key);
    // To the end: of what was written again lately less is lost.
    missed.delete(text);
    missed.add(text);
    if (missed.size > MISSED_KEYS_MAX) {
      for (const oldest of missed) {
        missed.delete(oldest);
        this.forgotten++;
        this.#doubts ??= new Int32Array(DOUBT_PLACES);
        this.#doubts[doubtPlaceOf(oldest)] = this.#records.serial;
        break;
      }
    }
    if (this.#side.isUp(request, key) && this.#other.isUp(request, key)) this.#repair(text, isNotBelieved);
  }

  /**
   * Some server is up: begins with the keys that can be repaired now.
   *
   * @param isBelieved whether the side is believed for the key of a request. It was not when the key was noted; since then the other side has missed
   * something, or was started anew and has lost all. Then this one has what there is, and the note is of no use.
   */
  begin(isBelieved: (request: Request) => boolean): void {
    for (const text of [...this.#missed]) if (!this.#repair(text, isBelieved)) return;
  }

  /** @returns false when the thread's buffers are used up */
  #repair(text: string, isBelieved: (request: Request) => boolean): boolean {
    const request = this.#deletion(text);
    if (request === null) return false;
    const canRepair = this.#side.isUp(request, 0) && this.#other.isUp(request, 0);
    if (canRepair && !isBelieved(request)) this.#send(request, this.#side, this);
    else {
      if (canRepair) this.#missed.delete(text);
      this.#calls.requests.release(request);
    }
    return true;
  }

  /** What was stale is gone: now what the other side has. */
  answered(request: Request): void {
    this.#missed.delete(keyText(request, 0));
    // What is known by base64 alone is a miss here until it is written again.
    if (request.hasBase64Key) return;
    const [start, end] = [request.keyStart[0]!, request.keyEnd[0]!];
    const get = this.#request(VERB.get, GET, end - start + LINE_END.length);
    if (get === null) return;
    const keyStart = get.length;
    get.append(request.bytes, start, end);
    get.addKey(keyStart, get.length);
    get.append(LINE_END, 0, LINE_END.length);
    this.#send(get, this.#other, null);
  }

  found(call: Call, key: number, source: Uint8Array, from: number, to: number): void {
    const add = this.foundLarge(call, key, source, from, to, to - from);
    if (add !== null) this.foundWhole(call, key, add);
  }

  foundLarge(
    call: Call,
    key: number,
    source: Uint8Array,
    from: number,
    to: number,
    blockBytes: number,
  ): Request | null {
    if (!this.#side.isUp(call.request, key) || this.#wasWritten(call, key)) return null;
    const { requests } = this.#calls;
    const add = requests.acquire(null, VERB.add, true);
    if (writeAdd(add, source, from, to, this.#exptimeSeconds, blockBytes)) return add;
    requests.release(add);
    this.notFilled++;
    return null;
  }

  foundWhole(call: Call, key: number, copy: Request): void {
    if (this.#wasWritten(call, key)) this.#calls.requests.release(copy);
    else {
      this.filled++;
      if (this.isInDoubt(call.request, key)) this.#clear(call.request, key);
      this.#send(copy, this.#side, null);
    }
  }

  /** Notes that what is found for the call is to be added here, unless the key is written before that. */
  watch(call: Call): void {
    call.foundBy = this;
    call.foundSince = this.#writes;
  }

  /** A write of this key goes to both sides. What was read before it must not be added behind it. */
  written(request: Request, key: number): void {
    // An append to what is stale would make it look new.
    const overwrites = request.verb === VERB.set || request.verb === VERB.delete;
    if (!overwrites && this.isInDoubt(request, key)) this.#clear(request, key);
    this.#writes++;
    this.#writtenAt ??= new Float64Array(WRITTEN_PLACES);
    this.#writtenAt[placeOf(request, key)] = this.#writes;
  }

  /** A read of this key moves the item's exptime on the other side: here, too, if the side is up. */
  moveExptime(request: Request, key: number): void {
    if (!this.#side.isUp(request, key)) return;
    const { requests } = this.#calls;
    const moved = requests.acquire(null, exptimeVerb(request), true);
    if (writeMovedExptime(moved, request, key)) this.#send(moved, this.#side, null);
    else requests.release(moved);
  }

  /** Whether the side has missed a write of this key, or may have, and nobody knows any more which. */
  isInDoubt(request: Request, key: number): boolean {
    if (this.#doubts === null) return false;
    const doubtedAt = this.#doubts[doubtPlaceOf(keyText(request, key))]!;
    // A server that was started anew since then has nothing old.
    return doubtedAt > 0 && doubtedAt > this.#side.emptiedAt(request, key);
  }

  /** Whether there are such keys. */
  get hasDoubts(): boolean {
    return this.#doubts !== null;
  }

  /** Deletes a key here, in front of what is sent next. */
  #clear(request: Request, key: number): void {
    if (!this.#side.isUp(request, key)) return;
    const clear = this.#deletion(keyText(request, key));
    if (clear !== null) this.#send(clear, this.#side, null);
  }

  #deletion(text: string): Request | null {
    return deletionOf(this.#calls.requests, ascii(text), 0, text.length, true);
  }

  #wasWritten(call: Call, key: number): boolean {
    return this.#writtenAt !== null && this.#writtenAt[placeOf(call.request, key)]! > call.foundSince;
  }

  /** @returns null when the thread's buffers are used up: then it stays undone */
  #request(verb: number, word: Uint8Array, bytes: number): Request | null {
    const { requests } = this.#calls;
    const request = requests.acquire(null, verb, verb !== VERB.get);
    if (!request.reserve(word.length + bytes)) {
      requests.release(request);
      return null;
    }
    request.append(word, 0, word.length);
    request.prefixEnd = word.length - 1;
    return request;
  }

  /** There or nowhere. */
  #send(request: Request, target: RouteHandle, join: CallJoin | null): void {
    const call = this.#calls.acquire(request, 0, 1);
    call.join = join;
    if (request.verb === VERB.get) this.watch(call);
    call.fateUnknown = true;
    call.lastResort = true;
    call.crossed = ALL_LEVELS;
    target.route(call);
    this.#calls.requests.release(request);
  }
}

function placeOf(request: Request, key: number): number {
  let hash = 0;
  for (let at = request.keyStart[key]!; at < request.keyEnd[key]!; at++)
    hash = (Math.imul(hash, 31) + request.bytes[at]!) | 0;
  return (hash ^ (hash >>> 12)) & (WRITTEN_PLACES - 1);
}

function doubtPlaceOf(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return (hash ^ (hash >>> 16)) & (DOUBT_PLACES - 1);
}

const isNotBelieved = (): boolean => false;

function keyText(request: Request, key: number): string {
  let text = '';
  for (let at = request.keyStart[key]!; at < request.keyEnd[key]!; at++)
    text += String.fromCharCode(request.bytes[at]!);
  return text;
}

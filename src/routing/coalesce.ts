import { assert } from '../base/assert.ts';
import type { KeyHash } from '../hashing/key-hash.ts';
import { VERB } from '../protocol/text/verbs.ts';
import type { Call, CallPool } from './call.ts';
import type { Errand } from './errand.ts';
import { ErrandRoute } from './errand-route.ts';
import type { Request } from './request.ts';
import type { RouteHandle } from './route-handle.ts';

/** Kinds of errands. */
const FLIGHT = 0;
const WRITE = 1;

/** Flights at most, and how finely writes are told apart: keys that share a place are asked for as without this handle. A power of two. */
const PLACES = 4096;

/** What the answer to one flight may hand out, in bytes; who would go beyond it asks by itself, since a server's connection waits for clients and this does not. */
const HANDED_OUT_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Lets a `get` of one key wait for the answer to an equal one that is under way (a flight), instead of asking as well.
 *
 * No `get` is given what was read before a write that came here before it: a write ends the joining of its key's flight when it comes, and until
 * it is answered every `get` of its key goes its own way, behind the write. Whatever is neither `get` nor `gets` counts as a write, since gat
 * and mg may end an item's life too.
 */
export class CoalesceRoute extends ErrandRoute {
  readonly #hash: KeyHash;
  readonly #waitersMax: number;
  /** By place: who may be joined. */
  readonly #flights: (Errand | null)[] = new Array<Errand | null>(PLACES).fill(null);
  /** By place: writes without an answer. */
  readonly #writes = new Int32Array(PLACES);
  /** Writes without an answer whose keys cannot be told: in base64, or all of them. */
  #writesAnywhere = 0;
  #waiting = 0;
  #sent = 0;
  #joined = 0;
  #notJoined = 0;

  /** @param waitersMax so many wait for one flight; those beyond ask by themselves */
  constructor(child: RouteHandle, waitersMax: number, hash: KeyHash, calls: CallPool) {
    super([child], calls);
    this.#hash = hash;
    this.#waitersMax = waitersMax;
  }

  override route(call: Call): void {
    const { verb } = call.request;
    if (verb === VERB.get && call.keyCount === 1) this.#get(call);
    else if (verb === VERB.get || verb === VERB.gets || verb === VERB.metaDebug)
      this.children[0]!.route(call);
    else this.#write(call);
  }

  #get(call: Call): void {
    const { request, firstKey } = call;
    const place = this.#placeOf(request, firstKey);
    // A call that comes for the last time has servers dialled for it; others have not asked for that.
    if (call.lastResort || this.#writes[place] !== 0 || this.#writesAnywhere > 0) {
      this.children[0]!.route(call);
      return;
    }
    const flight = this.#flights[place] ?? null;
    if (flight === null) {
      const errand = this.errands.acquire(call);
      errand.note = FLIGHT;
      errand.sourceKey = place;
      this.#flights[place] = errand;
      this.#sent++;
      this.ask(errand, 0, this.children[0]!, call);
      return;
    }
    const asked = flight.requests[0];
    const isEqual = asked?.keyIs(0, request.bytes, request.keyStart[firstKey]!, request.keyEnd[firstKey]!);
    if (isEqual && flight.waiters.length < this.#waitersMax) {
      flight.waiters.push(call);
      this.#waiting++;
      this.#joined++;
      return;
    }
    if (isEqual) this.#notJoined++;
    this.children[0]!.route(call);
  }

  #write(call: Call): void {
    const errand = this.errands.acquire(call);
    errand.note = WRITE;
    this.#count(call.request, call.firstKey, 1);
    this.ask(errand, 0, this.children[0]!, call);
  }

  /** A write of these keys begins (1) or has its answer (-1). */
  #count(request: Request, firstKey: number, step: 1 | -1): void {
    if (request.hasBase64Key) {
      this.countEverywhere(step);
      return;
    }
    for (let key = firstKey; key >= 0; key = request.keyNext[key]!) {
      const place = this.#placeOf(request, key);
      this.#writes[place]! += step;
      this.#flights[place] = null;
    }
  }

  /** A write that concerns every key begins (1) or has its answer (-1). */
  countEverywhere(step: 1 | -1): void {
    this.#writesAnywhere += step;
    this.#flights.fill(null);
  }

  override errandProgressed(errand: Errand): void {
    const { call } = errand;
    assert(call !== null, 'a call waits for its errand');
    if (errand.note === WRITE) {
      this.#count(call.request, call.firstKey, -1);
      this.choices(call.keyCount).fill(0, 0, call.keyCount);
      this.deliver(errand, call);
    } else this.#land(errand, call);
    this.errands.release(errand);
  }

  #land(errand: Errand, call: Call): void {
    if (this.#flights[errand.sourceKey] === errand) this.#flights[errand.sourceKey] = null;
    const answer = errand.requests[0];
    const blockBytes = answer?.hasBlock(0) ? answer.blockEnd(0) - answer.blockStart(0) : 0;
    this.choices(1)[0] = 0;
    this.deliver(errand, call);
    const { waiters } = errand;
    for (let index = 0; index < waiters.length; index++) {
      const waiter = waiters[index]!;
      this.#waiting--;
      if ((index + 1) * blockBytes > HANDED_OUT_BYTES_MAX) {
        this.#notJoined++;
        this.children[0]!.route(waiter);
        continue;
      }
      this.choices(1)[0] = 0;
      this.deliver(errand, waiter);
    }
    waiters.length = 0;
  }

  #placeOf(request: Request, key: number): number {
    return this.#hash(request.bytes, request.keyStart[key]!, request.keyEnd[key]!) & (PLACES - 1);
  }

  override *counters(): Iterable<readonly [string, number]> {
    yield ['coalesce_sent', this.#sent];
    yield ['coalesce_joined', this.#joined];
    yield ['coalesce_not_joined', this.#notJoined];
    yield ['coalesce_waiting', this.#waiting];
  }
}

/** What every server does, of all keys: no `get` joins another meanwhile. */
export class EverywhereWriteRoute extends ErrandRoute {
  readonly #coalescing: readonly CoalesceRoute[];

  constructor(child: RouteHandle, coalescing: readonly CoalesceRoute[], calls: CallPool) {
    super([child], calls);
    this.#coalescing = coalescing;
  }

  override route(call: Call): void {
    for (const handle of this.#coalescing) handle.countEverywhere(1);
    this.ask(this.errands.acquire(call), 0, this.children[0]!, call);
  }

  override errandProgressed(errand: Errand): void {
    const { call } = errand;
    assert(call !== null, 'a call waits for its errand');
    for (const handle of this.#coalescing) handle.countEverywhere(-1);
    this.choices(1)[0] = 0;
    this.deliver(errand, call);
    this.errands.release(errand);
  }
}

import { type ClientManner, MAGENT_MANNER } from './client-manner.ts';
import { FAILURE, type Failure, isRead } from './failure.ts';
import type { Request } from './request.ts';
import type { RequestPool } from './request-pool.ts';

/** The leaf of a route tree, as a call that waits at it sees it. */
export interface CallLeaf {
  /** The call got no answer here; see RouteHandle. */
  childFailed(index: number, call: Call): void;
  /** The keys that the call still carries are not here; see RouteHandle. */
  childMissed(index: number, call: Call): void;
}

/** Takes copies of what was found, for a server that lacks it. */
export interface FoundTaker {
  /** A key was found: its block, line and value with the CR LF, is bytes [from, to) of `source`. */
  found(call: Call, key: number, source: Uint8Array, from: number, to: number): void;
  /**
   * The same of a block whose value comes in pieces.
   *
   * @param from its line, bytes [from, to)
   * @param blockBytes its whole length
   * @returns a request that the value is to be appended to, and that is to be given to `foundWhole` then, or released when the value does not come whole; null: it is not wanted
   */
  foundLarge(
    call: Call,
    key: number,
    source: Uint8Array,
    from: number,
    to: number,
    blockBytes: number,
  ): Request | null;
  /** All of a large block has been appended. */
  foundWhole(call: Call, key: number, copy: Request): void;
}

/** What two calls have in common that carry one write to two sides. */
export interface CallJoin {
  /** The side `branch` has answered, with bytes [from, to) of `source`. */
  answered(request: Request, branch: number, source: Uint8Array, from: number, to: number): void;
}

/**
 * A request, or some keys of one, on its way through the route tree to one destination. Pooled.
 *
 * A call is settled exactly once: by a reply, by the end of a retrieval, or by `giveUp`. A handle that tries another child
 * routes the same call again.
 */
export class Call {
  request: Request;
  /** The leaf of the route tree that the call waits at; failures go up from there. */
  leaf: CallLeaf | null = null;
  /** The keys it carries: the first one, the others by `request.keyNext`. */
  firstKey = 0;
  keyCount = 0;
  /** The next key that the reply may be about; -1 behind the last one. */
  cursor = 0;
  /** Set while a write is under way on two sides; which of the two this call is. */
  join: CallJoin | null = null;
  branch = 0;
  /** Links the parts of a call that is being split, and says which child each goes to. */
  nextPart: Call | null = null;
  slot = 0;
  /** How often its key was placed anew, because its server was ejected. */
  rehashes = 0;
  /** Mirrors whose second side is being asked: one bit for each level of the tree. */
  crossed = 0;
  /** Warm-ups whose warm side has been asked, and other handles that have had their turn: one bit for each level of the tree. */
  turned = 0;
  /** Keys that the server does not have stay open until the end of its answer, because somebody may know where else they are. */
  keepsMisses = false;
  /** Who wants to see what is found; null: nobody. */
  foundBy: FoundTaker | null = null;
  /** How many writes that one had seen when the call was made. */
  foundSince = 0;
  /** When it came to its destination, and until when it waits there. */
  sinceMs = 0;
  deadlineMs = 0;
  /** Bytes that it holds in its destination's queue. */
  queuedBytes = 0;
  /** Its bytes were handed to a connection. */
  written = false;
  /** How many bytes its connection has carried when all of it has gone. */
  endsAt = 0;
  /** It was sent again on a new connection to the same destination already. */
  resent = false;
  /** Somebody else carries on with the request; only the reply has to be skipped. */
  detached = false;
  failure: Failure = FAILURE.none;
  /** The line for the client where the configuration refuses it. */
  refusal: Uint8Array | null = null;
  /** A server may have done what was asked. */
  fateUnknown = false;
  /** A server was passed over because it is in its back-off: it may be back without our knowing. */
  passedOver = false;
  /** Nobody else is left, so that servers in their back-off are dialled for it at once. */
  lastResort = false;
  /** So long a server may be back that it failed to reach: it was lost a moment ago. 0: none was; without end: one is back and not in use yet. See ReturnWait. */
  hopeUntilMs = 0;
  /** So long it waits for that; 0: it has not come to it. Then it has been down the tree before. */
  waitUntilMs = 0;
  /** Connections that were lost after it had been sent on them. */
  timesLost = 0;
  /** Servers that it has waited for in vain; it does not wait for one twice. */
  readonly triedInVain: unknown[] = [];

  constructor(request: Request) {
    this.request = request;
  }
}

/** Records of calls, used again and again. */
export class CallPool {
  readonly requests: RequestPool;
  /** How clients are told of failures. */
  manner: ClientManner = MAGENT_MANNER;
  /** Answers that were failures. */
  failures = 0;
  /** Calls under way. */
  live = 0;
  readonly #free: Call[] = [];
  readonly #keptMax = 8192;

  constructor(requests: RequestPool) {
    this.requests = requests;
  }

  /** A call for `keyCount` keys of a request from `firstKey` on. */
  acquire(request: Request, firstKey: number, keyCount: number): Call {
    const call = this.#free.pop() ?? new Call(request);
    call.request = request;
    call.leaf = null;
    call.firstKey = firstKey;
    call.keyCount = keyCount;
    call.cursor = firstKey;
    call.join = null;
    call.branch = 0;
    call.crossed = 0;
    call.rehashes = 0;
    call.turned = 0;
    call.keepsMisses = false;
    call.foundBy = null;
    call.deadlineMs = 0;
    call.written = false;
    call.endsAt = 0;
    call.resent = false;
    call.detached = false;
    call.failure = FAILURE.none;
    call.refusal = null;
    call.fateUnknown = false;
    call.passedOver = false;
    call.lastResort = false;
    call.hopeUntilMs = 0;
    call.waitUntilMs = 0;
    call.timesLost = 0;
    request.references++;
    this.live++;
    return call;
  }

  /** A second call for the same keys, at the same place of the tree. */
  copy(call: Call): Call {
    const copy = this.acquire(call.request, call.firstKey, call.keyCount);
    copy.leaf = call.leaf;
    copy.cursor = call.cursor;
    copy.join = call.join;
    copy.branch = call.branch;
    copy.crossed = call.crossed;
    copy.rehashes = call.rehashes;
    copy.turned = call.turned;
    copy.keepsMisses = call.keepsMisses;
    copy.foundBy = call.foundBy;
    copy.foundSince = call.foundSince;
    copy.resent = call.resent;
    copy.failure = call.failure;
    copy.refusal = call.refusal;
    copy.fateUnknown = call.fateUnknown;
    copy.passedOver = call.passedOver;
    copy.lastResort = call.lastResort;
    copy.hopeUntilMs = call.hopeUntilMs;
    copy.waitUntilMs = call.waitUntilMs;
    copy.timesLost = call.timesLost;
    if (call.triedInVain.length > 0) copy.triedInVain.push(...call.triedInVain);
    return copy;
  }

  release(call: Call): void {
    const { request } = call;
    call.join = null;
    call.leaf = null;
    call.foundBy = null;
    if (call.triedInVain.length > 0) call.triedInVain.length = 0;
    this.live--;
    if (this.#free.length < this.#keptMax) this.#free.push(call);
    this.requests.release(request);
  }

  /** Leaves only the keys in a call that have not been answered. @returns true when none is left; then the call is settled */
  dropAnswered(call: Call): boolean {
    const { request, cursor } = call;
    if (!isRead(request.verb)) return false;
    if (call.keepsMisses) {
      if (keepOpenKeys(call)) return false;
      this.missAll(call);
      return true;
    }
    if (cursor === call.firstKey) return false;
    if (cursor < 0) {
      request.missKeys(-1);
      this.release(call);
      return true;
    }
    call.firstKey = cursor;
    call.keyCount = 0;
    for (let key = cursor; key >= 0; key = request.keyNext[key]!) call.keyCount++;
    return false;
  }

  /** The answer to anything but a retrieval has come: bytes [from, to) of `source`, a line. */
  answer(call: Call, source: Uint8Array, from: number, to: number): void {
    const { request } = call;
    if (call.join !== null) call.join.answered(request, call.branch, source, from, to);
    else request.answer(source, from, to);
    this.release(call);
  }

  /** The keys that a call still carries are nowhere; also when it carries none any more. */
  missAll(call: Call): void {
    call.request.missKeys(call.firstKey);
    this.release(call);
  }

  /** No handle knows a further destination: the client gets the reason. */
  giveUp(call: Call): void {
    const isRefused = call.failure === FAILURE.refused;
    const line = (isRefused ? call.refusal : null) ?? this.manner.failureLine(call.failure);
    const { request } = call;
    this.failures++;
    if (isRead(request.verb)) request.failKeys(call.firstKey, line, 0, line.length);
    else request.answer(line, 0, line.length);
    this.release(call);
  }
}

/**
 * Whether a call that failed may be tried on another server: always while no server can have done it, else only if doing it
 * twice is harmless.
 */
export function mayTryElsewhere(call: Call): boolean {
  return !call.fateUnknown || call.request.isRetrySafe;
}

/** Whether the call has been down the tree before, and comes for the last time, or after it has waited for a server. */
export function comesAgain(call: Call): boolean {
  return call.lastResort || call.waitUntilMs !== 0;
}

/** Sends a failed call up the tree from the leaf that it reached. */
export function failCall(call: Call, failure: Failure): void {
  call.failure = failure;
  call.deadlineMs = 0;
  call.resent = false;
  const { leaf } = call;
  if (leaf === null) throw new Error('a call failed that no leaf of the tree has sent');
  leaf.childFailed(0, call);
}

/**
 * Leaves only those keys in a call that have no answer yet.
 *
 * @returns whether there are any; if not, its first key is -1
 */
export function keepOpenKeys(call: Call): boolean {
  const { request } = call;
  let last = -1;
  let count = 0;
  for (let key = call.firstKey; key >= 0; ) {
    const next = request.keyNext[key]!;
    if (request.isOpen(key)) {
      if (last < 0) call.firstKey = key;
      else request.keyNext[last] = key;
      last = key;
      count++;
    }
    key = next;
  }
  if (last < 0) call.firstKey = -1;
  else request.keyNext[last] = -1;
  call.cursor = call.firstKey;
  call.keyCount = count;
  return count > 0;
}

import type { CallJoin } from './call.ts';
import { FAILURE, type Failure } from './failure.ts';
import type { Request } from './request.ts';
import { leavesTheSame } from './write-outcome.ts';

/** What has become of a write on one side. */
export const SIDE = { pending: 0, answered: 1, failed: 2 } as const;

/** Replies to writes are short; a longer one of the side that is not preferred is cut, which only shows when the other one fails. */
const REPLY_BYTES_MAX = 512;

/** Whose join it is. */
export interface JoinOwner {
  /** The write has come to one side only: `side` lacks it. */
  missedBy(side: number, request: Request): void;
  /** The write has come to both sides. */
  takenByBoth(request: Request): void;
  /** It has come to both, and `side` has made something else of it than the preferred one. */
  differed(side: number, request: Request): void;
  /** Both sides are settled. */
  releaseJoin(join: MirrorJoin): void;
}

/**
 * A write under way on both sides of a mirror. The client gets the answer of the preferred side, or that of the other one when the preferred
 * has none. Pooled.
 */
export class MirrorJoin implements CallJoin {
  readonly mirror: JoinOwner;
  /** By side, each one of SIDE. */
  readonly sides: [number, number] = [SIDE.pending, SIDE.pending];
  preferred = 0;
  /** The client has its answer. */
  delivered = false;
  /** The mirror inside which this one stands, if any, and the side of it that this write is. */
  outer: CallJoin | null = null;
  outerBranch = 0;
  /** Why the preferred side failed. */
  failure: Failure = FAILURE.none;
  fateUnknown = false;
  passedOver = false;
  hopeUntilMs = 0;
  timesLost = 0;
  readonly #reply = new Uint8Array(REPLY_BYTES_MAX);
  #replyLength = 0;

  constructor(mirror: JoinOwner) {
    this.mirror = mirror;
  }

  begin(preferred: number, outer: CallJoin | null, outerBranch: number): void {
    this.sides[0] = this.sides[1] = SIDE.pending;
    this.preferred = preferred;
    this.delivered = false;
    this.outer = outer;
    this.outerBranch = outerBranch;
    this.failure = FAILURE.none;
    this.fateUnknown = false;
    this.passedOver = false;
    this.hopeUntilMs = 0;
    this.timesLost = 0;
    this.#replyLength = 0;
  }

  get isSettled(): boolean {
    return this.sides[0] !== SIDE.pending && this.sides[1] !== SIDE.pending;
  }

  get hasFailed(): boolean {
    return this.sides[0] === SIDE.failed && this.sides[1] === SIDE.failed;
  }

  /** One side has answered, with bytes [from, to) of `source`. */
  answered(request: Request, branch: number, source: Uint8Array, from: number, to: number): void {
    const { preferred, sides } = this;
    const other = 1 - branch;
    sides[branch] = SIDE.answered;
    if (sides[other] === SIDE.failed) this.mirror.missedBy(other, request);
    else if (sides[other] === SIDE.pending) this.#keep(source, from, to);
    else if (leavesTheSame(request.verb, this.#reply, 0, this.#replyLength, source, from, to))
      this.mirror.takenByBoth(request);
    else this.mirror.differed(1 - preferred, request);
    if (branch === preferred || sides[preferred] === SIDE.failed) this.#deliver(request, source, from, to);
    if (this.isSettled) this.mirror.releaseJoin(this);
  }

  /** One side has failed; if the other one has answered, that is the answer. The caller settles the join. */
  failed(request: Request, branch: number): void {
    const other = 1 - branch;
    this.sides[branch] = SIDE.failed;
    if (this.sides[other] === SIDE.answered) this.mirror.missedBy(branch, request);
    if (branch === this.preferred && this.#replyLength > 0)
      this.#deliver(request, this.#reply, 0, this.#replyLength);
  }

  #keep(source: Uint8Array, from: number, to: number): void {
    const length = Math.min(to - from, REPLY_BYTES_MAX);
    for (let i = 0; i < length; i++) this.#reply[i] = source[from + i]!;
    if (length < to - from) {
      this.#reply[length - 2] = 13;
      this.#reply[length - 1] = 10;
    }
    this.#replyLength = length;
  }

  #deliver(request: Request, source: Uint8Array, from: number, to: number): void {
    if (this.delivered) return;
    this.delivered = true;
    if (this.outer === null) request.answer(source, from, to);
    else this.outer.answered(request, this.outerBranch, source, from, to);
  }
}

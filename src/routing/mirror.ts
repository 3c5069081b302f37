import { type Call, type CallJoin, type CallPool, mayTryElsewhere } from './call.ts';
import { FAILURE, type Failure, isRead } from './failure.ts';
import type { Request } from './request.ts';
import { RouteHandle } from './route-handle.ts';

const SIDE = { pending: 0, answered: 1, failed: 2 } as const;

const MAIN = 0;
const BACKUP = 1;

/** Replies to writes are short; a longer one of the backup is cut, which only shows when the main has died. */
const BACKUP_REPLY_BYTES_MAX = 512;

const JOINS_KEPT_MAX = 1024;

/**
 * A write under way on both sides of a mirror. The client gets the main's answer, or the backup's when the main has none. Pooled.
 */
class Join implements CallJoin {
  readonly mirror: MirrorRoute;
  main = 0;
  backup = 0;
  /** The client has its answer. */
  delivered = false;
  /** The mirror inside which this one stands, if any, and the side of it that this write is. */
  outer: CallJoin | null = null;
  outerBranch = 0;
  mainFailure: Failure = FAILURE.none;
  fateUnknown = false;
  passedOver = false;
  readonly #backupReply = new Uint8Array(BACKUP_REPLY_BYTES_MAX);
  #backupReplyLength = 0;

  constructor(mirror: MirrorRoute) {
    this.mirror = mirror;
  }

  begin(outer: CallJoin | null, outerBranch: number): void {
    this.main = SIDE.pending;
    this.backup = SIDE.pending;
    this.delivered = false;
    this.outer = outer;
    this.outerBranch = outerBranch;
    this.mainFailure = FAILURE.none;
    this.fateUnknown = false;
    this.passedOver = false;
    this.#backupReplyLength = 0;
  }

  /** One side has answered, with bytes [from, to) of `source`. */
  answered(request: Request, branch: number, source: Uint8Array, from: number, to: number): void {
    if (branch === MAIN) {
      this.main = SIDE.answered;
      this.#deliver(request, source, from, to);
    } else {
      this.backup = SIDE.answered;
      if (this.main === SIDE.failed) this.#deliver(request, source, from, to);
      else if (this.main === SIDE.pending) this.#keep(source, from, to);
    }
    if (this.main !== SIDE.pending && this.backup !== SIDE.pending) this.mirror.releaseJoin(this);
  }

  /** The main has failed: what the backup answered before, if it did. */
  deliverKept(request: Request): void {
    if (this.#backupReplyLength > 0) this.#deliver(request, this.#backupReply, 0, this.#backupReplyLength);
  }

  #keep(source: Uint8Array, from: number, to: number): void {
    const length = Math.min(to - from, BACKUP_REPLY_BYTES_MAX);
    for (let i = 0; i < length; i++) this.#backupReply[i] = source[from + i]!;
    if (length < to - from) {
      this.#backupReply[length - 2] = 13;
      this.#backupReply[length - 1] = 10;
    }
    this.#backupReplyLength = length;
  }

  #deliver(request: Request, source: Uint8Array, from: number, to: number): void {
    if (this.delivered) return;
    this.delivered = true;
    if (this.outer === null) request.answer(source, from, to);
    else this.outer.answered(request, this.outerBranch, source, from, to);
  }
}

/**
 * Two sides that hold the same keys: mains and backups.
 *
 * Reads ask the main, and the backup when the main fails. Writes go to both, because stock servers know nothing of each other.
 * Servers that replicate among themselves are written on one side only: each side passes every change on to the other, so that
 * an incr or an append sent to both would count twice. Whether they do is asked for each key, of the two servers that hold it.
 */
export class MirrorRoute extends RouteHandle {
  readonly #main: RouteHandle;
  readonly #backup: RouteHandle;
  readonly #calls: CallPool;
  readonly #free: Join[] = [];

  constructor(main: RouteHandle, backup: RouteHandle, calls: CallPool) {
    super();
    this.#main = main;
    this.#backup = backup;
    this.#calls = calls;
    this.adopt([main, backup]);
  }

  override route(call: Call): void {
    if (isRead(call.request.verb) || this.#oneSideIsEnough(call)) {
      this.#main.route(call);
      return;
    }
    const copy = this.#calls.copy(call);
    const join = this.#free.pop() ?? new Join(this);
    join.begin(call.join, call.branch);
    call.join = join;
    call.branch = MAIN;
    copy.join = join;
    copy.branch = BACKUP;
    this.#main.route(call);
    this.#backup.route(copy);
  }

  /**
   * A side that was never reached is taken to be like the other one: a write that one of two stock servers misses is a miss later,
   * but an incr counted twice is wrong for ever.
   */
  #oneSideIsEnough(call: Call): boolean {
    return this.replicates(call.request, call.firstKey) !== false;
  }

  override childFailed(index: number, call: Call): void {
    const { join } = call;
    if (join instanceof Join && join.mirror === this) this.#sideFailed(index, call, join);
    else if (index === MAIN && mayTryElsewhere(call)) this.#backup.route(call);
    else this.fail(call);
  }

  #sideFailed(index: number, call: Call, join: Join): void {
    if (index === MAIN) {
      join.main = SIDE.failed;
      join.mainFailure = call.failure;
      join.deliverKept(call.request);
    } else join.backup = SIDE.failed;
    if (call.fateUnknown) join.fateUnknown = true;
    if (call.passedOver) join.passedOver = true;
    if (join.main === SIDE.failed && join.backup === SIDE.failed) {
      call.failure = join.mainFailure;
      call.fateUnknown = join.fateUnknown;
      call.passedOver = join.passedOver;
      call.join = join.outer;
      call.branch = join.outerBranch;
      this.releaseJoin(join);
      this.fail(call);
      return;
    }
    const settled = join.main !== SIDE.pending && join.backup !== SIDE.pending;
    if (settled) this.releaseJoin(join);
    this.#calls.release(call);
  }

  /** Both sides are settled. */
  releaseJoin(join: Join): void {
    join.outer = null;
    if (this.#free.length < JOINS_KEPT_MAX) this.#free.push(join);
  }

  override replicates(request: Request, key: number): boolean | null {
    const main = this.#main.replicates(request, key);
    const backup = this.#backup.replicates(request, key);
    if (main === false || backup === false) return false;
    return main === null && backup === null ? null : true;
  }
}

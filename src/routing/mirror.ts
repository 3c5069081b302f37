import { assert } from '../base/assert.ts';
import { VERB } from '../protocol/text/verbs.ts';
import { type Call, type CallPool, mayTryElsewhere } from './call.ts';
import { replyByDefault } from './default-reply.ts';
import { asksOnly } from './failure.ts';
import { type JoinOwner, MirrorJoin } from './mirror-join.ts';
import { movesExptime } from './moved-exptime.ts';
import type { Request } from './request.ts';
import { type RouteContext, RouteHandle } from './route-handle.ts';
import type { ServerRecords } from './server-records.ts';
import { SideRepair } from './side-repair.ts';
import { splitOff } from './split-call.ts';

const MAIN = 0;
const BACKUP = 1;

const JOINS_KEPT_MAX = 1024;

/** Mirrors inside one another; each level has its bit in `Call.crossed`. */
const LEVELS_MAX = 30;

/**
 * Two sides that hold the same keys: mains and backups.
 *
 * Servers that replicate among themselves are written on one side only, the main's if it answers: each side passes every change on to the
 * other, so that an incr or an append sent to both would count twice. Whether they do is asked for each key, of the two servers that
 * hold it.
 *
 * Writes to stock servers, which know nothing of each other, go to both. One of the two is believed: it is read, and its answer to a write is the
 * answer. That is the main, until it misses a write that the backup takes, or is started anew and so has lost everything. From then
 * on it is the backup that is believed, also when the main is back: it has all that the main has and more. The main takes part in all writes again, and
 * what it lacks is made good (SideRepair), so that it is of use when the backup dies; then the roles are changed again.
 */
export class MirrorRoute extends RouteHandle implements JoinOwner {
  readonly #main: RouteHandle;
  readonly #backup: RouteHandle;
  readonly #calls: CallPool;
  readonly #records: ServerRecords;
  /** What makes good what the main lacks, and the backup. */
  readonly #repairs: readonly [SideRepair, SideRepair];
  readonly #free: MirrorJoin[] = [];
  #levelBit = 0;
  /** Writes of which the two sides have made different things. */
  #differed = 0;

  constructor(main: RouteHandle, backup: RouteHandle, context: RouteContext) {
    super();
    const { calls, records, settings } = context;
    this.#main = main;
    this.#backup = backup;
    this.#calls = calls;
    this.#records = records;
    this.#repairs = [
      new SideRepair(main, backup, calls, records, settings.fillExptimeSeconds),
      new SideRepair(backup, main, calls, records, settings.fillExptimeSeconds),
    ];
    const believed = [
      (request: Request) => !this.#believesBackup(request, 0),
      (request: Request) => this.#believesBackup(request, 0),
    ] as const;
    context.whenUp(() => {
      for (const side of [MAIN, BACKUP] as const) this.#repairs[side].begin(believed[side]);
    });
    this.adopt([main, backup]);
  }

  override route(call: Call): void {
    call.crossed &= ~this.#bit();
    if (movesExptime(call.request)) this.#moveExptimes(call);
    if (this.#oneSideIsEnough(call)) this.#main.route(call);
    else if (asksOnly(call.request.verb)) this.#read(call);
    else this.#writeBoth(call);
  }

  /**
   * A side that was never reached is taken to be like the other one: a write that one of two stock servers misses is a miss later,
   * but an incr counted twice is wrong for ever.
   */
  #oneSideIsEnough(call: Call): boolean {
    if (asksOnly(call.request.verb) && !this.#records.anyBehind) return true;
    return this.replicates(call.request, call.firstKey) !== false;
  }

  /** What is read is touched by that; of two stock servers the copy of the one that is not read has to live as long. */
  #moveExptimes({ request, firstKey }: Call): void {
    for (let key = firstKey; key >= 0; key = request.keyNext[key]!) {
      if (this.replicates(request, key) !== false) continue;
      this.#repairs[this.#believesBackup(request, key) ? MAIN : BACKUP].moveExptime(request, key);
    }
  }

  #writeBoth(call: Call): void {
    const preferred = this.#believesBackup(call.request, call.firstKey) ? BACKUP : MAIN;
    if (this.#records.anyBehind || this.#differed > 0)
      for (const repair of this.#repairs) repair.written(call.request, call.firstKey);
    const copy = this.#calls.copy(call);
    const join = this.#free.pop() ?? new MirrorJoin(this);
    join.begin(preferred, call.join, call.branch);
    call.join = join;
    call.branch = MAIN;
    copy.join = join;
    copy.branch = BACKUP;
    this.#main.route(call);
    this.#backup.route(copy);
  }

  #believesBackup(request: Request, key: number): boolean {
    if (!this.#records.anyBehind) return false;
    const mainAt = this.#main.behindAt(request, key);
    return mainAt > 0 && this.#backup.behindAt(request, key) < mainAt;
  }

  /** Each key to the side that is believed. */
  #read(call: Call): void {
    const { request } = call;
    const first = this.#believesBackup(request, call.firstKey);
    for (let key = request.keyNext[call.firstKey]!; key >= 0; key = request.keyNext[key]!) {
      if (this.#believesBackup(request, key) !== first) {
        this.#split(call);
        return;
      }
    }
    this.#readFrom(first ? BACKUP : MAIN, call);
  }

  #readFrom(side: number, call: Call): void {
    if (side === BACKUP && call.foundBy === null && call.request.verb === VERB.get)
      this.#repairs[MAIN].watch(call);
    this.#ask(side, call);
  }

  /** Asks a side, save for keys of which it may have an old value: they are as good as missing. */
  #ask(side: number, call: Call): void {
    const repair = this.#repairs[side === MAIN ? MAIN : BACKUP];
    const { request } = call;
    if (repair.hasDoubts && asksOnly(request.verb)) {
      const doubted = splitOff(this.#calls, call, (key) => repair.isInDoubt(request, key));
      if (doubted !== null) {
        repair.doubted += doubted.keyCount;
        doubted.foundBy = null;
        replyByDefault(doubted, this, this.#calls);
      }
      if (call.keyCount === 0) {
        this.#calls.release(call);
        return;
      }
    }
    (side === MAIN ? this.#main : this.#backup).route(call);
  }

  /** The keys of the call become two calls. */
  #split(call: Call): void {
    const { request } = call;
    const other = splitOff(this.#calls, call, (key) => this.#believesBackup(request, key));
    // Another thread may have changed its mind meanwhile.
    if (call.keyCount > 0) this.#readFrom(MAIN, call);
    else this.#calls.release(call);
    if (other !== null) this.#readFrom(BACKUP, other);
  }

  override childFailed(index: number, call: Call): void {
    const { join } = call;
    if (join instanceof MirrorJoin && join.mirror === this) {
      this.#sideFailed(index, call, join);
      return;
    }
    if ((call.crossed & this.#bit()) !== 0 || !mayTryElsewhere(call)) {
      call.crossed &= ~this.#bit();
      this.fail(call);
      return;
    }
    call.crossed |= this.#bit();
    if (call.foundBy === this.#repairs[MAIN]) call.foundBy = null;
    this.#ask(index === MAIN ? BACKUP : MAIN, call);
  }

  #sideFailed(index: number, call: Call, join: MirrorJoin): void {
    if (index === join.preferred) join.failure = call.failure;
    if (call.fateUnknown) join.fateUnknown = true;
    if (call.passedOver) join.passedOver = true;
    join.hopeUntilMs = Math.max(join.hopeUntilMs, call.hopeUntilMs);
    join.timesLost = Math.max(join.timesLost, call.timesLost);
    join.failed(call.request, index);
    if (!join.isSettled) {
      this.#calls.release(call);
      return;
    }
    if (join.hasFailed) {
      call.failure = join.failure;
      call.fateUnknown = join.fateUnknown;
      call.passedOver = join.passedOver;
      call.hopeUntilMs = join.hopeUntilMs;
      call.timesLost = join.timesLost;
      call.join = join.outer;
      call.branch = join.outerBranch;
      this.releaseJoin(join);
      this.fail(call);
      return;
    }
    this.releaseJoin(join);
    this.#calls.release(call);
  }

  missedBy(side: number, request: Request): void {
    (side === MAIN ? this.#main : this.#backup).noteBehind(request, 0);
    this.#repairs[side === MAIN ? BACKUP : MAIN].forget(request, 0);
    this.#repairs[side === MAIN ? MAIN : BACKUP].note(request, 0);
  }

  /** Of two proxies nobody knows whether the same servers are behind them, where a delete would take away what the client was told is stored. */
  differed(side: number, request: Request): void {
    if (!this.#main.isStock(request, 0) || !this.#backup.isStock(request, 0)) return;
    this.#differed++;
    this.#repairs[side === MAIN ? MAIN : BACKUP].note(request, 0);
  }

  takenByBoth(request: Request): void {
    for (const repair of this.#repairs) repair.forget(request, 0);
  }

  releaseJoin(join: MirrorJoin): void {
    join.outer = null;
    if (this.#free.length < JOINS_KEPT_MAX) this.#free.push(join);
  }

  /** Found when it is needed first: the tree does not change after it was made. */
  #bit(): number {
    if (this.#levelBit === 0) {
      let level = 0;
      for (let handle = this.parent; handle !== null; handle = handle.parent)
        if (handle instanceof MirrorRoute) level++;
      assert(level < LEVELS_MAX, 'mirrors stand inside one another thirty deep at most');
      this.#levelBit = 1 << level;
    }
    return this.#levelBit;
  }

  override replicates(request: Request, key: number): boolean | null {
    const main = this.#main.replicates(request, key);
    const backup = this.#backup.replicates(request, key);
    if (main === false || backup === false) return false;
    return main === null && backup === null ? null : true;
  }

  override counters(): Iterable<readonly [name: string, count: number]> {
    const sum = (of: (repair: SideRepair) => number): number =>
      this.#repairs.reduce((all, one) => all + of(one), 0);
    return [
      ['mirror_missed', sum(({ missedCount }) => missedCount)],
      ['mirror_differed', this.#differed],
      ['mirror_forgotten', sum(({ forgotten }) => forgotten)],
      ['mirror_doubted', sum(({ doubted }) => doubted)],
      ['mirror_filled', sum(({ filled }) => filled)],
      ['mirror_not_filled', sum(({ notFilled }) => notFilled)],
    ];
  }

  /** Of two sides one is enough. */
  override behindAt(request: Request, key: number): number {
    return Math.min(this.#main.behindAt(request, key), this.#backup.behindAt(request, key));
  }

  /** What it has may be of either side. */
  override emptiedAt(request: Request, key: number): number {
    return Math.min(this.#main.emptiedAt(request, key), this.#backup.emptiedAt(request, key));
  }

  override noteBehind(request: Request, key: number): void {
    this.#main.noteBehind(request, key);
    this.#backup.noteBehind(request, key);
  }

  override isUp(request: Request, key: number): boolean {
    return this.#main.isUp(request, key) || this.#backup.isUp(request, key);
  }
}

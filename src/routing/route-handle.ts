import type { Random } from '../base/random.ts';
import { type Call, type CallPool, mayTryElsewhere } from './call.ts';
import type { HotKeyFigures } from './hot-key-figures.ts';
import type { Request } from './request.ts';
import type { ServerRecords } from './server-records.ts';
import type { RoutingSettings } from './settings.ts';
import type { WriteGenerations } from './write-generations.ts';

/** What the handles of a thread's route tree have in common. */
export interface RouteContext {
  readonly settings: RoutingSettings;
  readonly calls: CallPool;
  readonly records: ServerRecords;
  readonly generations: WriteGenerations;
  readonly hotKeyFigures: HotKeyFigures;
  readonly random: Random;
  nowMs(): number;
  /** Milliseconds since 1970. */
  wallMs(): number;
  /** Has `callback` called whenever a server is up that was not. */
  whenUp(callback: () => void): void;
}

/**
 * One node of a route tree. The tree is fixed while it is in use, so a failed call finds its way back up by itself: each handle
 * knows its parent and which child of it it is, and a call needs no record of where it has been.
 *
 * Handles are shared by all requests of a thread and hold no state of a request.
 */
export abstract class RouteHandle {
  parent: RouteHandle | null = null;
  /** Which child of its parent it is. */
  index = 0;
  protected children: readonly RouteHandle[] = [];

  /**
   * Sends a call on. Exactly one of these follows, maybe before this returns: a destination settles the call, or the
   * parent's `childFailed` gets it.
   */
  abstract route(call: Call): void;

  /**
   * Child number `index` could not get an answer for this call; `call.failure` says why. The handle tries another child or calls `fail`.
   */
  childFailed(_index: number, call: Call): void {
    this.fail(call);
  }

  /**
   * The keys that this call still carries are not there, as far as child number `index` goes. Called only for children of which
   * `watchesMisses` says so, or that stand below such a one. The handle asks another child for them or passes the call up.
   */
  childMissed(_index: number, call: Call): void {
    this.miss(call);
  }

  /** Whether this handle does something about keys that child number `index` does not have. */
  watchesMisses(_index: number): boolean {
    return false;
  }

  /**
   * Longest time that a call is under way from here on, in milliseconds: unless a handle knows better, as if its children were asked
   * one after the other.
   */
  answerMsMax(): number {
    return this.children.reduce((sum, child) => sum + child.answerMsMax(), 0);
  }

  /** Whether a call that fails at one child may be tried at another one. */
  triesOthers(): boolean {
    return true;
  }

  /** What it counts, by name, for `stats`. */
  counters(): Iterable<readonly [name: string, count: number]> {
    return [];
  }

  /** The tree is not in force any more; calls under way still end here. */
  retire(): void {}

  /** The children that a request for this key may be sent to, those that are asked first in front. */
  candidates(_request: Request, _key: number): readonly RouteHandle[] {
    return this.children;
  }

  /** The name of the server that this key is asked for first; null: there is none now. */
  placeOf(request: Request, key: number): string | null {
    return this.children[0]?.placeOf(request, key) ?? null;
  }

  /** All handles from here on down, each before its children. */
  *walk(): Iterable<RouteHandle> {
    yield this;
    for (const child of this.children) yield* child.walk();
  }

  /**
   * Whether the servers that hold this key keep each other up to date by themselves, so that a write to one of them is enough.
   *
   * @returns null when that is not known, because there has never been a connection
   */
  replicates(request: Request, key: number): boolean | null {
    let all: boolean | null = true;
    for (const child of this.children) {
      const one = child.replicates(request, key);
      if (one === false) return false;
      if (one === null) all = null;
    }
    return all;
  }

  /**
   * When the server that holds this key was behind another one last, in the order of ServerRecords; 0: never, or it is not known here. Of several
   * children the first one stands for all.
   */
  behindAt(request: Request, key: number): number {
    return this.children[0]?.behindAt(request, key) ?? 0;
  }

  /** When the server that holds this key lost everything last, in the same order; 0: never, or it is not known. Of several children, when all had. */
  emptiedAt(request: Request, key: number): number {
    let least = Number.POSITIVE_INFINITY;
    for (const child of this.children) least = Math.min(least, child.emptiedAt(request, key));
    return this.children.length === 0 ? 0 : least;
  }

  /** The server that holds this key has missed a write of it. */
  noteBehind(request: Request, key: number): void {
    this.children[0]?.noteBehind(request, key);
  }

  /** Whether a server that holds this key can be asked at once. */
  isUp(request: Request, key: number): boolean {
    return this.children.some((child) => child.isUp(request, key));
  }

  /** Whether all servers that hold this key are known to be caches with memory of their own, not proxies, behind which may be the same servers as elsewhere. */
  isStock(request: Request, key: number): boolean {
    return this.children.length > 0 && this.children.every((child) => child.isStock(request, key));
  }

  /** Hands a call that failed here to the parent. The root has none; it overrides this. */
  protected fail(call: Call): void {
    if (this.parent === null) throw new Error('the root of a route tree must settle failed calls itself');
    this.parent.childFailed(this.index, call);
  }

  /** As if a child had said that it does not have the keys of this call. */
  missHere(call: Call): void {
    this.miss(call);
  }

  /** Hands a call whose keys are not there to the parent. */
  protected miss(call: Call): void {
    if (this.parent === null) throw new Error('the root of a route tree must settle misses itself');
    this.parent.childMissed(this.index, call);
  }

  protected adopt(children: readonly RouteHandle[]): void {
    this.children = children;
    children.forEach((child, index) => {
      if (child.parent !== null) throw new Error('a route handle stands at one place of one tree');
      child.parent = this;
      child.index = index;
    });
  }
}

/** See ReturnWait. */
export interface RootWait {
  readonly count: number;
  hasHope(call: Call): boolean;
  take(call: Call): boolean;
}

/**
 * The top of a tree. A call that nobody could answer goes through the tree a second time if a server was passed over on its way: one
 * that is in its back-off may have come back meanwhile, and now that there is nobody else it is worth a dial. Then it is
 * answered with the reason, or, where a server was lost only a moment ago, waits for its return.
 */
export class RootRoute extends RouteHandle {
  readonly #child: RouteHandle;
  readonly #calls: CallPool;
  readonly #returnWait: RootWait | null;

  /**
   * @param calls settles calls with their failures
   * @param returnWait where calls wait for a server to come back; null: nowhere
   */
  constructor(child: RouteHandle, calls: CallPool, returnWait: RootWait | null = null) {
    super();
    this.#child = child;
    this.#calls = calls;
    this.#returnWait = returnWait;
    this.adopt([child]);
  }

  override triesOthers(): boolean {
    return false;
  }

  override route(call: Call): void {
    this.#child.route(call);
  }

  override childFailed(_index: number, call: Call): void {
    const mayTryNow = call.passedOver && !call.lastResort && mayTryElsewhere(call);
    const wait = call.hopeUntilMs === 0 ? null : this.#returnWait;
    if (wait?.hasHope(call) && !(mayTryNow && call.waitUntilMs === 0 && wait.count === 0)) {
      // Behind those that wait already, so that a client's requests stay in their order.
      if (!wait.take(call)) this.#calls.giveUp(call);
    } else if (mayTryNow) {
      call.lastResort = true;
      call.hopeUntilMs = 0;
      call.crossed = 0;
      this.#child.route(call);
    } else this.#calls.giveUp(call);
  }

  override childMissed(_index: number, call: Call): void {
    this.#calls.missAll(call);
  }
}

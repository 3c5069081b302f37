import type { Random } from '../base/random.ts';
import { type Call, type CallPool, mayTryElsewhere } from './call.ts';
import type { Request } from './request.ts';
import type { ServerRecords } from './server-records.ts';
import type { RoutingSettings } from './settings.ts';

/** What the handles of a thread's route tree have in common. */
export interface RouteContext {
  readonly settings: RoutingSettings;
  readonly calls: CallPool;
  readonly records: ServerRecords;
  readonly random: Random;
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
   * Whether the servers that hold this key keep each other up to date by themselves, so that a write to one of them is enough.
   *
   * @returns null when that is not known, because there has never been a connection
   */
  abstract replicates(request: Request, key: number): boolean | null;

  /** When the server that holds this key was behind another one last, in the order of ServerRecords; 0: never, or it is not known here. */
  behindAt(_request: Request, _key: number): number {
    return 0;
  }

  /** The server that holds this key has missed a write of it. */
  noteBehind(_request: Request, _key: number): void {}

  /** Whether the server that holds this key can be asked at once. */
  isUp(_request: Request, _key: number): boolean {
    return true;
  }

  /** Hands a call that failed here to the parent. The root has none; it overrides this. */
  protected fail(call: Call): void {
    if (this.parent === null) throw new Error('the root of a route tree must settle failed calls itself');
    this.parent.childFailed(this.index, call);
  }

  protected adopt(children: readonly RouteHandle[]): void {
    children.forEach((child, index) => {
      if (child.parent !== null) throw new Error('a route handle stands at one place of one tree');
      child.parent = this;
      child.index = index;
    });
  }
}

/**
 * The top of a tree. A call that nobody could answer goes through the tree a second time if a server was passed over on its way: one
 * that is in its back-off may have come back meanwhile, and now that there is nobody else it is worth a dial. Then it is
 * answered with the reason.
 */
export class RootRoute extends RouteHandle {
  readonly #child: RouteHandle;
  readonly #giveUp: (call: Call) => void;

  /** @param giveUp settles a call with its failure */
  constructor(child: RouteHandle, giveUp: (call: Call) => void) {
    super();
    this.#child = child;
    this.#giveUp = giveUp;
    this.adopt([child]);
  }

  override route(call: Call): void {
    this.#child.route(call);
  }

  override childFailed(_index: number, call: Call): void {
    if (call.passedOver && !call.lastResort && mayTryElsewhere(call)) {
      call.lastResort = true;
      call.crossed = 0;
      this.#child.route(call);
    } else this.#giveUp(call);
  }

  override replicates(request: Request, key: number): boolean | null {
    return this.#child.replicates(request, key);
  }
}

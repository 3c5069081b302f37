import type { Call } from './call.ts';
import { DESTINATION, type Destination } from './destination.ts';
import { RouteHandle } from './route-handle.ts';

/** A leaf of the tree. Several leaves may stand for one destination. */
export class DestinationRoute extends RouteHandle {
  readonly destination: Destination;
  /** Whether a handle above does something about misses; found when it is needed first: the tree does not change after it was made. */
  #missesWatched: boolean | null = null;

  constructor(destination: Destination) {
    super();
    this.destination = destination;
  }

  override route(call: Call): void {
    call.leaf = this;
    call.keepsMisses = this.#missesWatched ??= this.#findWatcher();
    this.destination.send(call);
  }

  #findWatcher(): boolean {
    for (let handle: RouteHandle = this; handle.parent !== null; handle = handle.parent)
      if (handle.parent.watchesMisses(handle.index)) return true;
    return false;
  }

  override placeOf(): string {
    return this.destination.name;
  }

  override answerMsMax(): number {
    return this.destination.answerMsMax;
  }

  override replicates(): boolean | null {
    return this.destination.replicates;
  }

  override behindAt(): number {
    return this.destination.behindAt;
  }

  override emptiedAt(): number {
    return this.destination.emptiedAt;
  }

  override noteBehind(): void {
    this.destination.noteBehind();
  }

  override isStock(): boolean {
    return this.destination.isStock;
  }

  override isUp(): boolean {
    return this.destination.state === DESTINATION.up;
  }
}

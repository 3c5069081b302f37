import type { Call } from './call.ts';
import { DESTINATION, type Destination } from './destination.ts';
import { RouteHandle } from './route-handle.ts';

/** A leaf of the tree. Several leaves may stand for one destination. */
export class DestinationRoute extends RouteHandle {
  readonly destination: Destination;

  constructor(destination: Destination) {
    super();
    this.destination = destination;
  }

  override route(call: Call): void {
    call.leaf = this;
    this.destination.send(call);
  }

  override replicates(): boolean | null {
    return this.destination.replicates;
  }

  override behindAt(): number {
    return this.destination.behindAt;
  }

  override noteBehind(): void {
    this.destination.noteBehind();
  }

  override isUp(): boolean {
    return this.destination.state === DESTINATION.up;
  }
}

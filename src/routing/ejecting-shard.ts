import type { KeyHash } from '../hashing/key-hash.ts';
import { type Call, type CallPool, mayTryElsewhere } from './call.ts';
import type { Destination } from './destination.ts';
import { DestinationRoute } from './destination-route.ts';
import type { EjectingDistribution, Shard } from './ejecting-distribution.ts';
import type { RouteHandle } from './route-handle.ts';
import { ShardRoute } from './shard.ts';

/** One request is placed anew at most so often: each time may have taken a request's timeout. */
const REHASHES_MAX = 3;

/** A shard whose children go and come. A request whose child has been ejected because of it goes to the child that has its key now. */
export class EjectingShard extends ShardRoute {
  readonly #ejecting: EjectingDistribution;

  constructor(
    hash: KeyHash,
    distribution: EjectingDistribution,
    children: readonly RouteHandle[],
    calls: CallPool,
  ) {
    super(hash, distribution, children, calls);
    this.#ejecting = distribution;
  }

  override triesOthers(): boolean {
    return true;
  }

  override childFailed(index: number, call: Call): void {
    if (call.rehashes < REHASHES_MAX && mayTryElsewhere(call) && this.#ejecting.isOutNow(index)) {
      call.rehashes++;
      this.route(call);
    } else super.childFailed(index, call);
  }

  override answerMsMax(): number {
    return Math.min(this.childCount, 1 + REHASHES_MAX) * super.answerMsMax();
  }

  override counters(): Iterable<readonly [name: string, count: number]> {
    return [
      ['shard_ejections', this.#ejecting.ejections],
      ['shard_ejected', this.#ejecting.outCount],
    ];
  }

  /** The servers of children that are out. */
  *ejected(): Iterable<Destination> {
    for (const [index, child] of this.children.entries())
      if (this.#ejecting.isOut(index)) yield* destinationsOf(child);
  }
}

/** What holds the keys of a child: its servers, the connections of each together. */
export function serversBelow(child: RouteHandle): Shard {
  const byName: Map<string, Destination[]> = new Map();
  for (const destination of destinationsOf(child)) {
    const own = byName.get(destination.name) ?? [];
    byName.set(destination.name, own);
    own.push(destination);
  }
  return [...byName.values()];
}

function destinationsOf(child: RouteHandle): Destination[] {
  return [...child.walk()].flatMap((handle) =>
    handle instanceof DestinationRoute ? [handle.destination] : [],
  );
}

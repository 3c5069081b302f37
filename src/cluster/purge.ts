/** Deletes what keys have left behind where they lie no more, one server after the other, when nobody looks for it there. */
import type { LeftKeys } from '../checks/key-moves.ts';
import type { ServerPlace } from '../net/server-door.ts';
import { addressParts } from '../net/server-exchange.ts';
import { placement } from '../proxy/pool-meaning.ts';
import { isLeftBehind, type KeyPlace, keyPlace } from '../routing/left-behind.ts';
import type { ClusterDescription } from './cluster-file.ts';
import { type LeftBehind, obstacleAt, settled } from './left-behind.ts';
import type { PlacedPool, PlacedTwin } from './placed-services.ts';
import { type Placement, placementOf, poolsOf } from './placements.ts';
import { type PurgeCounts, PurgeRefused, purgePass } from './purge-pass.ts';

/** What could not be done is tried again after so long. */
const AGAIN_MS = 30_000;
const TIMER_MS_MAX: number = 2 ** 31 - 1;

/** A server lists what moves about in it maybe not at all; so it is looked through until nothing is found, and so often at one time. */
const PASSES_MAX = 5;

export interface PurgeSurroundings {
  /** Where a node is, and what it wants, as it runs. */
  readonly nodeAt: (twin: PlacedTwin) => ServerPlace;
  /** Something is known to have nothing from before. */
  readonly onSettled: (left: LeftBehind) => void;
  readonly log: (text: string) => void;
  /** Since 1970. */
  readonly wallSeconds: () => number;
}

interface Work {
  readonly place: string;
  /** Whose keys have left it. */
  readonly pools: readonly string[];
  readonly were: readonly KeyPlace[];
}

export class Purge {
  readonly #surroundings: PurgeSurroundings;
  #cluster: ClusterDescription | null = null;
  #left: LeftBehind = new Map();
  #timer: NodeJS.Timeout | undefined;
  #stop: AbortController = new AbortController();
  #ending: Promise<void> = Promise.resolve();
  /** What is being seen to. */
  #now: { readonly place: string; readonly counts: PurgeCounts } | null = null;
  /** Why places could not be seen to. */
  readonly #failures: Map<string, string> = new Map();

  constructor(surroundings: PurgeSurroundings) {
    this.#surroundings = surroundings;
  }

  /** So keys lie from now on, and that is left of how they lay. What is under way is given up; what it has deleted is deleted. */
  use(cluster: ClusterDescription, left: LeftBehind): void {
    this.#cluster = cluster;
    this.#left = left;
    this.#failures.clear();
    this.stop();
    this.#stop = new AbortController();
    this.#await(0);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#stop.abort();
  }

  /** For the status: what is being done, and what could not be. */
  get leftKeys(): readonly LeftKeys[] {
    return [
      ...(this.#now === null ? [] : [leftKeysNow(this.#now)]),
      ...[...this.#failures].map(([place, failure]) => ({ place, looked: 0, deleted: 0, failure })),
    ];
  }

  /** The same in words. */
  get lines(): readonly string[] {
    return this.leftKeys.map(({ place, looked, deleted, failure }) =>
      failure === null
        ? `what keys have left behind in ${place} is being deleted: ${looked} items looked at, ${deleted} deleted`
        : failureText(place, failure),
    );
  }

  #await(waitMs: number): void {
    clearTimeout(this.#timer);
    const { signal } = this.#stop;
    this.#timer = setTimeout(
      () => {
        // One after the other, also where the one before is just being given up.
        this.#ending = this.#ending.then(() => (signal.aborted ? undefined : this.#run(signal)));
      },
      Math.min(waitMs, TIMER_MS_MAX),
    ).unref();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const cluster = this.#cluster;
    if (cluster === null) return;
    const nowSeconds = this.#surroundings.wallSeconds();
    const { work, nextSeconds } = dueWork(cluster, this.#left, nowSeconds);
    for (const one of work) {
      await this.#clean(cluster, one, signal);
      if (signal.aborted) return;
    }
    const waits = [
      ...(this.#failures.size > 0 ? [AGAIN_MS] : []),
      ...(nextSeconds === null ? [] : [(nextSeconds - nowSeconds) * 1000]),
    ];
    if (waits.length > 0) this.#await(Math.min(...waits));
  }

  async #clean(
    cluster: ClusterDescription,
    { place, pools, were }: Work,
    signal: AbortSignal,
  ): Promise<void> {
    const { log } = this.#surroundings;
    const are = placesInForce(cluster, this.#surroundings.wallSeconds());
    const isLeft = (key: Uint8Array, start: number, end: number): boolean =>
      isLeftBehind(key, start, end, place, were, are);
    const total: PurgeCounts = { looked: 0, found: 0, deleted: 0 };
    this.#now = { place, counts: total };
    const servers = this.#serversOf(cluster, place);
    try {
      for (const { name, at } of servers) {
        try {
          await cleanServer(at, isLeft, total, signal);
        } catch (error) {
          if (signal.aborted) return;
          const reason = `${name}: ${error instanceof Error ? error.message : String(error)}`;
          if (error instanceof PurgeRefused) this.#settle(pools, place, reason);
          if (this.#failures.get(place) === reason) return;
          log(failureText(place, reason));
          if (!(error instanceof PurgeRefused)) this.#failures.set(place, reason);
          return;
        }
      }
      this.#failures.delete(place);
      if (servers.length > 0)
        log(
          `what keys of ${pools.join(', ')} have left behind in ${place} is deleted: ${total.deleted} of ${total.looked} items looked at`,
        );
      this.#settle(pools, place, null);
    } finally {
      this.#now = null;
    }
  }

  #settle(pools: readonly string[], place: string, obstacle: string | null): void {
    for (const pool of pools) this.#left = settled(this.#left, pool, place, obstacle);
    this.#surroundings.onSettled(this.#left);
  }

  /** All that may have the items of a place. None of them: its processes are gone, and what they had. */
  #serversOf(
    { shards }: ClusterDescription,
    place: string,
  ): { readonly name: string; readonly at: ServerPlace }[] {
    const shard = shards.find(({ name }) => name === place);
    if (shard !== undefined)
      return shard.twins.map((twin) => ({ name: twin.name, at: this.#surroundings.nodeAt(twin) }));
    const [host, port] = addressParts(place);
    return port === null ? [] : [{ name: place, at: { host, port } }];
  }
}

function leftKeysNow({ place, counts }: { readonly place: string; readonly counts: PurgeCounts }): LeftKeys {
  return { place, looked: counts.looked, deleted: counts.deleted, failure: null };
}

function failureText(place: string, reason: string): string {
  return `what keys have left behind in ${place} cannot be deleted: ${reason}`;
}

async function cleanServer(
  at: ServerPlace,
  isLeft: (key: Uint8Array, start: number, end: number) => boolean,
  total: PurgeCounts,
  signal: AbortSignal,
): Promise<void> {
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    const { found } = total;
    await purgePass(at, isLeft, total, signal);
    if (total.found === found) return;
  }
  throw new Error('items of that kind were found again and again');
}

/** Places of pools none of whose keys is on its way. @returns with it the time when more is to be done */
function dueWork(
  cluster: ClusterDescription,
  left: LeftBehind,
  nowSeconds: number,
): { readonly work: readonly Work[]; readonly nextSeconds: number | null } {
  const work = new Map<string, { place: string; pools: Set<string>; were: KeyPlace[] }>();
  let nextSeconds: number | null = null;
  const pools = poolsOf(cluster);
  for (const [name, leftovers] of left) {
    const pool = pools.get(name);
    if (pool === undefined) continue;
    const overSeconds = moveOver(pool);
    if (nowSeconds < overSeconds) {
      nextSeconds = Math.min(nextSeconds ?? overSeconds, overSeconds);
      continue;
    }
    for (const { from, places } of leftovers) {
      const were = keyPlaceOf(from);
      if (were === null) continue;
      for (const { name: place, obstacle } of places) {
        if (obstacle !== null || obstacleAt(place, cluster) !== null) continue;
        const one = work.get(place) ?? { place, pools: new Set(), were: [] };
        one.pools.add(name);
        one.were.push(were);
        work.set(place, one);
      }
    }
  }
  return { work: [...work.values()].map((one) => ({ ...one, pools: [...one.pools] })), nextSeconds };
}

/** From then on no proxy, of whichever host, reads where keys were; 0: they lie where they lie. */
function moveOver({ move }: PlacedPool): number {
  return move === undefined ? 0 : move.endSeconds + move.tailSeconds;
}

/** Where keys are read or written by any pool, in its old place or in its new one. */
function placesInForce(cluster: ClusterDescription, nowSeconds: number): KeyPlace[] {
  return [...poolsOf(cluster).values()].flatMap((pool) => {
    const now = placementOf(pool);
    const { move } = pool;
    const old = move === undefined || nowSeconds >= moveOver(pool) ? [] : [placementOf({ ...pool, ...move })];
    return [now, ...old].flatMap((one) => keyPlaceOf(one) ?? []);
  });
}

function keyPlaceOf({ to, placement: words }: Placement): KeyPlace | null {
  return keyPlace(placement(words, {}, {}), to);
}

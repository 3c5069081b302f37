/** Rehearses links: see rehearsal.ts. */
import type { Clock } from '../base/clock.ts';
import { seededRandom } from '../base/random.ts';
import type { NodeContext } from '../engine/node-context.ts';
import { Link } from '../replication/link.ts';
import { type PeerActions, Peers } from '../replication/peers.ts';
import { Cache } from '../store/cache.ts';
import type { CacheOptions } from '../store/cache-options.ts';
import { FeedReader } from '../store/change-feed.ts';
import type { SharedCache } from '../store/shared-cache.ts';
import { BlindConnection, bytesOf, SmallClient, setRequest, smallCache } from './rehearsal.ts';

const COPIED = 200;
const CHANGES = 32;
const CHANGES_PER_STEP = 8;
/** Turns of the two until they have nothing to say any more; a handshake and a copy take fewer. */
const EXCHANGES_MAX = 64;

const ACTIONS: PeerActions = {
  listen: () => {},
  dial: () => {},
  ready: () => {},
  acknowledged: () => {},
  syncDoubted: () => {},
  stopped: () => {},
  failed: () => {},
  log: () => {},
};

/** One side of a link. */
class Side {
  readonly cache: Cache;
  readonly peers: Peers;
  readonly link: Link;
  readonly #connection: BlindConnection = new BlindConnection();

  /** @param target as Link's */
  constructor(shared: SharedCache, thread: number, clock: Clock, target: number) {
    this.cache = new Cache(shared, thread);
    this.cache.tick(clock.wallMs());
    this.peers = new Peers(clock, seededRandom(target + 2), this.cache, ACTIONS, {
      nodeId: (target + 2).toString(16).padStart(32, '0'),
      targets: target < 0 ? [] : [['rehearsal']],
      listeners: 0,
      readyMsMax: 1000,
      wantsAcks: () => true,
    });
    const readers = Array.from({ length: shared.options.threads }, (_, i) => new FeedReader(shared, i));
    this.link = new Link(this.#connection, clock, this.cache, readers, this.peers, target);
    this.peers.added(this.link);
  }

  /** Feeds what has been written to another side. @returns whether there was something */
  sendTo({ link }: Side): boolean {
    const { output } = this.#connection;
    const end = this.#connection.empty();
    if (end === output.start) return false;
    link.feed(output.bytes, output.start, end);
    return true;
  }
}

/**
 * A link from its handshake to its end, with a full copy, changes, marks and acks, in pieces of a millisecond or two.
 *
 * @param options of the node's cache
 * @param thread the number of this thread
 * @returns items that the copy brought, and changes that followed
 */
export function* rehearseLinks(
  context: NodeContext,
  options: CacheOptions,
  thread: number,
  clock: Clock,
): Generator<void, number> {
  const dialler = new Side(smallCache(options), thread, clock, 0);
  const listener = new Side(smallCache(options), thread, clock, -1);
  const client = new SmallClient(context, listener.cache, false);
  const requests = Array.from({ length: COPIED }, (_, i) => bytesOf(setRequest(`key${i}`)));
  for (const request of requests) client.ask(request);
  yield;
  dialler.link.opened();
  yield* exchange(dialler, listener);
  for (let i = 0; i < CHANGES; i++) {
    client.ask(requests[i]!);
    if (i % 2 === 0) listener.peers.pumpChanges();
    listener.sendTo(dialler);
    dialler.sendTo(listener);
    if (i % CHANGES_PER_STEP === 0) yield;
  }
  yield* exchange(dialler, listener);
  const { changes } = dialler.link.receiver;
  for (const { link } of [dialler, listener]) link.closed(null);
  return changes;
}

function* exchange(dialler: Side, listener: Side): Generator<void> {
  for (let i = 0; i < EXCHANGES_MAX; i++) {
    const hasSent = [dialler.sendTo(listener), listener.sendTo(dialler)];
    const more = [dialler.peers.pump(), listener.peers.pump()];
    yield;
    if (!hasSent.includes(true) && !more.includes(true)) return;
  }
}

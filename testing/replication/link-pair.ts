/** Two links joined by hand, without a network: for tests that look at single frames. */
import type { Clock } from '../../src/base/clock.ts';
import type { ConnectionError } from '../../src/base/session.ts';
import { FrameReader, READ } from '../../src/replication/frame-reader.ts';
import { type FeedPosition, GREETING, type Hello } from '../../src/replication/frames.ts';
import { Link } from '../../src/replication/link.ts';
import type { LinkOwner } from '../../src/replication/link-owner.ts';
import { type LinkSafety, UNGUARDED } from '../../src/replication/link-safety.ts';
import type { ChangeReader, LinkCache } from '../../src/replication/store-port.ts';
import { MemoryConnection, PieceFeeder } from '../memory-connection.ts';
import { MapCache, MapFeedReader } from './map-cache.ts';
import { VirtualTime } from './virtual-time.ts';

let nonces = 0;

/** Notes what a link reports. */
export class NotingOwner implements LinkOwner<Link> {
  nodeId: string;
  refusal: string | null = null;
  resume: FeedPosition | null = null;
  acksWanted = false;
  keepAbove: number = Number.MAX_SAFE_INTEGER;
  readonly events: string[] = [];
  readonly #cache: LinkCache;
  readonly #clock: Clock;

  /** @param clock the one of its link: who is to be ahead of the other has another */
  constructor(cache: LinkCache, nodeId: string, clock: Clock) {
    this.#clock = clock;
    this.#cache = cache;
    this.nodeId = nodeId;
  }

  hello(): Hello {
    const { nodeId } = this;
    const slot = this.#cache.nodeSlot;
    return {
      version: 1,
      versionMin: 1,
      features: 0,
      nodeId,
      slot,
      fresh: false,
      full: false,
      slotsUsed: 1 << slot,
      highestVersion: this.#cache.highestVersion(),
      wallMs: this.#clock.wallMs(),
      nonce: `${++nonces}`.padStart(32, '0'),
    };
  }

  resumePoint(): FeedPosition | null {
    return this.resume;
  }

  wantsAcks(): boolean {
    return this.acksWanted;
  }

  acknowledged(): void {
    this.events.push('acknowledged');
  }

  peerLost(_link: Link, nodeId: string, slots: number): void {
    this.events.push(`lost ${nodeId} ${slots}`);
  }

  connected(): void {
    this.events.push('connected');
  }

  greeted(): string | null {
    return this.refusal;
  }

  admitted(): string | null {
    return null;
  }

  linked(): void {
    this.events.push('linked');
  }

  legacyMet(): number {
    this.events.push('legacy');
    return this.keepAbove;
  }

  peerSlotChanged(_link: Link, slot: number): void {
    this.events.push(`slot ${slot}`);
  }

  syncReceived(): void {
    this.events.push('synced');
  }

  settled(): void {
    this.events.push('settled');
  }

  givenUp(): void {
    this.events.push('given up');
  }

  linkClosed(_link: Link, reason: string): void {
    this.events.push(`closed: ${reason}`);
  }

  log(): void {}
}

/** One side. */
export class LinkEnd<C extends LinkCache> {
  readonly cache: C;
  readonly owner: NotingOwner;
  readonly connection: MemoryConnection = new MemoryConnection();
  readonly link: Link;
  readonly feeder: PieceFeeder;
  /** Kinds of the frames sent so far, in order. */
  readonly sent: number[] = [];
  readonly #frames = new FrameReader();
  #greetingTaken = false;

  constructor(
    time: VirtualTime,
    nodeId: string,
    target: number,
    cache: C,
    readers: readonly ChangeReader[],
    safety: LinkSafety = UNGUARDED,
  ) {
    this.cache = cache;
    this.owner = new NotingOwner(this.cache, nodeId, time);
    this.link = new Link(this.connection, time, this.cache, readers, this.owner, target, safety);
    this.#frames.codec = safety.codec;
    this.feeder = new PieceFeeder(this.link);
  }

  /** What the link has written since the last call. */
  take(): Uint8Array {
    const { output } = this.connection;
    const bytes = output.bytes.slice(output.start, output.at);
    output.at = output.start;
    let at = 0;
    if (!this.#greetingTaken && bytes.length > 0) {
      at = GREETING.length;
      this.#greetingTaken = true;
    }
    while (at < bytes.length && this.#frames.next(bytes, at, bytes.length) === READ.frame) {
      this.sent.push(this.#frames.kind);
      at = this.#frames.end;
    }
    return bytes;
  }

  /** How many frames of a kind were sent since the last call. */
  countSent(kind: number): number {
    const count = this.sent.filter((sent) => sent === kind).length;
    this.sent.length = 0;
    return count;
  }

  /** The link wants its connection closed, at once or when all is sent. */
  get hasLeft(): boolean {
    return this.connection.destroyed || this.connection.ended;
  }

  closeWith(error: ConnectionError | null): void {
    this.link.closed(error);
  }
}

/** An end over the small cache. */
export function mapLinkEnd(
  time: VirtualTime,
  nodeId: string,
  target: number,
  feedCapacity: number,
  safety: LinkSafety = UNGUARDED,
): LinkEnd<MapCache> {
  const cache = new MapCache(time, feedCapacity);
  return new LinkEnd(time, nodeId, target, cache, [new MapFeedReader(cache.feed)], safety);
}

/** A pair over the small cache. @param safeties of the dialler and of the listener */
export function mapLinkPair(
  feedCapacity = 100,
  safeties: readonly [LinkSafety, LinkSafety] = [UNGUARDED, UNGUARDED],
): LinkPair<MapCache> {
  const time = new VirtualTime();
  const dialler = mapLinkEnd(time, '0a'.repeat(16), 0, feedCapacity, safeties[0]);
  const listener = mapLinkEnd(time, '0b'.repeat(16), -1, feedCapacity, safeties[1]);
  listener.cache.nodeSlot = 1;
  return new LinkPair(time, dialler, listener);
}

export class LinkPair<C extends LinkCache> {
  readonly time: VirtualTime;
  readonly dialler: LinkEnd<C>;
  readonly listener: LinkEnd<C>;

  constructor(time: VirtualTime, dialler: LinkEnd<C>, listener: LinkEnd<C>) {
    this.time = time;
    this.dialler = dialler;
    this.listener = listener;
  }

  /** Connects and lets everything pass. */
  open(): void {
    this.dialler.link.opened();
    this.settle();
    this.dialler.sent.length = 0;
    this.listener.sent.length = 0;
  }

  /** Pumps and carries bytes both ways until nothing moves. */
  settle(): void {
    for (let idle = 0; idle < 2; ) {
      idle++;
      for (const [from, to] of [
        [this.dialler, this.listener],
        [this.listener, this.dialler],
      ] as const) {
        while (from.link.pump(this.time.nowMs)) idle = 0;
        const bytes = from.take();
        if (bytes.length === 0) continue;
        idle = 0;
        if (!to.connection.destroyed) to.feeder.push(bytes);
      }
    }
  }
}

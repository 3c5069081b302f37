/**
 * Keeps the links of a node together: whom to dial and when, which port to listen on, which of two links between the same two nodes stays, which node slot
 * this node has, and when its clients may come in. Free of I/O: events come in as calls, what is to be done goes out through `PeerActions`, and time is the clock that is handed in.
 *
 * Both sides listen and both dial, for ever. A node that cannot bind the replication port, because its twin on the same host has it,
 * tries again now and then, and at once when a link ends; so the survivor of two takes the port over.
 *
 * Two links between the same two nodes arise when both dial at once. The side that dialled a link turns back, before it has sent its hello, when it has another open link to that
 * node; so a link that is in use is never given up for a new one. If the two dialled so closely that neither could see the other's link, each gets a hello over an accepted link
 * while its own dialled one is open; then both keep the link that the node with the smaller id dialled.
 *
 * Nobody forwards what came from a peer. So when a node dies that had sent a change to some of its peers only, they must make it good among themselves: whoever loses a link tells its
 * other peers, and everybody who has no link to that node asks all others for what they have of its slots above the version up to which its own copy is known to be complete.
 */
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { newTarget, noteFound, remoteText, type Target } from './dial-target.ts';
import { type FeedPosition, type Hello, LINK_VERSION, LINK_VERSION_MIN } from './frames.ts';
import { InSync, type SyncedNode } from './in-sync.ts';
import type { LegacyReceiver } from './legacy-receiver.ts';
import type { Link } from './link.ts';
import type { LinkOwner } from './link-owner.ts';
import { ALONE_MS } from './missing-twins.ts';
import { freeSlot, mustMove, NODE_SLOTS } from './node-slots.ts';
import { PastLinks } from './past-links.ts';
import { PastNodes } from './past-nodes.ts';
import { Refusals } from './refusals.ts';
import { ReplicationPorts } from './replication-ports.ts';
import { RETRY_MS_MAX } from './retry-pause.ts';
import type { LinkCache } from './store-port.ts';

/** For a connection to be there. */
export const DIAL_MS_MAX = 2000;
/** Connections at a time, those that have not said hello included. */
export const LINKS_MAX = 32;
/** Twins at a time: versions have room for eight node slots. */
export const PEERS_MAX: number = NODE_SLOTS - 1;

/** What is to be done outside. */
export interface PeerActions {
  /** Bind listener `index`; answer with `listening` or `listenFailed`. */
  listen(index: number): void;
  /** Dial an address of a target: make a Link, hand it to `added`, connect it. */
  dial(target: number, address: number, timeoutMs: number): void;
  /** Clients may come in now. Called once. */
  ready(): void;
  /** What peers have acknowledged has changed, or which peers there are. */
  acknowledged(): void;
  /** This node may not be in sync any more. */
  syncDoubted(): void;
  /** After `stop`: the last link has ended. Called once. */
  stopped(): void;
  /** The node cannot do its work. @param message one line for the operator */
  failed(message: string): void;
  log(verbosity: number, message: string): void;
}

export interface PeersOptions {
  /** 32 hexadecimal digits, new for each run of the node. */
  readonly nodeId: string;
  /** The peers to dial (`-x`), each with its addresses as text (`127.0.0.1:11212`); they are tried in turn. */
  readonly targets: readonly (readonly string[])[];
  /** How many addresses to listen on. */
  readonly listeners: number;
  /** With peers to dial: longest time without progress before clients are let in though no full sync is complete. */
  readonly readyMsMax: number;
  /** Whether clients wait for the acks of peers. */
  readonly wantsAcks?: () => boolean;
}

export class Peers implements LinkOwner<Link>, SyncedNode {
  readonly nodeId: string;
  /** All connections; a new array whenever one comes or goes. */
  links: readonly Link[] = [];
  /** Sums over links that have ended; see `peerStatistics`. */
  readonly past: PastLinks = new PastLinks();
  /** What is above it, a repcached may not know: it was not sent when the last link to one ended. */
  #legacyLostVersion = 0;
  readonly #pastNodes = new PastNodes();
  /** Links that were open and ended. */
  linksLost = 0;
  /** Of those, links to peers that took nothing. */
  linksStuck = 0;
  /** Open links so far. */
  linksMade = 0;
  readonly refusals: Refusals;
  isReady = false;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #cache: Pick<LinkCache, 'nodeSlot' | 'highestVersion'>;
  readonly #actions: PeerActions;
  readonly #targets: Target[];
  readonly #ports: ReplicationPorts;
  readonly #readyMsMax: number;
  readonly #wantsAcks: () => boolean;
  readonly #inSync: InSync;
  /** A dialler that has as many twins as there can be has said so; it would come again by then. */
  #surplusFor = '';
  #surplusUntilMs = 0;
  #progressMs = 0;
  #progressFrames = -1;
  /** Of the link that has sent the last slice. */
  #copyPlace = 0;
  #stopping = false;
  #stopMs = Number.POSITIVE_INFINITY;

  constructor(
    clock: Clock,
    random: Random,
    cache: Pick<LinkCache, 'nodeSlot' | 'highestVersion'>,
    actions: PeerActions,
    options: PeersOptions,
  ) {
    this.#clock = clock;
    this.#random = random;
    this.#cache = cache;
    this.#actions = actions;
    this.refusals = new Refusals(clock, (verbosity, message) => actions.log(verbosity, message));
    this.nodeId = options.nodeId;
    this.#readyMsMax = options.readyMsMax;
    this.#wantsAcks = options.wantsAcks ?? (() => false);
    this.#targets = options.targets.map((addresses) => newTarget(addresses, random));
    this.#inSync = new InSync(this, this.#targets, clock);
    this.#ports = new ReplicationPorts(options.listeners, random);
  }

  /** Binds the ports and dials. */
  start(): void {
    this.#inSync.start();
    this.#progressMs = this.#clock.monotonicMs();
    this.tick();
    this.#readyIfNobodyIsDialled();
  }

  /** Says bye over all links once everything is sent. @param withinMs connections that are not done then are closed */
  stop(withinMs: number): void {
    this.#stopping = true;
    this.#stopMs = this.#clock.monotonicMs() + withinMs;
    for (const link of this.links) {
      link.drain();
      link.pump(this.#clock.monotonicMs());
    }
    if (this.links.length === 0) this.#actions.stopped();
  }

  get isBound(): boolean {
    return this.#ports.isAnyBound;
  }

  get openLinks(): Link[] {
    return this.links.filter((link) => link.isOpen);
  }

  /** Whether a call of `pump` would send something. */
  get hasWork(): boolean {
    for (const link of this.links) if (link.hasWork) return true;
    return false;
  }

  /** A full copy or a repair is being sent. */
  get isCopying(): boolean {
    for (const link of this.links) if (link.isCopying) return true;
    return false;
  }

  /** Whether `pumpChanges` would send something. */
  get hasChanges(): boolean {
    for (const link of this.links) if (link.hasChanges) return true;
    return false;
  }

  /** The peers that are dialled and not linked now, as text. */
  get unlinkedTargets(): string[] {
    const unlinked = this.#targets.filter(
      ({ link, nodeId }) =>
        link?.isOpen !== true && nodeId !== this.nodeId && this.openLinkTo(nodeId) === null,
    );
    return unlinked.map((target) => target.addresses.join(','));
  }

  /**
   * Whether a read here is as good as one on a twin, for all that who asks for the first time can know: false while a node that was started lately has not got its
   * first copy, and so long as a twin that has one may still come; and while a twin is missing.
   */
  get isInSync(): boolean {
    return !this.isSurplus && this.#inSync.isInSync;
  }

  /**
   * For how long a twin has been missing, which is all that keeps this node from being in sync; 0 when nothing does, or something else. Whoever has had a connection to
   * this node for ALONE_MS of that knows that there is nobody.
   */
  get missingMs(): number {
    return this.isSurplus ? 0 : this.#inSync.missingMs;
  }

  /** There are as many twins as there can be, and this node is none of them: what it has nobody else has, and the other way round. */
  get isSurplus(): boolean {
    const isToldByDialler = this.#clock.monotonicMs() < this.#surplusUntilMs;
    if (isToldByDialler && this.openLinkTo(this.#surplusFor) === null) return true;
    return this.#targets.some(({ isFull, nodeId }) => isFull && this.openLinkTo(nodeId) === null);
  }

  /**
   * This process stood still: it was stopped, or its machine was. Twins may have given it up meanwhile and have gone on without it, and what
   * they sent before may still stand in the kernel, so that for a while all looks as it did. Links are made anew; then it is certain what is missing.
   *
   * @param ms for how long
   */
  stoodStill(ms: number): void {
    if (this.#stopping) return;
    // Nothing could come meanwhile.
    this.#progressMs += ms;
    this.#inSync.stoodStill(ms);
    const reason = `this process stood still for ${Math.round(ms)} ms`;
    for (const link of this.links) {
      if (link.legacy !== null) continue;
      if (link.isOpen) link.giveUp(reason);
      else if (link.dialled && !link.wasOpen) {
        // What came of the attempt may be as old: who listens now was not there then.
        link.ending.isVoid = true;
        link.close(reason);
      }
    }
  }

  /** There are peers to dial. */
  get dials(): boolean {
    return this.#targets.length > 0;
  }

  get nodeSlot(): number {
    return this.#cache.nodeSlot;
  }

  /** Does what is due. */
  tick(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const link of this.links) link.tick(nowMs);
    if (this.#stopping) {
      if (nowMs < this.#stopMs) return;
      this.#stopMs = Number.POSITIVE_INFINITY;
      for (const link of this.links) link.close('stopped before all was sent');
      return;
    }
    this.#ports.tick(nowMs, (index) => this.#actions.listen(index));
    for (const [index, target] of this.#targets.entries()) {
      if (target.link !== null || nowMs < target.retry.dueMs) continue;
      target.retry.stop();
      if (this.#needsNoDial(target)) continue;
      const address = target.nextAddress;
      target.nextAddress = (address + 1) % target.addresses.length;
      this.#actions.dial(index, address, DIAL_MS_MAX);
    }
    if (this.isReady) return;
    let frames = 0;
    for (const link of this.links) frames += link.receiver.frames + (link.legacy?.changes ?? 0);
    if (frames !== this.#progressFrames) {
      this.#progressFrames = frames;
      this.#progressMs = nowMs;
    } else if (this.isSurplus) {
      // Clients do better with the twins, which are there.
      this.#progressMs = nowMs;
    } else if (nowMs >= this.#progressMs + this.#readyMsMax) {
      this.#actions.log(0, `no full sync for ${this.#readyMsMax} ms; serving without it`);
      this.#ready();
    }
  }

  /** When `tick` has something to do again, on the monotonic clock; Infinity when it has nothing. */
  get dueMs(): number {
    let due = this.links.length > 0 ? this.#stopMs : Number.POSITIVE_INFINITY;
    for (const link of this.links) due = Math.min(due, link.dueMs);
    if (this.#stopping) return due;
    due = Math.min(due, this.#ports.dueMs);
    for (const target of this.#targets) if (target.link === null) due = Math.min(due, target.retry.dueMs);
    // Progress is looked at several times within its limit, lest a pause seem twice as short as it is.
    if (!this.isReady)
      due = Math.min(due, this.#progressMs + this.#readyMsMax, this.#clock.monotonicMs() + 500);
    return due;
  }

  /** Sends changes, and nothing that takes long, over all links. @returns true when there is more that could be sent at once */
  pumpChanges(): boolean {
    let more = false;
    for (const link of this.links)
      if (link.hasChanges && link.pump(this.#clock.monotonicMs(), true)) more = true;
    return more;
  }

  /**
   * Sends what there is to send: the changes over all links, and a slice of a walk over one of them, each in its turn, because several slices on end would hold
   * up clients for as long as all of them take.
   *
   * @returns true when there is more that could be sent at once
   */
  pump(): boolean {
    const nowMs = this.#clock.monotonicMs();
    const copying = this.#nextCopy();
    let more = false;
    for (const link of this.links) if (link.pump(nowMs, link !== copying)) more = true;
    return more;
  }

  /** @returns the link whose slice is due: the first of those behind the last one that can send something; null when none can */
  #nextCopy(): Link | null {
    const { links } = this;
    for (let i = 1; i <= links.length; i++) {
      const place = (this.#copyPlace + i) % links.length;
      const link = links[place]!;
      if (!link.isCopying || !link.hasWork) continue;
      this.#copyPlace = place;
      return link;
    }
    return null;
  }

  /** A link has been made, accepted or about to be dialled. */
  added(link: Link): void {
    const target = this.#targets[link.target];
    if (target !== undefined) target.link = link;
    const crowded = this.links.length >= LINKS_MAX;
    this.links = [...this.links, link];
    if (!link.dialled && (crowded || this.#stopping)) link.close('too many connections');
  }

  listening(index: number): void {
    this.#ports.bound(index);
    this.#actions.log(1, 'listen');
    this.#readyIfNobodyIsDialled();
  }

  /** The address is of a family that this host lacks, and others are listened on. */
  listenNeedless(index: number): void {
    this.#ports.needless(index);
    this.#readyIfNobodyIsDialled();
  }

  /** @param inUse the port is taken; a twin on this host may have it */
  listenFailed(index: number, inUse: boolean, message: string): void {
    if (this.#ports.failed(index, this.#clock.monotonicMs(), inUse && this.dials))
      this.#actions.log(2, message);
    else this.#actions.failed(message);
  }

  // What links report.

  hello(): Hello {
    let slotsUsed = 1 << this.#cache.nodeSlot;
    for (const link of this.links) if (link.peerSlot >= 0) slotsUsed |= 1 << link.peerSlot;
    slotsUsed = this.#inSync.withSlots(slotsUsed);
    return {
      version: LINK_VERSION,
      versionMin: LINK_VERSION_MIN,
      features: 0,
      nonce: this.#nonce(),
      nodeId: this.nodeId,
      slot: this.#cache.nodeSlot,
      fresh: !this.isReady,
      full: this.openLinks.length >= PEERS_MAX,
      slotsUsed,
      highestVersion: this.#cache.highestVersion(),
      wallMs: Math.floor(this.#clock.wallMs()),
    };
  }

  connected(link: Link): void {
    const target = this.#targets[link.target];
    // Not yet worth a line with -v: on a shared host a node that looks for its twin reaches itself, ten times a second.
    if (target !== undefined) this.#actions.log(2, `dialled (peer=${remoteText(link)})`);
  }

  greeted(link: Link): string | null {
    const { peer } = link;
    if (peer === null) return 'no hello';
    const target = this.#targets[link.target];
    if (target !== undefined) {
      noteFound(target, peer.nodeId);
      this.#inSync.met(target, peer.nodeId !== this.nodeId && this.openLinks.length < PEERS_MAX);
    }
    if (peer.nodeId === this.nodeId) return 'it is this node itself';
    const other = this.openLinkTo(peer.nodeId);
    if (other !== null) {
      if (link.dialled || (other.dialled && this.nodeId < peer.nodeId))
        return 'these nodes are linked already';
      other.close('another link between these nodes stays');
    }
    if (this.openLinks.length >= PEERS_MAX) {
      link.ending.isSurplus = true;
      return `there are ${NODE_SLOTS} twins already`;
    }
    // A dialler says so only if it leaves.
    if (!peer.full) return null;
    link.ending.isSurplus = link.ending.isOneTooMany = true;
    return `it is one of ${NODE_SLOTS} twins already, and this node is none of them`;
  }

  admitted(link: Link): string | null {
    // While the two have proven themselves over this link the other side may have dialled, too. Both keep the same one, as in `greeted`.
    const other = link.peer === null ? null : this.openLinkTo(link.peer.nodeId);
    if (link.peer !== null && other !== null) {
      if (!other.dialled && this.nodeId > link.peer.nodeId) return 'these nodes are linked already';
      other.close('another link between these nodes stays');
    }
    return this.#settleSlot(link);
  }

  linked(link: Link): void {
    this.linksMade++;
    this.#actions.log(1, link.dialled ? `connect (peer=${remoteText(link)})` : 'accept');
    // What was said of them over the last link may have been lost with it.
    for (const { nodeId, slots } of this.#pastNodes.lostSince(link.peer?.nodeId ?? ''))
      if (this.openLinkTo(nodeId) === null) link.announceLost(nodeId, slots);
    this.#actions.syncDoubted();
    const target = this.#targets[link.target];
    if (target === undefined) return;
    target.failed = false;
    target.isFull = false;
  }

  legacyMet(link: Link): number {
    const hasAnother = this.links.some((other) => other.isOpen && other.legacy !== null);
    if (hasAnother || this.openLinks.length >= PEERS_MAX || this.#stopping) return -1;
    this.#actions.log(1, `repcached (peer=${remoteText(link)})`);
    // A node that lets nobody in yet takes all that it is given.
    return this.isReady ? this.#legacyLostVersion : Number.MAX_SAFE_INTEGER;
  }

  /**
   * Without acks one can only go by what was sent. When the link broke before all was, what clients here had changed until then stays unsaid to the
   * peer, and the next copy of its shall not undo it. While nobody was let in there were no such changes: everything here is the peer's.
   */
  #legacyLost(legacy: LegacyReceiver): void {
    if (legacy.tookAll && !this.isReady) this.#legacyLostVersion = this.#cache.highestVersion();
    else this.#legacyLostVersion = Math.max(this.#legacyLostVersion, legacy.sentUpTo);
  }

  resumePoint(link: Link): FeedPosition | null {
    return link.peer === null ? null : this.#pastNodes.position(link.peer.nodeId);
  }

  wantsAcks(): boolean {
    return this.#wantsAcks();
  }

  acknowledged(): void {
    this.#actions.acknowledged();
  }

  /** A peer has lost a node: what that node told it last may not have come here. */
  peerLost(link: Link, nodeId: string, slots: number): void {
    if (nodeId === this.nodeId || this.openLinkTo(nodeId) !== null) return;
    const past = this.#pastNodes.of(nodeId);
    link.ask(slots | (past?.slots ?? 0), PastNodes.wantedAbove(past));
  }

  peerSlotChanged(link: Link): void {
    const refusal = this.#settleSlot(link);
    if (refusal !== null) link.giveUp(refusal);
  }

  syncReceived(link: Link): void {
    this.#inSync.told(link);
    // One that was started lately, too, may know neither what a third has nor which slot.
    if (link.peer?.fresh === true) this.#readyIfAlone();
    else this.#ready();
  }

  settled(link: Link): void {
    this.#inSync.settled(link);
  }

  givenUp(link: Link): void {
    this.#parted(link);
    this.#actions.syncDoubted();
  }

  /** There is no link to the peer any more, or never was one. */
  #parted(link: Link): void {
    this.#inSync.closed(link);
    if (!link.wasOpen) return;
    this.#lost(link);
    this.#actions.acknowledged();
  }

  linkClosed(link: Link, reason: string): void {
    this.links = this.links.filter((other) => other !== link);
    this.past.add(link);
    if (!link.ending.isGivenUp) this.#parted(link);
    const { wasOpen } = link;
    const { isVoid } = link.ending;
    if (link.legacy !== null) this.#legacyLost(link.legacy);
    if (wasOpen) {
      this.linksLost++;
      if (link.ending.isStuck) this.linksStuck++;
      this.#actions.log(1, `close (peer=${remoteText(link)}, ${reason})`);
      this.#actions.log(1, 'cleanup complete');
    } else {
      this.refusals.ended(link, remoteText(link), reason);
    }
    if (this.#stopping) {
      if (this.links.length === 0) this.#actions.stopped();
      return;
    }
    const nowMs = this.#clock.monotonicMs();
    const lastedLong = nowMs >= link.deadlines.connectedMs + RETRY_MS_MAX;
    const wasOfUse = link.wasTaken && (link.marks.isSettled || lastedLong);
    const target = this.#targets[link.target];
    if (target === undefined && link.ending.isOneTooMany) {
      this.#surplusFor = link.peer?.nodeId ?? '';
      this.#surplusUntilMs = nowMs + ALONE_MS;
    }
    if (target !== undefined) {
      if (this.#inSync.dialEnded(target, link)) this.#actions.syncDoubted();
      target.link = null;
      target.wasTried ||= !isVoid;
      target.isFull = link.ending.isOneTooMany;
      target.failed = !wasOpen && !target.isFull && !isVoid;
      // Whoever has taken the hello and left would do so again, and so may who has left before each had what the other has.
      if (wasOfUse || isVoid) {
        target.retry.reset();
        target.retry.atOnce(nowMs);
      } else target.retry.later(nowMs);
    }
    if (link.wasTaken) {
      // The node at the other end may have been the one that held the port, or the reason not to dial it.
      for (const other of this.#targets) {
        other.failed = false;
        if (other.link === null && wasOfUse) other.retry.atOnce(nowMs);
      }
      this.#ports.mayBeFree(nowMs);
    }
    this.#inSync.noteIfAllAreMet();
    this.#readyIfAlone();
    if (wasOpen) this.#actions.syncDoubted();
  }

  log(verbosity: number, message: string): void {
    this.#actions.log(verbosity, message);
  }

  /** It is linked already; or it is this node, which has the port that its twin on the same host wanted, and the twin has come. */
  #needsNoDial(target: Target): boolean {
    if (target.nodeId === '') return false;
    if (target.nodeId === this.nodeId) return this.isBound && this.openLinks.length > 0;
    return this.openLinkTo(target.nodeId) !== null;
  }

  openLinkTo(nodeId: string): Link | null {
    for (const link of this.links) if (link.isOpen && link.peer?.nodeId === nodeId) return link;
    return null;
  }

  /** Remembers up to where there is everything of the node, and makes good with the other peers what is missing. */
  #lost(link: Link): void {
    const { peer, peerSlots } = link;
    if (peer === null) return;
    const { position, completeTo } = link.marks;
    const spanMs = [link.deadlines.connectedMs, this.#clock.monotonicMs()] as const;
    const past = this.#pastNodes.remember(peer.nodeId, position, completeTo, peerSlots, ...spanMs);
    if (this.#stopping || this.openLinkTo(peer.nodeId) !== null) return;
    for (const other of this.links) {
      other.announceLost(peer.nodeId, past.slots);
      other.ask(past.slots, PastNodes.wantedAbove(past));
    }
  }

  #nonce(): string {
    let digits = '';
    while (digits.length < 32) digits += this.#random.below(65536).toString(16).padStart(4, '0');
    return digits;
  }

  /**
   * Takes another slot if the peer has this node's and it is for this node to move; or if somebody else has it whom the peer knows and this node has yet to meet, while it has
   * given no version to anything.
   *
   * @returns null, or why the two cannot be linked
   */
  #settleSlot(link: Link): string | null {
    const { own, peer } = link;
    if (own === null || peer === null) return null;
    const mine = this.#cache.nodeSlot;
    const isOfPeer = link.peerSlot === mine;
    const isOfThird = !isOfPeer && !this.isReady && (peer.slotsUsed & (1 << mine)) !== 0;
    if (isOfPeer ? !mustMove(own, peer) : !isOfThird) return null;
    let slotsUsed = peer.slotsUsed | (1 << link.peerSlot);
    for (const other of this.links) {
      if (other.peerSlot >= 0) slotsUsed |= 1 << other.peerSlot;
    }
    const slot = freeSlot(this.#inSync.withSlots(slotsUsed));
    // What the peer said may have counted this node itself.
    if (slot < 0) return isOfPeer ? 'no node slot is free' : null;
    this.#cache.nodeSlot = slot;
    this.#actions.log(2, `node slot ${slot}`);
    for (const other of this.links) other.announceSlot(slot);
    return null;
  }

  /** Lets clients in when every peer is linked or was tried in vain, and nobody is about to send what he has. */
  #readyIfAlone(): void {
    const isSettled = ({ failed, nodeId }: Target): boolean =>
      failed || nodeId === this.nodeId || this.openLinkTo(nodeId) !== null;
    if (this.openLinks.every((link) => link.hasCopyOfPeer) && this.#targets.every(isSettled)) this.#ready();
  }

  #readyIfNobodyIsDialled(): void {
    if (!this.dials && this.#ports.areSettled) this.#ready();
  }

  #ready(): void {
    if (this.isReady) return;
    this.isReady = true;
    if (this.#targets.length > 0) this.#actions.log(1, 'start');
    this.#actions.ready();
  }
}

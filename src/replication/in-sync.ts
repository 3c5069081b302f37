/**
 * Whether a node has all that its twins have told clients, for all that can be known here. What it claims, and why, is in docs/internals/replication.md; which twins may have
 * something that has not been heard of is with MissingTwins, and here is when they come to be and cease to be missing.
 */
import type { Clock } from '../base/clock.ts';
import { hostOf, remoteHostOf, type Target, unmet } from './dial-target.ts';
import type { Link } from './link.ts';
import { MissingTwins } from './missing-twins.ts';
import { RETRY_MS_MAX } from './retry-pause.ts';

/** A node that starts alone may be missing what a twin has who dials it: it does so within RETRY_MS_MAX. */
export const YOUNG_MS_MAX: number = RETRY_MS_MAX + 500;
/** A twin that counts on this node's acks no sooner, though it has told all and is not silent, is waited for no longer. */
export const SETTLE_MS_MAX = 2500;
/** A peer that has let nobody in needs no longer than this to say that it has nothing. */
export const FRESH_MS_MAX = 400;

/** The node, as far as this looks at it. */
export interface SyncedNode {
  readonly nodeId: string;
  readonly links: readonly Link[];
  readonly openLinks: readonly Link[];
  openLinkTo(nodeId: string): Link | null;
}

export class InSync {
  readonly #node: SyncedNode;
  readonly #targets: readonly Target[];
  readonly #clock: Clock;
  #startedMs = 0;
  /** A peer has sent everything that it had since this node was started. */
  #hasHadCopy = false;
  /** So has every other one that could be found then. */
  #hasMetAll = false;
  /** Those that have told what this node had missed, and do not count on its acks yet. */
  readonly #settling = new Set<Link>();
  readonly #missing = new MissingTwins();

  /** @param targets whom it dials */
  constructor(node: SyncedNode, targets: readonly Target[], clock: Clock) {
    this.#node = node;
    this.#targets = targets;
    this.#clock = clock;
  }

  start(): void {
    this.#startedMs = this.#clock.monotonicMs();
  }

  /** See Peers, where a node that is a twin too many is never in sync. */
  get isInSync(): boolean {
    return !this.#missing.any && this.#hasAll();
  }

  /** See Peers. */
  get missingMs(): number {
    const isComing = this.#node.openLinks.some((link) => this.#missing.has(link.peer?.nodeId ?? ''));
    return isComing || !this.#hasAll() ? 0 : this.#missing.missingMs(this.#clock.monotonicMs());
  }

  /** Node slots that are taken, of twins that may come back as well. @param used one bit each, those that are known to be */
  withSlots(used: number): number {
    return this.#missing.withSlots(used);
  }

  /** It has had a copy, or need not wait for one, and whoever gave it counts on this node's acks. */
  #hasAll(): boolean {
    const nowMs = this.#clock.monotonicMs();
    for (const link of this.#settling) if (nowMs < link.syncedMs + SETTLE_MS_MAX) return false;
    const open = this.#node.openLinks;
    // Who has clients had them while there was no link, too; and who had none may have been let some in by a third since.
    const hasToTell = ({ legacy, peer, hasCopyOfPeer, deadlines }: Link): boolean =>
      legacy === null &&
      !hasCopyOfPeer &&
      (peer?.fresh !== true || nowMs >= deadlines.connectedMs + FRESH_MS_MAX);
    if (open.some(hasToTell)) return false;
    if (this.#hasHadCopy) return this.#hasMetAll;
    // From a repcached that dials no copy comes; and what has said nothing yet may be none, but a twin that is not heard.
    const told = open.filter((link) => !isLegacyDialler(link));
    if (told.length > 0) return told.some((link) => link.hasCopyOfPeer);
    // Whoever is being dialled for the first time may be there.
    const isTried = ({ failed, nodeId }: Target): boolean => failed || nodeId === this.#node.nodeId;
    return nowMs >= this.#startedMs + YOUNG_MS_MAX && this.#targets.every(isTried);
  }

  /** This process stood still; see Peers. @param ms for how long */
  stoodStill(ms: number): void {
    const nowMs = this.#clock.monotonicMs();
    // It is as young as it was: nobody could come meanwhile.
    this.#startedMs += ms;
    // A link that was open before may have been found silent, or closed, a moment ago.
    this.#missing.stoodStill(nowMs, ms);
    // A repcached gives nobody up: what it has sent is all that it has.
    for (const link of this.#node.links) if (link.wasOpen && link.legacy === null) this.#lost(link, true);
    // Somebody may have come meanwhile, and be there now.
    for (const target of this.#targets) {
      const host = hostOf(target.addresses[0] ?? '');
      const isLegacy = this.#node.openLinks.some(
        (link) => link.legacy !== null && remoteHostOf(link) === host,
      );
      if (!isLegacy && target.nodeId !== this.#node.nodeId && !this.#missing.has(target.nodeId))
        this.#missing.silent(unmet(target), host, nowMs);
    }
  }

  /**
   * Somebody at a place that is dialled has said who it is.
   *
   * @param isTwin it is not this node itself, and there is room for it
   */
  met(target: Target, isTwin: boolean): void {
    const hasTold = this.#node.openLinkTo(target.nodeId)?.hasCopyOfPeer === true;
    if (hasTold) this.#tookPlace(target);
    else if (!isTwin) this.#missing.gone(unmet(target));
    else this.#missing.met(unmet(target), target.nodeId);
  }

  /** A peer has told all that it had. */
  told(link: Link): void {
    const { legacy, peer } = link;
    const host = remoteHostOf(link);
    if (peer !== null) this.#missing.told(peer.nodeId, host);
    // A repcached waits for no acks; and who has let nobody in yet has told nobody of anything.
    if (legacy === null && peer?.fresh !== true) this.#settling.add(link);
    this.#hasHadCopy = true;
    for (const target of this.#targets) {
      // One that dials, and cannot be dialled, is known by its host.
      const isHere = target.nodeId === '' && hostOf(target.addresses[0] ?? '') === host;
      if (isHere || target.link === link || target.nodeId === peer?.nodeId) this.#tookPlace(target);
    }
    this.noteIfAllAreMet();
  }

  /** Who is there now has told all; whoever was there before is gone, wherever its connections came from. */
  #tookPlace(target: Target): void {
    this.#missing.gone(unmet(target));
    for (const nodeId of target.formerIds) this.#missing.gone(nodeId);
    target.formerIds = [];
  }

  /** A peer that has told counts on this node's acks. */
  settled(link: Link): void {
    this.#settling.delete(link);
  }

  /** A link has ended, or never came to be one; once for each. */
  closed(link: Link): void {
    this.#settling.delete(link);
    // A dialler takes the link for open first: who closed it then had not, and may go on. The next dial tells.
    if (link.wasOpen && link.peer !== null)
      this.#lost(link, link.ending.livesOn || (link.dialled && !link.wasTaken));
  }

  #lost(link: Link, isMissing: boolean): void {
    const nodeId = link.peer?.nodeId ?? '';
    const nowMs = this.#clock.monotonicMs();
    this.#missing.lost(nodeId, remoteHostOf(link), link.peerSlot, nowMs, isMissing, link.hasCopyOfPeer);
  }

  /**
   * A dial has led to no link, or the link has ended.
   *
   * Whoever does not answer may be there, and have what this node has not: its host is slow, or the network is cut. That its last process has ended says nothing of the next one.
   * Who has a link from that host can be reached, if not by dialling.
   *
   * @returns whether somebody is missing from now on
   */
  dialEnded(target: Target, link: Link): boolean {
    if (link.ending.isRefusal) {
      this.#missing.gone(target.nodeId);
      this.#missing.gone(unmet(target));
      return false;
    }
    const host = remoteHostOf(link);
    const isLinked = this.#node.openLinks.some(
      (other) => remoteHostOf(other) === host && !isLegacyDialler(other),
    );
    const isSilent = !link.wasOpen && link.ending.isSilence;
    if (!isSilent || isLinked || this.#missing.has(target.nodeId)) return false;
    this.#missing.silent(unmet(target), host, this.#clock.monotonicMs());
    return true;
  }

  /** The first copy may lack what only another twin has: each has to be met and to have told, or to be tried in vain. */
  noteIfAllAreMet(): void {
    const isTried = ({ wasTried, link }: Target): boolean => wasTried || link?.isOpen === true;
    const haveTold = this.#node.openLinks.every((link) => link.hasCopyOfPeer);
    if (this.#hasHadCopy && haveTold && this.#targets.every(isTried)) this.#hasMetAll = true;
  }
}

/** It dialled and did not say hello. A repcached lets nobody dial it while it is linked, so a dial of it is refused. */
function isLegacyDialler({ legacy, dialled }: Link): boolean {
  return legacy !== null && !dialled;
}

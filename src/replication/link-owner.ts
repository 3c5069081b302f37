import type { FeedPosition, Hello } from './frames.ts';

/** Whoever keeps the links together. `Link` is the class of that name, which this file must not import. */
export interface LinkOwner<Link> {
  /** What this node says of itself now. */
  hello(): Hello;
  /** A dialled connection is up; nothing is known of the other side yet. */
  connected(link: Link): void;
  /** The peer's hello has come (`link.peer`). @returns null to go on, or why the link is not wanted */
  greeted(link: Link): string | null;
  /** The peer is a twin, proven if need be. @returns null to go on, or why the two cannot be linked */
  admitted(link: Link): string | null;
  /** The link is open. */
  linked(link: Link): void;
  /** Up to where this node has the changes of the peer; null when it has not, or does not know. */
  resumePoint(link: Link): FeedPosition | null;
  /** Whether clients wait for the peer's acks. */
  wantsAcks(): boolean;
  /** The peer has acknowledged changes, or does not count any more among those that have everything. */
  acknowledged(link: Link): void;
  /** The peer has lost its link to a node, which had these slots (one bit each). */
  peerLost(link: Link, nodeId: string, slots: number): void;
  /**
   * The peer is a repcached.
   *
   * @returns the version above which what is here is newer than the peer's copy can be; -1 when the link is not wanted
   */
  legacyMet(link: Link): number;
  /** The peer has taken another slot. */
  peerSlotChanged(link: Link, slot: number): void;
  /** The peer's first full sync over this link has come to its end. */
  syncReceived(link: Link): void;
  /** From here on the peer counts on this node's acks, if its clients wait for any. */
  settled(link: Link): void;
  /** The link is open no more, and this node goes on without the peer; `linkClosed` follows. */
  givenUp(link: Link): void;
  /** Called once, for every link. @param reason a few words for the log */
  linkClosed(link: Link, reason: string): void;
  /** @param verbosity 0: always, 1: with -v, 2: with -vv. */
  log(verbosity: number, message: string): void;
}

/**
 * What is remembered of nodes beyond the links to them: up to where their changes have come here, so that the next link begins there;
 * and which versions are theirs, so that what they told others only can be asked for.
 */
import type { FeedPosition } from './frames.ts';

/** As many as can be linked at once; the one that was lost first is forgotten. */
export const PAST_NODES_MAX = 8;

/**
 * A version is taken a moment before the change is in the feed, so the version that a mark names may be above that of a change which the mark does not cover.
 * Two seconds, as versions count them (eighths of a microsecond), are more than such a moment.
 */
const MARGIN = 2e6 * 8;

export interface PastNode {
  readonly nodeId: string;
  readonly position: FeedPosition | null;
  /** Nothing of it is missing up to this version; 0 when that is not known. */
  readonly completeTo: number;
  /** The slots that it had, one bit each. */
  readonly slots: number;
  /** When the last link to it began and ended, on the monotonic clock. */
  readonly linkedMs: number;
  readonly lostMs: number;
}

export class PastNodes {
  readonly #nodes: Map<string, PastNode> = new Map();

  of(nodeId: string): PastNode | null {
    return this.#nodes.get(nodeId) ?? null;
  }

  /** Where a new link to the node begins. */
  position(nodeId: string): FeedPosition | null {
    return this.#nodes.get(nodeId)?.position ?? null;
  }

  /** Nodes that were lost while there was the last link to this one, or since: it may not have heard of that. */
  lostSince(nodeId: string): readonly PastNode[] {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) return [];
    return [...this.#nodes.values()].filter((other) => other !== node && other.lostMs >= node.linkedMs);
  }

  /** A link has ended. @param position null when it brought no complete mark; then that of an earlier link still holds */
  remember(
    nodeId: string,
    position: FeedPosition | null,
    completeTo: number,
    slots: number,
    linkedMs = 0,
    lostMs = 0,
  ): PastNode {
    const before = this.#nodes.get(nodeId);
    const node: PastNode = {
      nodeId,
      position: position ?? before?.position ?? null,
      completeTo: Math.max(completeTo, before?.completeTo ?? 0),
      slots: slots | (before?.slots ?? 0),
      linkedMs,
      lostMs,
    };
    // The one that is remembered last is the last in the order of the map.
    this.#nodes.delete(nodeId);
    this.#nodes.set(nodeId, node);
    for (const oldest of this.#nodes.keys()) {
      if (this.#nodes.size <= PAST_NODES_MAX) break;
      this.#nodes.delete(oldest);
    }
    return node;
  }

  /** The version above which things are asked for. */
  static wantedAbove(node: PastNode | null): number {
    return Math.max(0, (node?.completeTo ?? 0) - MARGIN);
  }
}

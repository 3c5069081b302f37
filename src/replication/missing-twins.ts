/**
 * Which twins may have changes that this node has not heard of.
 *
 * Whose connection was closed has died, or stops on purpose. Who gives a link up and goes on says so first (`parted`). Who only fell silent may live: either his host is dead,
 * or the network has cut him off, or it has cut this node off, and clients go on with him. So a node that has lost a twin in silence or by parting, or that stood still itself, is not in sync until that twin has told what is
 * missing, or refuses to be dialled, which shows that the network is whole and the process is gone.
 *
 * For twins whose host is dead for good there is a bound, in time of whoever asks (`missingMs`, ALONE_MS): both sides dial for ever, so a twin that can be reached comes
 * within ALONE_MS from when the network is whole. Who has had a connection to this node for so long, while nobody came, knows that there is nobody.
 */
import { NODE_SLOTS } from './node-slots.ts';

/** Within so long two nodes that can reach each other are linked: a dial that waits in vain, a pause, the next dial, and both hellos on a busy machine. */
export const ALONE_MS = 4000;

interface Lost {
  readonly nodeId: string;
  /** Where it was: whoever comes from there later has taken its place. */
  readonly host: string;
  readonly atMs: number;
  /** Its node slot; -1: not known. */
  readonly slot: number;
  /** It had told everything over a link before: it is none that has come in the place of another. */
  readonly hasTold: boolean;
  isMissing: boolean;
}

export class MissingTwins {
  /** The last NODE_SLOTS that were lost. */
  #lost: readonly Lost[] = [];
  /** When the last of them began to be missing. */
  #sinceMs = 0;

  /** Twins are missing. */
  get any(): boolean {
    return this.#lost.some(({ isMissing }) => isMissing);
  }

  /** How long there has been no other; 0 when none is missing. */
  missingMs(nowMs: number): number {
    return this.any ? Math.max(1, nowMs - this.#sinceMs) : 0;
  }

  has(nodeId: string): boolean {
    return this.#lost.some((lost) => lost.isMissing && lost.nodeId === nodeId);
  }

  /**
   * Slots that are taken, one bit each: those of `used`, and of twins that may come back, the last ones first. Two stay free, for those who come new: a twin that was lost may
   * never be seen again.
   */
  withSlots(used: number): number {
    let all = used;
    for (const { slot } of this.#lost.toReversed())
      if (slot >= 0 && countOf(all | (1 << slot)) <= NODE_SLOTS - 2) all |= 1 << slot;
    return all;
  }

  /**
   * A link has ended.
   *
   * @param isMissing in silence, by parting, or because this node stood still
   * @param hasTold the node has told over it everything that it has
   */
  lost(
    nodeId: string,
    host: string,
    slot: number,
    nowMs: number,
    isMissing: boolean,
    hasTold: boolean,
  ): void {
    const before = this.#lost.find((lost) => lost.nodeId === nodeId);
    const others = this.#lost.filter((lost) => lost.nodeId !== nodeId);
    const now: Lost = {
      nodeId,
      host,
      slot: slot < 0 ? (before?.slot ?? -1) : slot,
      atMs: nowMs,
      isMissing: isMissing || before?.isMissing === true,
      hasTold: hasTold || before?.hasTold === true,
    };
    this.#lost = [...others, now].slice(-NODE_SLOTS);
    if (isMissing) this.#sinceMs = nowMs;
  }

  /** This node stood still: who was lost meanwhile, in whatever way, is missing. */
  stoodStill(nowMs: number, ms: number): void {
    for (const lost of this.#lost) {
      if (nowMs - lost.atMs > ms) continue;
      lost.isMissing = true;
      this.#sinceMs = nowMs;
    }
  }

  /** Nobody answered where this node was, or may be: one that has come in its place, or it itself, may be there and out of reach. */
  silent(nodeId: string, host: string, nowMs: number): void {
    if (!this.has(nodeId)) this.lost(nodeId, host, -1, nowMs, true, false);
  }

  /** Who was missing under another name has said who it is; it has yet to tell what it has. */
  met(name: string, nodeId: string): void {
    if (!this.has(name)) return;
    const { host, atMs } = this.#lost.find((lost) => lost.nodeId === name) ?? { host: '', atMs: 0 };
    const since = this.#sinceMs;
    this.gone(name);
    this.lost(nodeId, host, -1, atMs, true, false);
    this.#sinceMs = since;
  }

  /** A twin has told everything that it has: neither it nor another one at its place is missing. */
  told(nodeId: string, host: string): void {
    const isKnown = this.#lost.some((lost) => lost.nodeId === nodeId && lost.hasTold);
    const isHere = (lost: Lost): boolean => lost.nodeId === nodeId || (!isKnown && lost.host === host);
    this.#lost = this.#lost.filter((lost) => !isHere(lost));
  }

  /** Nobody listens any more where it was. */
  gone(nodeId: string): void {
    this.#lost = this.#lost.filter((lost) => lost.nodeId !== nodeId);
  }
}

function countOf(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}

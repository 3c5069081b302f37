/**
 * Node slots: the three low bits of a version, which keep the versions of twins apart. Nobody configures them; nodes that
 * meet with the same slot settle who takes another one, both by the same rule from what the two hellos said.
 *
 * The node that has not served yet gives way, since it has given no version to anything. If that does not decide, the one with the
 * greater node id gives way. A node that changes its slot tells all its peers, which check again; so also three nodes that move
 * at once end with three slots.
 */
import type { Hello } from './frames.ts';

/** As many as three bits can tell apart. */
export const NODE_SLOTS = 8;

/** @returns whether `own` is the one to take another slot, given that both have the same */
export function mustMove(
  own: Pick<Hello, 'fresh' | 'nodeId'>,
  peer: Pick<Hello, 'fresh' | 'nodeId'>,
): boolean {
  if (own.fresh !== peer.fresh) return own.fresh;
  return own.nodeId > peer.nodeId;
}

/** @param slotsUsed a bit for each slot that is taken. @returns the lowest free one; -1 when all are taken */
export function freeSlot(slotsUsed: number): number {
  for (let slot = 0; slot < NODE_SLOTS; slot++) if ((slotsUsed & (1 << slot)) === 0) return slot;
  return -1;
}

/** The slot in a version. */
export function slotOfVersion(version: number): number {
  // The remainder of a double is exact; the low word alone holds the three bits.
  return (version >>> 0) & (NODE_SLOTS - 1);
}

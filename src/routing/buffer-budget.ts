import type { ReplyMemory } from './reply-memory.ts';

/** Buffers up to this size stay with a pooled record, and are not counted. */
export const KEPT_BYTES_MAX = 4096;

/** Buffer bytes that all requests of a thread share (`bufferBytesMax`). */
export interface BufferBudget {
  used: number;
  readonly max: number;
  /** Requests and replies that found no room. */
  refusals: number;
  /** For longer answers. */
  readonly memory: ReplyMemory;
  /** Tries to free some for a request. @returns false when there is none to be freed */
  relieve(needer: object | null): boolean;
}

/** By how much the part of a buffer grows that is counted. */
function growthOf(sizeBefore: number, size: number): number {
  if (size <= KEPT_BYTES_MAX) return 0;
  return size - (sizeBefore <= KEPT_BYTES_MAX ? 0 : sizeBefore);
}

/**
 * Charges the growth of a buffer; others make room for it if they can.
 *
 * @param needer the request whose buffer it is
 * @returns what was charged, to be given back in the end; -1 when the buffers are used up
 */
export function chargeGrowth(budget: BufferBudget, needer: object, sizeBefore: number, size: number): number {
  const growth = growthOf(sizeBefore, size);
  while (growth > 0 && budget.used + growth > budget.max)
    if (!budget.relieve(needer)) {
      budget.refusals++;
      return -1;
    }
  budget.used += growth;
  return growth;
}

/** The same without asking anybody to make room. @returns -1 when there is none */
export function chargeIfFree(budget: BufferBudget, sizeBefore: number, size: number): number {
  const growth = growthOf(sizeBefore, size);
  if (budget.used + growth > budget.max) return -1;
  budget.used += growth;
  return growth;
}

import { assert } from '../../src/base/assert.ts';
import type { MapCache } from './map-cache.ts';

/** By so much the same moment may differ on clocks that differ: less than two seconds count for none, and it may have come by way of another node. */
const TOLERANCE_SECONDS = 6;

/**
 * Two copies must show clients the same, item for item.
 *
 * @param aheadMs by how much the other's clock is ahead; 0: expiry times must be the same to the second; null: they may be any
 * @throws with the first key that differs
 */
export function assertEqualCopies(one: MapCache, other: MapCache, aheadMs: number | null = 0): void {
  const within = aheadMs === 0 ? undefined : () => 0;
  const [here, there] = [one.snapshot(within), other.snapshot(within)];
  for (const key of new Set([...here.keys(), ...there.keys()])) {
    const [left, right] = [withoutDelete(here.get(key)), withoutDelete(there.get(key))];
    assert(left === right, `${key} differs: ${left.slice(0, 60)} against ${right.slice(0, 60)}`);
    if (aheadMs === null) continue;
    const ends = [one, other].map(({ entries }) => entries.get(key)?.exptime ?? 0);
    const [end = 0, otherEnd = 0] = left === 'nothing' ? [] : ends;
    const apart = Math.abs(otherEnd - end - aheadMs / 1000);
    assert(
      end === otherEnd || (end * otherEnd > 0 && apart < TOLERANCE_SECONDS),
      `${key} ends apart: ${ends}`,
    );
  }
}

/** A tombstone and nothing are the same to a client. */
function withoutDelete(line: string | undefined): string {
  return line === undefined || line.endsWith(' deleted') ? 'nothing' : line;
}

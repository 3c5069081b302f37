import { assert } from '../../src/base/assert.ts';
import type { MapCache } from './map-cache.ts';

/** Two copies must show clients the same, item for item. @throws with the first key that differs */
export function assertEqualCopies(one: MapCache, other: MapCache): void {
  const [here, there] = [one.snapshot(), other.snapshot()];
  for (const key of new Set([...here.keys(), ...there.keys()])) {
    const [left, right] = [withoutDelete(here.get(key)), withoutDelete(there.get(key))];
    assert(left === right, `${key} differs: ${left.slice(0, 60)} against ${right.slice(0, 60)}`);
  }
}

/** A tombstone and nothing are the same to a client. */
function withoutDelete(line: string | undefined): string {
  return line === undefined || line.endsWith(' deleted') ? 'nothing' : line;
}

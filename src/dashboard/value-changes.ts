import { isRecord } from '../base/json-record.ts';

/** Where a value has changed: the keys and indices that lead there, and what stands there now. */
export type ValueChange = readonly [path: readonly (string | number)[], value: unknown];

/**
 * What must be set in `before` to make it equal to `after`; both as JSON knows them. Objects with the same keys and arrays of the same length are gone
 * through, all else is replaced as a whole, so that nothing that is gone is left.
 */
export function valueChanges(before: unknown, after: unknown): ValueChange[] {
  const changes: ValueChange[] = [];
  compare(before, after, [], changes);
  return changes;
}

function compare(
  before: unknown,
  after: unknown,
  path: readonly (string | number)[],
  changes: ValueChange[],
): void {
  if (Object.is(before, after)) return;
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    for (const [index, value] of after.entries()) compare(before[index], value, [...path, index], changes);
    return;
  }
  if (isRecord(before) && isRecord(after)) {
    const names = Object.keys(after);
    if (names.length === Object.keys(before).length && names.every((name) => Object.hasOwn(before, name))) {
      for (const name of names) compare(before[name], after[name], [...path, name], changes);
      return;
    }
  }
  changes.push([path, after]);
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ValueChange, valueChanges } from './value-changes.ts';

/** Carries out changes as the page does, but slowly and plainly. */
function applied(before: unknown, changes: readonly ValueChange[]): unknown {
  let root: unknown = structuredClone(before);
  for (const [path, value] of changes) {
    const last = path.at(-1);
    if (last === undefined) {
      root = value;
      continue;
    }
    let at: unknown = root;
    for (const step of path.slice(0, -1)) at = Object(at)[step];
    Object(at)[last] = value;
  }
  return root;
}

test('only what differs is named, by the way to it', () => {
  const before = { a: 1, list: [{ x: 1, y: 2 }, { x: 3 }], nothing: null };
  assert.deepEqual(valueChanges(before, structuredClone(before)), []);
  assert.deepEqual(valueChanges(before, { a: 1, list: [{ x: 1, y: 5 }, { x: 3 }], nothing: { now: true } }), [
    [['list', 0, 'y'], 5],
    [['nothing'], { now: true }],
  ]);
  assert.deepEqual(valueChanges(before, { ...before, list: [{ x: 1, y: 2 }] }), [
    [['list'], [{ x: 1, y: 2 }]],
  ]);
  assert.deepEqual(valueChanges({ a: { x: 1, y: 2 } }, { a: { x: 1, z: 2 } }), [[['a'], { x: 1, z: 2 }]]);
  assert.deepEqual(valueChanges(null, 1), [[[], 1]]);
});

test('whatever the values are, the changes make one into the other', () => {
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, 0, 1, 'a', true),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('p', 'q', 'r'), tie('value')),
    ),
  }));
  fc.assert(
    fc.property(value, value, (before, after) => {
      assert.deepEqual(
        JSON.stringify(sorted(applied(before, valueChanges(before, after)))),
        JSON.stringify(sorted(after)),
      );
    }),
  );
});

/** With the keys of objects in order, which JSON keeps and equality does not mean. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, inner]) => [name, sorted(inner)]),
  );
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyHash, WriteGenerations } from './write-generations.ts';

function hashOf(key: string): number {
  const bytes = new TextEncoder().encode(key);
  return keyHash(bytes, 0, bytes.length);
}

test('a write shows to all threads from its beginning on, and is open until it ends', () => {
  const buffer = WriteGenerations.allocate();
  const one = new WriteGenerations(buffer);
  const other = new WriteGenerations(buffer);
  const [a, b] = [hashOf('a'), hashOf('b')];
  const before = [other.stamp(a), other.stamp(b)];
  assert.ok(other.isQuiet(a));
  one.begin(a);
  one.begin(a);
  assert.notEqual(other.stamp(a), before[0]);
  assert.equal(other.stamp(b), before[1], 'other keys are left alone');
  const during = other.stamp(a);
  one.end(a);
  assert.equal(other.isQuiet(a), false, 'the other write is under way');
  other.end(a);
  assert.ok(other.isQuiet(a) && other.isQuiet(b));
  assert.equal(other.stamp(a), during);
});

test('what concerns every key counts for each', () => {
  const generations = new WriteGenerations(WriteGenerations.allocate());
  const a = hashOf('a');
  const before = generations.stamp(a);
  generations.beginEverywhere();
  assert.equal(generations.isQuiet(a), false);
  assert.notEqual(generations.stamp(a), before);
  generations.endEverywhere();
  assert.ok(generations.isQuiet(a));
  assert.notEqual(generations.stamp(a), before);
});

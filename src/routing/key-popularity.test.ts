import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../base/random.ts';
import { KeyPopularity, POPULARITY_WINDOW } from './key-popularity.ts';
import { keyHash } from './write-generations.ts';

function hashOf(key: string): number {
  const bytes = new TextEncoder().encode(key);
  return keyHash(bytes, 0, bytes.length);
}

test('a key is never thought less popular than it is, within a window', () => {
  const popularity = new KeyPopularity();
  const random = seededRandom(1);
  const counts = new Map<number, number>();
  for (let i = 1; i < POPULARITY_WINDOW; i++) {
    const hash = hashOf(`key${Math.floor(random.below(100) * random.below(100))}`);
    const count = (counts.get(hash) ?? 0) + 1;
    counts.set(hash, count);
    assert.ok(popularity.note(hash) >= Math.min(count, 255));
  }
  for (const [hash, count] of counts) assert.ok(popularity.count(hash) >= Math.min(count, 255));
});

test('among ten thousand equal keys none stands out, and one with a hundredth of all gets does', () => {
  const popularity = new KeyPopularity();
  const random = seededRandom(2);
  const hashes = Array.from({ length: 10_000 }, (_, index) => hashOf(`key${index}`));
  const hot = hashOf('hot');
  for (let i = 0; i < 10 * POPULARITY_WINDOW - 1; i++)
    popularity.note(random.below(100) === 0 ? hot : hashes[random.below(hashes.length)]!);
  assert.ok(popularity.count(hot) >= 128, `${popularity.count(hot)}`);
  assert.ok(hashes.filter((hash) => popularity.count(hash) >= 16).length <= 5);
});

test('what was popular is forgotten, by and by or at once', () => {
  const popularity = new KeyPopularity();
  const [hot, other, third] = [hashOf('hot'), hashOf('other'), hashOf('third')];
  for (let i = 0; i < 1000; i++) popularity.note(hot);
  assert.equal(popularity.count(hot), 255, 'it counts no further');
  for (let i = 0; i < 9 * POPULARITY_WINDOW; i++) popularity.note(other);
  assert.equal(popularity.count(hot), 0);
  for (let i = 0; i < 9; i++) popularity.note(third);
  assert.equal(popularity.count(third), 9);
  popularity.forget(third);
  assert.equal(popularity.note(third), 1);
});

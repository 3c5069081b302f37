import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../base/random.ts';
import { NearCacheEntries } from './near-cache-entries.ts';
import { keyHash } from './write-generations.ts';

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function block(key: string, value: string): Uint8Array {
  return bytesOf(`VALUE ${key} 7 ${value.length}\r\n${value}\r\n`);
}

/** Puts a copy, and gives up old ones until there is room. @returns how many slots were given up */
function put(entries: NearCacheEntries, key: string, value: string, isMeta = false): number {
  const keyBytes = bytesOf(key);
  const hash = keyHash(keyBytes, 0, keyBytes.length);
  const source = isMeta ? bytesOf(`VA ${value.length} f7 c99\r\n${value}\r\n`) : block(key, value);
  const needed = isMeta ? entries.metaBytes(source, 0, source.length, keyBytes.length) : source.length;
  let given = 0;
  for (; !entries.hasRoom(needed); given++) entries.makeRoom();
  if (isMeta) entries.putMeta(hash, 5, 100, source, keyBytes, 0, keyBytes.length);
  else entries.putBlock(hash, 5, 100, source, 0, source.length);
  return given;
}

function find(entries: NearCacheEntries, key: string): number {
  const bytes = bytesOf(`get ${key}\r\n`);
  return entries.find(keyHash(bytes, 4, bytes.length - 2), bytes, 4, bytes.length - 2);
}

function textAt(entries: NearCacheEntries, slot: number): string {
  return Buffer.from(entries.bytes.subarray(entries.blockStart(slot), entries.blockEnd(slot))).toString();
}

test('a copy is found by its whole key, with what was put', () => {
  const entries = new NearCacheEntries(4, 1000);
  put(entries, 'key', 'x');
  assert.equal(find(entries, 'ke'), -1);
  assert.equal(find(entries, 'keys'), -1);
  const slot = find(entries, 'key');
  assert.equal(textAt(entries, slot), 'VALUE key 7 1\r\nx\r\n');
  assert.deepEqual([entries.stamp(slot), entries.dueMs(slot), entries.isMeta(slot)], [5, 100, false]);
  assert.equal(entries.casEnd(slot), entries.blockEnd(slot), 'no cas id');
  put(entries, 'other', '0123456789', true);
  const meta = find(entries, 'other');
  assert.equal(textAt(entries, meta), 'VALUE other 7 10\r\n0123456789\r\n');
  assert.ok(entries.isMeta(meta));
  assert.equal(
    Buffer.from(entries.bytes.subarray(entries.blockEnd(meta), entries.casEnd(meta))).toString(),
    '99',
  );
});

test('answers that are no values are not taken for one', () => {
  const entries = new NearCacheEntries(4, 1000);
  const room = (text: string): number => entries.metaBytes(bytesOf(text), 0, text.length, 3);
  for (const text of [
    'EN\r\n',
    'HD f0\r\n',
    'VA 1 c5\r\nx\r\n',
    'VA 1 f0 W\r\nx\r\n',
    'VA 1 f0 X\r\nx\r\n',
    'VA 1 f0 Z\r\nx\r\n',
  ])
    assert.equal(room(text), -1, text);
  assert.ok(room('VA 1 f0\r\nx\r\n') > 0);
});

test('bounds: the last slot and the last byte can be used, one more costs the oldest', () => {
  const few = new NearCacheEntries(2, 1000);
  assert.equal(put(few, 'a', '1') + put(few, 'b', '2'), 0);
  assert.equal(put(few, 'c', '3'), 1);
  assert.deepEqual([find(few, 'a') < 0, find(few, 'b') >= 0, find(few, 'c') >= 0], [true, true, true]);
  const length = block('a', 'x'.repeat(50)).length;
  const small = new NearCacheEntries(10, 3 * length);
  assert.equal(
    put(small, 'a', 'x'.repeat(50)) + put(small, 'b', 'x'.repeat(50)) + put(small, 'c', 'x'.repeat(50)),
    0,
  );
  assert.equal(small.usedBytes, 3 * length);
  assert.ok(put(small, 'd', 'x'.repeat(50)) >= 1);
  assert.equal(find(small, 'a'), -1);
  assert.ok(new NearCacheEntries(1, length).hasRoom(length));
  assert.equal(new NearCacheEntries(1, length).hasRoom(length + 1), false);
});

test('whatever comes and goes, what is found is what was put last, and bounds hold', () => {
  const random = seededRandom(3);
  let found = 0;
  for (let round = 0; round < 20; round++) {
    const itemsMax = 1 + random.below(8);
    const bytesMax = 200 + random.below(600);
    const entries = new NearCacheEntries(itemsMax, bytesMax);
    const model = new Map<string, string>();
    for (let step = 0; step < 300; step++) {
      const key = `k${random.below(6)}`;
      const slot = find(entries, key);
      if (random.below(3) === 0) {
        if (slot >= 0) entries.drop(slot);
        model.delete(key);
      } else if (random.below(2) === 0) {
        const value = `${step}.`.repeat(1 + random.below(10));
        if (slot >= 0) entries.drop(slot);
        put(entries, key, value, random.below(2) === 0);
        model.set(key, `VALUE ${key} 7 ${value.length}\r\n${value}\r\n`);
      } else if (slot >= 0) {
        found++;
        assert.equal(textAt(entries, slot), model.get(key));
      }
      assert.ok(entries.items <= itemsMax && entries.usedBytes <= bytesMax);
      assert.ok(find(entries, key) < 0 || model.has(key));
    }
    while (entries.items > 0) entries.makeRoom();
    assert.equal(entries.usedBytes, 0);
  }
  assert.ok(found > 500, `${found}`);
});

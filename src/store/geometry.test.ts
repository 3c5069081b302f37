import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cacheOptions, TestCache } from '../../testing/test-cache.ts';
import { CONTROL, Geometry } from './geometry.ts';
import { ARENA_SHIFT, PAGE_BYTES, UNIT_MASK } from './layout.ts';

const GIB = 1024 ** 3;
/** A page of no class, which nobody takes. */
const IN_USE = 0xff;

test('every page has a place of its own, within its arena, up to the largest memory', () => {
  for (const memoryBytesMax of [PAGE_BYTES, 64 * PAGE_BYTES, 3 * GIB, 30 * GIB]) {
    const geometry = new Geometry(cacheOptions({ memoryBytesMax, threads: 4, ioBytesPerThread: 1_000_000 }));
    assert.equal(geometry.pagesMax, memoryBytesMax / PAGE_BYTES);
    const taken = new Set<number>();
    for (let page = 0; page < geometry.pageRoom; page++) {
      const ref = geometry.pageRef(page);
      assert.equal(ref, ref | 0, 'a ref is a signed 32-bit number');
      assert.ok(ref !== 0 && !taken.has(ref));
      taken.add(ref);
      const end = (ref & UNIT_MASK) * 8 + PAGE_BYTES;
      assert.ok(end <= geometry.arenaBytes[ref >>> ARENA_SHIFT]!, `page ${page} ends in its arena`);
      const io = geometry.ioStart + 4 * geometry.ioBytes;
      assert.ok(ref >>> ARENA_SHIFT > 0 || (ref & UNIT_MASK) * 8 >= io, 'pages are clear of the I/O regions');
    }
  }
});

test('the I/O regions of the threads are apart, and in the array of the first arena', () => {
  const first = new TestCache({ threads: 2, ioBytesPerThread: 5000 });
  const regions = [0, 1, 2].map((thread) => new TestCache({}, first.shared, thread).cache.ioRegion);
  const [a, b, main] = regions;
  assert.ok(a !== undefined && b !== undefined && main !== undefined);
  assert.ok(a.start > 0 && a.end - a.start >= 5000 && a.end <= b.start && b.end - b.start >= 5000);
  assert.equal(main.start, main.end);
  assert.equal(a.bytes.buffer, first.shared.arenas[0]);
});

test('items live in every arena', () => {
  // Memory is reserved, not used, and the pages of the first arenas are taken to be in use already. From 16 GiB on refs are negative.
  for (const { memoryBytesMax, page } of [
    { memoryBytesMax: 3 * GIB, page: 1020 },
    { memoryBytesMax: 3 * GIB, page: 1024 + 1020 },
    { memoryBytesMax: 6 * GIB, page: 4 * 1024 + 1020 },
    { memoryBytesMax: 18 * GIB, page: 16 * 1024 + 1020 },
  ]) {
    const cache = new TestCache({ memoryBytesMax });
    new Int32Array(cache.shared.control)[CONTROL.pages] = page;
    new Uint8Array(cache.shared.pageClasses).fill(IN_USE, 0, page);
    const value = 'v'.repeat(40_000);
    for (let i = 0; i < 300; i++) cache.set(`k${i}`, `${i}${value}`);
    cache.set('chain', 'c'.repeat(1_000_000));
    const arenas = new Set<number>();
    for (let i = 0; i < 300; i++) {
      assert.ok(cache.value(`k${i}`) === `${i}${value}`, `k${i}`);
      arenas.add(cache.itemRef(`k${i}`) >>> ARENA_SHIFT);
    }
    assert.equal(cache.value('chain'), 'c'.repeat(1_000_000));
    const first = Math.floor(page / 1024);
    assert.deepEqual(
      [...arenas].sort((a, b) => a - b),
      [first, first + 1],
      'items lie on both sides of a border',
    );
    for (let i = 0; i < 300; i += 2) cache.delete(`k${i}`);
    for (let i = 1; i < 300; i += 2) assert.ok(cache.value(`k${i}`) === `${i}${value}`, `k${i}`);
  }
});

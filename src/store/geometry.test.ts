import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cacheOptions, TestCache } from '../../testing/test-cache.ts';
import { CONTROL, Geometry } from './geometry.ts';
import { ARENA_SHIFT, PAGE_BYTES, UNIT_MASK } from './layout.ts';

const GIB = 1024 ** 3;

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
  // Memory is reserved, not used, and the pages of the first arenas are taken to be given away already.
  for (const page of [1020, 1024 + 1020]) {
    const cache = new TestCache({ memoryBytesMax: 3 * GIB });
    new Int32Array(cache.shared.control)[CONTROL.pages] = page;
    const value = 'v'.repeat(40_000);
    for (let i = 0; i < 300; i++) cache.set(`k${i}`, `${i}${value}`);
    cache.set('chain', 'c'.repeat(1_000_000));
    for (let i = 0; i < 300; i++) assert.equal(cache.value(`k${i}`), `${i}${value}`);
    assert.equal(cache.value('chain'), 'c'.repeat(1_000_000));
  }
});

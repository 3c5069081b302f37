import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cacheOptions } from '../../testing/test-cache.ts';
import { createSharedCache } from './cache.ts';
import { PAGE_UNITS } from './layout.ts';
import { Parts } from './parts.ts';

const SLAB_CLASS = 5;
const OTHER_CLASS = 9;

test('a page that was promised to a class and is taken back is not taken by the class meanwhile', () => {
  const shared = createSharedCache(cacheOptions({ memoryBytesMax: 8 * 1024 * 1024 }));
  const { slabs, geometry } = new Parts(shared, 0);
  slabs.lock(SLAB_CLASS);
  const first = slabs.take(SLAB_CLASS);
  assert.ok(first !== 0);
  slabs.grant(3, SLAB_CLASS);
  slabs.grant(4, SLAB_CLASS);
  const revoked = slabs.revoke(SLAB_CLASS);
  assert.ok(revoked === 3 || revoked === 4);
  // All of the first page, and one chunk more, before the page is given on.
  let chunk = first;
  for (let i = 0; i < geometry.classes.chunksPerPage[SLAB_CLASS]!; i++) chunk = slabs.take(SLAB_CLASS);
  slabs.unlock(SLAB_CLASS);
  const start = geometry.pageRef(revoked);
  assert.ok(chunk < start || chunk >= start + PAGE_UNITS, 'the chunk is of the other page');
  assert.equal(slabs.pageClass(revoked), 0, 'nobody has it');
  slabs.lock(OTHER_CLASS);
  slabs.grant(revoked, OTHER_CLASS);
  const others = slabs.take(OTHER_CLASS);
  slabs.unlock(OTHER_CLASS);
  assert.equal(others, start, 'the class that it is given to has it');
  assert.equal(slabs.pageClass(revoked), OTHER_CLASS);
  assert.equal(slabs.pageClass(7 - revoked), SLAB_CLASS);
});

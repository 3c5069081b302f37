import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MEMORY_BYTES_MAX } from '../base/limits.ts';
import { StartError } from '../base/start-error.ts';
import { createSharedCache } from '../store/cache.ts';
import { startNode } from './main-thread.ts';
import { NODE_OPTIONS_DEFAULT } from './options.ts';

test('a cache that is too large is refused with one line', async () => {
  await assert.rejects(
    startNode({ ...NODE_OPTIONS_DEFAULT, memoryBytesMax: MEMORY_BYTES_MAX + 1 }),
    (error) => error instanceof StartError && error.message.includes('at most 30720 MB (-m)'),
  );
});

test('the largest cache that is accepted has a place for everything', () => {
  // Classes close together and as many threads as there can be take the most room beside the items. Memory is reserved, not touched.
  const shared = createSharedCache({
    memoryBytesMax: MEMORY_BYTES_MAX,
    itemBytesMax: 1024 * 1024,
    growthFactor: 1.01,
    chunkBytesMin: 48,
    slabChunkBytesMax: 1024 * 1024,
    evict: true,
    threads: 256,
    ioBytesPerThread: 2 * 1024 * 1024,
    hashSeed: [1, 2],
    nodeSlot: 0,
    tombstonesMax: 0,
    tombstoneSeconds: 0,
    feedBytes: 0,
  });
  assert.ok(shared.arenas.length <= 32);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryConnection } from '../../testing/memory-connection.ts';
import { MapCache } from '../../testing/replication/map-cache.ts';
import { VirtualTime } from '../../testing/replication/virtual-time.ts';
import { SyncSender } from './sync-sender.ts';

const ITEMS = 2000;

test('a slice ends when its time is over, sends something in any case, and the walk meets everything', () => {
  const cache = new MapCache(new VirtualTime(), 16);
  for (let i = 0; i < ITEMS; i++) cache.set(`k${i}`, new Uint8Array(100), 0, 0);
  let readings = 0;
  // As on a slow host: each look at the clock is a millisecond later.
  const sync = new SyncSender(cache, { monotonicMs: () => readings++, wallMs: () => 0 });
  const { output } = new MemoryConnection();
  sync.begin();
  let slices = 1;
  for (let before = 0; !sync.pump(output, Number.MAX_SAFE_INTEGER, readings); slices++) {
    assert.ok(sync.items > before, 'a slice makes headway');
    before = sync.items;
    output.at = output.start;
  }
  assert.ok(slices > 5, `${slices} slices`);
  assert.equal(sync.items, ITEMS);
  sync.begin();
  readings = 0;
  sync.pump(output, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  assert.ok(readings > 1, 'with time left a slice has several steps');
});

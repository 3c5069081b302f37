import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkInvariants } from '../../testing/store-invariants.ts';
import { TEST_START_MS, TestCache } from '../../testing/test-cache.ts';
import { APPLIED, RESULT, STORE_MODE } from './cache.ts';
import { CHANGE, FEED, FeedReader } from './change-feed.ts';
import { VERSION_MAX, versionAtMs } from './version-clock.ts';

const NOW = TEST_START_MS / 1000;
const twin = { tombstonesMax: 1000, feedBytes: 65536 };

test("a peer's change is applied when it is newer, and only then", () => {
  const cache = new TestCache(twin);
  const version = versionAtMs(TEST_START_MS);
  assert.equal(cache.applySet('k', 'two', version + 16, 5, NOW + 10), APPLIED.applied);
  assert.equal(cache.applySet('k', 'two again', version + 16), APPLIED.stale);
  assert.equal(cache.applySet('k', 'one', version + 8), APPLIED.stale);
  assert.deepEqual(cache.get('k'), { value: 'two', flags: 5, version: version + 16 });
  assert.equal(cache.applyTouch('k', NOW + 20, version + 8), APPLIED.stale);
  assert.equal(cache.applyTouch('k', NOW + 20, version + 16), APPLIED.applied);
  cache.advance(15_000);
  assert.equal(cache.value('k'), 'two');
  assert.equal(cache.applyDelete('k', version + 15), APPLIED.stale);
  assert.equal(cache.applyDelete('k', version + 24), APPLIED.applied);
  assert.equal(cache.peek('k'), -(version + 24));
  assert.equal(cache.applySet('k', 'zombie', version + 17), APPLIED.stale);
  assert.equal(cache.applyDelete('never seen', version + 24), APPLIED.applied);
  assert.equal(cache.applySet('never seen', 'zombie', version + 17), APPLIED.stale);
  assert.equal(cache.value('never seen'), null);
  assert.equal(cache.applySet('k', 'three', version + 32), APPLIED.applied);
  assert.equal(cache.value('k'), 'three');
  // Our own next change of the key is newer than the peer's.
  cache.set('k', 'ours');
  assert.ok(cache.cache.lastVersion > version + 32);
  const statistics = cache.cache.statistics();
  assert.equal(statistics.peerApplied, 5);
  assert.equal(statistics.peerStale, 6);
  checkInvariants(cache.shared);
});

test('numbers that cannot be versions are refused', () => {
  const cache = new TestCache(twin);
  for (const version of [0, -8, 1.5, Number.NaN, Number.POSITIVE_INFINITY, VERSION_MAX + 1, VERSION_MAX]) {
    assert.equal(cache.applySet('k', 'v', version), APPLIED.stale);
    assert.equal(cache.applyDelete('k', version), APPLIED.stale);
    assert.equal(cache.cache.applyFlush(version, 0), APPLIED.stale);
  }
  // The highest that is taken leaves room for those that follow it.
  const highest = VERSION_MAX - 2 ** 35;
  assert.equal(cache.applySet('k', 'v', highest), APPLIED.applied);
  cache.set('k', 'ours');
  assert.ok(cache.cache.lastVersion > highest && cache.cache.lastVersion < VERSION_MAX);
});

test('a peer with a clock far ahead is followed for its keys, not for all', () => {
  const cache = new TestCache(twin);
  const hourAhead = versionAtMs(TEST_START_MS + 3_600_000);
  cache.applySet('near', 'v', hourAhead);
  cache.set('other', 'v');
  assert.ok(cache.cache.lastVersion > hourAhead);
  const yearAhead = versionAtMs(TEST_START_MS + 365 * 86_400_000);
  cache.applySet('far', 'v', yearAhead);
  cache.set('other', 'v');
  assert.ok(cache.cache.lastVersion < yearAhead);
  cache.set('far', 'ours');
  assert.ok(cache.cache.lastVersion > yearAhead);
  assert.equal(cache.value('far'), 'ours');
  cache.set('other', 'w');
  assert.ok(cache.cache.lastVersion < yearAhead);
  assert.equal(cache.cache.statistics().clockRefused, 1);
  assert.ok(cache.cache.statistics().clockAhead > 0);
  // But what is stored after a flush must live.
  cache.cache.applyFlush(yearAhead + 80, NOW, yearAhead + 80);
  assert.equal(cache.value('other'), null);
  cache.set('other', 'x');
  assert.equal(cache.value('other'), 'x');
});

test('a value that cannot be taken removes the older one', () => {
  const cache = new TestCache({ ...twin, itemBytesMax: 2000 });
  cache.set('k', 'old');
  const newer = cache.cache.lastVersion + 8;
  assert.equal(cache.applySet('k', 'x'.repeat(3000), newer), APPLIED.tooLarge);
  assert.equal(cache.value('k'), null);
  assert.equal(cache.peek('k'), -newer);
  cache.set('j', 'new');
  assert.equal(cache.applySet('j', 'x'.repeat(3000), newer), APPLIED.stale);
  assert.equal(cache.value('j'), 'new');
});

test("a peer's value can come in pieces", () => {
  const cache = new TestCache(twin);
  const key = Buffer.from('k');
  const hash = cache.cache.hash(key, 0, 1);
  const value = Buffer.alloc(900_000, 'abcdefg');
  const version = versionAtMs(TEST_START_MS) + 80;
  const reserve = (): number => cache.cache.reserveForPeer(key, 0, 1, hash, 3, 0, version, value.length);
  const first = reserve();
  const second = reserve();
  for (const item of [first, second]) {
    cache.cache.fill(item, 0, value, 0, 600_001);
    cache.cache.fill(item, 600_001, value, 600_001, value.length);
  }
  // Each is a chunk of the largest class and one of the class below it.
  const reserved = 2 * 2;
  assert.equal(cache.get('k'), null);
  assert.ok(checkInvariants(cache.shared, reserved).items === 0);
  assert.equal(cache.cache.applyReserved(first, hash, version), APPLIED.applied);
  assert.equal(cache.cache.applyReserved(second, hash, version), APPLIED.stale);
  assert.equal(cache.value('k'), value.toString());
  assert.equal(reserve(), 0);
  assert.equal(cache.cache.failure, RESULT.stale);
  cache.cache.abandon(cache.cache.reserveForPeer(key, 0, 1, hash, 3, 0, version + 8, 100));
  assert.equal(checkInvariants(cache.shared).items, 1);
});

test('tombstones are bounded in number and age, and give way to items', () => {
  const cache = new TestCache({
    ...twin,
    tombstonesMax: 100,
    tombstoneSeconds: 10,
    memoryBytesMax: 1024 * 1024,
  });
  for (let i = 0; i < 300; i++) {
    cache.set(`k${i}`, 'v'.repeat(i));
    assert.equal(cache.delete(`k${i}`), RESULT.stored);
    assert.equal(cache.value(`k${i}`), null);
    assert.ok(cache.cache.statistics().tombstones <= 100);
  }
  assert.equal(cache.cache.statistics().tombstones, 100);
  assert.equal(cache.cache.statistics().currItems, 0);
  assert.equal(cache.cache.statistics().bytes, 0);
  assert.ok(cache.peek('k299') < 0);
  assert.equal(cache.peek('k0'), 0);
  const { tombstonesEvicted } = cache.cache.statistics();
  assert.equal(tombstonesEvicted, 200);
  cache.advance(9000);
  cache.cache.upkeep.crawl(1_000_000);
  assert.equal(cache.cache.statistics().tombstones, 100);
  cache.advance(1000);
  cache.cache.upkeep.crawl(1_000_000);
  assert.equal(cache.cache.statistics().tombstones, 0);
  cache.set('a', 'v');
  cache.delete('a');
  assert.equal(cache.cache.statistics().tombstones, 1);
  // Memory filled with items of the tombstone's class: it is the first to go.
  for (let i = 0; i < 20_000; i++) cache.set(`fill${i}`, 'v');
  assert.equal(cache.peek('a'), 0);
  assert.equal(cache.cache.statistics().tombstones, 0);
  // And no item goes for a tombstone of something that was in a larger chunk.
  const items = cache.cache.statistics().currItems;
  cache.set('large', 'v'.repeat(9000));
  assert.equal(cache.delete('large'), RESULT.stored);
  assert.equal(cache.peek('large'), 0);
  assert.equal(cache.cache.statistics().currItems, items);
  assert.ok(cache.cache.statistics().tombstonesDropped > 0);
  checkInvariants(cache.shared);
});

test('an eviction or an expiry leaves no tombstone', () => {
  const cache = new TestCache({ ...twin, memoryBytesMax: 1024 * 1024 });
  for (let i = 0; i < 2000; i++) cache.set(`k${i}`, 'v'.repeat(1000), 0, NOW + 1);
  cache.advance(1000);
  cache.cache.upkeep.crawl(1_000_000);
  assert.equal(cache.value('k1999'), null);
  assert.deepEqual(checkInvariants(cache.shared), { items: 0, tombstones: 0, reservedChunks: 0, bytes: 0 });
});

test('flushes reach the peer, the present one and the one to come', () => {
  const a = new TestCache(twin);
  const b = new TestCache({ ...twin, nodeSlot: 1 });
  a.set('old', 'v');
  b.applySet('old', 'v', a.cache.lastVersion);
  a.cache.flushAll(0);
  a.set('new', 'v');
  a.cache.flushAll(100);
  a.cache.flushAll(10);
  const state = a.cache.flushState();
  b.applySet('new', 'v', a.cache.lastVersion);
  assert.equal(b.cache.applyFlush(state.threshold, 0, state.version), APPLIED.applied);
  assert.equal(
    b.cache.applyFlush(state.pendingThreshold, state.pendingActiveAtSeconds, state.version + 1),
    APPLIED.applied,
  );
  assert.equal(b.value('old'), null);
  assert.equal(b.value('new'), 'v');
  assert.equal(b.applySet('old', 'v', state.threshold - 8), APPLIED.stale);
  b.advance(9000);
  assert.equal(b.value('new'), null);
});

test('what is stored after a delayed flush has struck lives, though the clock of the one that ordered it is ahead', () => {
  const ahead = 600_000;
  const ordering = new TestCache(twin);
  ordering.advance(ahead);
  const b = new TestCache({ ...twin, nodeSlot: 1 });
  ordering.cache.flushAll(5);
  const { pendingThreshold, pendingActiveAtSeconds, version } = ordering.cache.flushState();
  b.cache.applyFlush(pendingThreshold, pendingActiveAtSeconds - ahead / 1000, version);
  b.set('before', 'v');
  assert.equal(b.value('before'), 'v');
  // The other one has died meanwhile: nobody else tells that the flush is in force.
  b.advance(6000);
  assert.equal(b.value('before'), null);
  b.set('after', 'v');
  assert.equal(b.value('after'), 'v');
});

test('a delayed flush takes what was stored before it though the versions of a twin run ahead of the clock', () => {
  const cache = new TestCache(twin);
  cache.applySet('of the twin', 'v', versionAtMs(TEST_START_MS + 600_000) + 1);
  cache.set('k', 'v');
  cache.cache.flushAll(5);
  cache.advance(3000);
  assert.equal(cache.value('k'), 'v');
  cache.advance(3000);
  assert.equal(cache.value('k'), null);
  assert.equal(cache.value('of the twin'), null);
  cache.set('k', 'after');
  assert.equal(cache.value('k'), 'after');
});

test('a flush in a future that no version reaches is one that a peer understands', () => {
  const cache = new TestCache(twin);
  cache.set('k', 'v');
  for (const seconds of [0xffff_ffff - NOW, 1e20]) {
    cache.cache.flushAll(seconds);
    const { pendingThreshold, pendingActiveAtSeconds, version } = cache.cache.flushState();
    assert.ok(pendingThreshold < VERSION_MAX);
    const peer = new TestCache({ ...twin, nodeSlot: 1 });
    assert.equal(peer.cache.applyFlush(pendingThreshold, pendingActiveAtSeconds, version), APPLIED.applied);
    assert.equal(peer.cache.flushState().pendingThreshold, pendingThreshold);
  }
  assert.equal(cache.value('k'), 'v');
});

/** Brings what `from` has changed to `to`, as a link does: keys from the feed, then the present state. */
function deliver(from: TestCache, reader: FeedReader, to: TestCache, records: number): void {
  for (let i = 0; i < records; i++) {
    const state = reader.next();
    assert.notEqual(state, FEED.overrun);
    if (state === FEED.empty) return;
    if (reader.kind === CHANGE.flush) {
      to.cache.applyFlush(reader.threshold, reader.activeAtSeconds, reader.version);
      continue;
    }
    const key = Buffer.from(reader.key.subarray(0, reader.keyBytes)).toString('latin1');
    const version = from.peek(key);
    if (version < 0) to.applyDelete(key, -version);
    const found = version > 0 ? from.get(key) : null;
    if (found !== null) to.applySet(key, found.value, found.version, found.flags);
  }
}

test('twins that exchange their changes in any order end equal', () => {
  const command = fc.record({
    node: fc.nat({ max: 1 }),
    kind: fc.constantFrom('set', 'set', 'append', 'delete', 'incr', 'flush', 'deliver', 'deliver', 'time'),
    key: fc.nat({ max: 5 }).map((n) => `k${n}`),
    count: fc.nat({ max: 6 }),
  });
  fc.assert(
    fc.property(fc.array(command, { minLength: 50, maxLength: 200 }), (commands) => {
      const options = { ...twin, hashPower: 4 };
      const nodes = [new TestCache(options), new TestCache({ ...options, nodeSlot: 1 })] as const;
      const readers = nodes.map((node) => new FeedReader(node.shared, 0));
      const exchange = (from: number, records: number): void => {
        const [source, target, reader] = [nodes[from], nodes[1 - from], readers[from]];
        if (source !== undefined && target !== undefined && reader !== undefined) {
          deliver(source, reader, target, records);
        }
      };
      commands.forEach(({ node, kind, key, count }, i) => {
        const cache = nodes[node] ?? nodes[0];
        if (kind === 'set') cache.set(key, String(i), count);
        else if (kind === 'append') cache.store(STORE_MODE.append, key, '0'.repeat(count * 30));
        else if (kind === 'delete') cache.delete(key);
        else if (kind === 'incr') cache.arithmetic(key, true, 1n);
        else if (kind === 'flush' && count === 0) cache.cache.flushAll(0);
        else if (kind === 'deliver') exchange(node, count);
        else if (kind === 'time') cache.advance(count);
      });
      exchange(0, 1000);
      exchange(1, 1000);
      for (let n = 0; n < 6; n++) assert.deepEqual(nodes[0].get(`k${n}`), nodes[1].get(`k${n}`), `k${n}`);
      nodes.forEach((node) => {
        checkInvariants(node.shared);
      });
    }),
    { numRuns: 100 },
  );
});

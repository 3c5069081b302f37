import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkInvariants } from '../../testing/store-invariants.ts';
import { TEST_START_MS, TestCache } from '../../testing/test-cache.ts';
import { APPLIED, STORE_MODE } from './cache.ts';
import { CHANGE, FEED, FeedReader } from './change-feed.ts';
import { Geometry, STAMP_WAYS } from './geometry.ts';
import { versionAtMs } from './version-clock.ts';

const NOW = TEST_START_MS / 1000;
/** Two stripes, and so two sets. */
const few = { feedBytes: 65536, tombstonesMax: 100, touchStampsMax: 1, hashPower: 1 };
const many = { feedBytes: 65536, tombstonesMax: 100 };

test('stamps are bounded, the latest stay, and of the others the highest possible one is known', () => {
  const cache = new TestCache(few);
  const bound = new Geometry(cache.shared.options).stampSets * STAMP_WAYS;
  assert.equal(bound, 2 * STAMP_WAYS);
  const stamps = new Map<string, number>();
  for (let i = 0; i < 100; i++) cache.set(`k${i}`, 'v');
  for (let i = 0; i < 100; i++) {
    cache.advance(1);
    cache.touch(`k${i}`, NOW + 1000);
    stamps.set(`k${i}`, cache.touched(`k${i}`)?.stamp ?? 0);
    assert.ok(cache.cache.statistics().touchStamps <= bound);
  }
  const { touchStamps, touchStampsDropped } = cache.cache.statistics();
  assert.deepEqual([touchStamps, touchStampsDropped], [bound, 100 - bound]);
  let exact = 0;
  for (const [key, stamp] of stamps) {
    const known = cache.touched(key)?.stamp ?? 0;
    assert.ok(known >= stamp, key);
    if (known === stamp) exact++;
  }
  assert.equal(exact, bound);
  assert.equal(cache.touched('k99')?.stamp, stamps.get('k99'));
  checkInvariants(cache.shared);
});

test('where it is not known which touch was later, the item lives as long as either says, and peers are told', () => {
  const cache = new TestCache(few);
  cache.set('k', 'v', 0, NOW + 100);
  cache.touch('k', NOW + 200);
  const { version } = cache.get('k') ?? { version: 0 };
  const before = cache.touched('k')?.stamp ?? 0;
  cache.advance(10);
  for (let i = 0; i < 40; i++) {
    cache.set(`other${i}`, 'v');
    cache.touch(`other${i}`, 0);
  }
  const bound = cache.touched('k')?.stamp ?? 0;
  assert.ok(bound > before);
  const reader = new FeedReader(cache.shared, 0);
  // A peer's item that was never touched is certainly as it was before.
  assert.equal(cache.applySet('k', 'v', version, 0, NOW + 900, 0), APPLIED.stale);
  assert.equal(cache.touched('k')?.exptime, NOW + 200);
  assert.equal(reader.next(), FEED.empty);
  // This one may have come before or after.
  assert.equal(cache.applyTouch('k', NOW + 150, version, before + 8), APPLIED.applied);
  assert.equal(cache.touched('k')?.exptime, NOW + 200);
  assert.equal(reader.next(), FEED.record);
  assert.deepEqual([reader.kind, reader.exptime, reader.version], [CHANGE.touch, NOW + 200, version]);
  assert.ok(reader.stamp > bound);
  assert.equal(cache.cache.statistics().touchesUnordered, 1);
  // From here on it is known again.
  assert.equal(cache.touched('k')?.stamp, reader.stamp);
  assert.equal(cache.applyTouch('k', NOW + 900, version, before + 16), APPLIED.stale);
  assert.equal(cache.applyTouch('k', NOW + 150, version, reader.stamp + 8), APPLIED.applied);
  assert.equal(cache.touched('k')?.exptime, NOW + 150);
  assert.equal(reader.next(), FEED.empty);
});

test('a new value of a key is one that was not touched, however it was made', () => {
  const writes: Readonly<Record<string, (cache: TestCache) => void>> = {
    set: (cache) => cache.set('k', '7'),
    'larger set': (cache) => cache.set('k', '7'.repeat(500)),
    append: (cache) => cache.store(STORE_MODE.append, 'k', '0'),
    'long append': (cache) => cache.store(STORE_MODE.append, 'k', '0'.repeat(500)),
    incr: (cache) => cache.arithmetic('k', true, 1n),
    'longer incr': (cache) => cache.arithmetic('k', true, 1_000_000n),
    stale: (cache) => cache.invalidate('k'),
    'delete and set': (cache) => {
      cache.delete('k');
      cache.set('k', '7');
    },
    "a peer's": (cache) => cache.applySet('k', '8', cache.cache.lastVersion + 800, 0, 0, 0),
  };
  for (const [name, write] of Object.entries(writes)) {
    const cache = new TestCache(few);
    cache.set('k', '5');
    cache.touch('k', NOW + 200);
    // A full table would have a stamp for whatever seems to have been touched.
    for (let i = 0; i < 40; i++) {
      cache.set(`other${i}`, 'v');
      cache.touch(`other${i}`, 0);
    }
    assert.ok((cache.touched('k')?.stamp ?? 0) > 0);
    write(cache);
    assert.equal(cache.touched('k')?.stamp, 0, name);
  }
});

test('a touch that comes sooner than its item is not lost', () => {
  const version = versionAtMs(TEST_START_MS) + 80;
  for (const older of [false, true]) {
    const cache = new TestCache(many);
    if (older) cache.applySet('k', 'older', version - 8);
    assert.equal(cache.applyTouch('k', NOW + 500, version, version + 16), APPLIED.stale);
    assert.equal(cache.applySet('k', 'v', version, 0, NOW + 100, 0), APPLIED.applied);
    assert.deepEqual(cache.touched('k'), { exptime: NOW + 500, stamp: version + 16 });
    // One that ended it meanwhile ends what comes, and takes what was there before with it.
    assert.equal(cache.applyTouch('k', NOW + 1, version + 160, version + 176), APPLIED.stale);
    cache.advance(1000);
    assert.equal(cache.applySet('k', 'w', version + 160, 0, 0, 0), APPLIED.stale);
    assert.equal(cache.value('k'), null);
    checkInvariants(cache.shared);
  }
});

test('who touches after a peer whose clock is far ahead is later all the same', () => {
  const cache = new TestCache(many);
  cache.set('k', 'v');
  const { version } = cache.get('k') ?? { version: 0 };
  const ahead = versionAtMs(TEST_START_MS + 7 * 86_400_000);
  assert.equal(cache.applyTouch('k', NOW + 50, version, ahead), APPLIED.applied);
  cache.touch('k', NOW + 60);
  assert.ok((cache.touched('k')?.stamp ?? 0) > ahead);
  cache.set('other', 'v');
  assert.ok((cache.get('other')?.version ?? 0) < ahead);
});

test('without peers nothing is kept', () => {
  const cache = new TestCache();
  cache.set('k', 'v');
  const { version } = cache.get('k') ?? { version: 0 };
  assert.ok(cache.touch('k', NOW + 60));
  assert.equal(cache.cache.lastVersion, version);
  assert.deepEqual(cache.touched('k'), { exptime: NOW + 60, stamp: 0 });
  assert.equal(cache.shared.stamps.byteLength, 0);
  assert.equal(cache.cache.statistics().touchStamps, 0);
});

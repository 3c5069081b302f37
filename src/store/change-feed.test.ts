import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TEST_START_MS, TestCache } from '../../testing/test-cache.ts';
import { CHANGE, FEED, FEED_BYTES_MIN, FeedReader } from './change-feed.ts';

const NOW = TEST_START_MS / 1000;

function keyOf(reader: FeedReader): string {
  return Buffer.from(reader.key.subarray(0, reader.keyBytes)).toString('latin1');
}

test('every kind of change is told, with key, hash and version', () => {
  const cache = new TestCache({ feedBytes: FEED_BYTES_MIN });
  const reader = new FeedReader(cache.shared, 0);
  assert.equal(reader.next(), FEED.empty);
  const told = (kind: number, key: string): void => {
    assert.equal(reader.next(), FEED.record);
    assert.equal(reader.kind, kind);
    assert.equal(keyOf(reader), key);
    if (key === '') return;
    assert.equal(reader.version, cache.cache.lastVersion);
    assert.equal(reader.hash, cache.cache.hash(reader.key, 0, reader.keyBytes));
  };
  const before = cache.cache.feedHead;
  cache.set('a', '9');
  assert.notEqual(cache.cache.feedHead, before);
  told(CHANGE.set, 'a');
  cache.arithmetic('a', true, 1n);
  told(CHANGE.set, 'a');
  cache.touch('a', NOW + 9);
  told(CHANGE.touch, 'a');
  assert.equal(reader.exptime, NOW + 9);
  for (const mode of [3, 4] as const) {
    cache.store(mode, 'a', 'x'.repeat(500));
    told(CHANGE.set, 'a');
    cache.storeInPieces(mode, 'a', 'x'.repeat(500));
    told(CHANGE.set, 'a');
  }
  const key = 'k'.repeat(250);
  cache.storeInPieces(0, key, 'value');
  told(CHANGE.set, key);
  cache.delete(key);
  told(CHANGE.delete, key);
  cache.delete(key);
  // A refused set removes the old value, so that is what is told.
  cache.set(key, 'x'.repeat(2_000_000));
  cache.set('a', 'x'.repeat(2_000_000));
  told(CHANGE.delete, 'a');
  cache.cache.flushAll(0);
  told(CHANGE.flush, '');
  assert.equal(reader.threshold, reader.version);
  assert.equal(reader.activeAtSeconds, NOW);
  cache.cache.flushAll(30);
  told(CHANGE.flush, '');
  assert.ok(reader.threshold > reader.version);
  assert.equal(reader.activeAtSeconds, NOW + 29);
  // What comes from a peer is not told on.
  cache.applySet('p', 'value', cache.cache.lastVersion + 800);
  cache.applyDelete('p', cache.cache.lastVersion + 1600);
  assert.equal(reader.next(), FEED.empty);
  assert.equal(reader.backlogBytes(), 0);
});

test('a reader sees every record in order, or learns that it was overrun', () => {
  let overruns = 0;
  let records = 0;
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 250 }), fc.constantFrom(0, 0, 0, 0, 0, 0, 1, 5)), {
        minLength: 250,
        maxLength: 300,
      }),
      (writes) => {
        const cache = new TestCache({ feedBytes: FEED_BYTES_MIN });
        const reader = new FeedReader(cache.shared, 0);
        const unread: string[] = [];
        writes.forEach(([keyBytes, reads], i) => {
          const key = String(i).padEnd(keyBytes, '.').slice(0, 250);
          cache.set(key, 'v');
          unread.push(key);
          for (let n = 0; n < reads; n++) {
            const backlog = reader.backlogBytes();
            const state = reader.next();
            if (state === FEED.overrun) {
              assert.ok(backlog > FEED_BYTES_MIN);
              reader.skipToHead();
              overruns++;
              unread.length = 0;
            } else if (state === FEED.record) {
              assert.equal(keyOf(reader), unread.shift());
              assert.ok(backlog <= FEED_BYTES_MIN);
              records++;
            } else {
              assert.equal(unread.length, 0);
            }
          }
        });
      },
    ),
    { numRuns: 50 },
  );
  assert.ok(overruns > 20 && records > 1000, `${overruns} overruns, ${records} records`);
});

test('positions pass the bounds of their words without a gap', () => {
  // Just before the lower word turns from its highest signed number to its lowest, and to 0.
  for (const [lower, upper] of [
    [0x7fffff00, 0x7fff],
    [-256, 0xffff],
    [-256, 0x5ffff],
  ] as const) {
    const cache = new TestCache({ feedBytes: FEED_BYTES_MIN });
    const words = new Int32Array(cache.shared.feed, 0, 3);
    words.fill(lower, 0, 2);
    words[2] = upper;
    const later = new TestCache({}, cache.shared);
    const reader = new FeedReader(cache.shared, 0);
    const near = (lower >>> 0) + Math.floor(upper / 65536) * 2 ** 32;
    assert.equal(reader.position, near);
    for (let i = 0; i < 1000; i++) {
      later.set(`key ${i}`, 'v');
      assert.equal(reader.next(), FEED.record);
      assert.equal(keyOf(reader), `key ${i}`);
    }
    assert.equal(reader.position, new FeedReader(cache.shared, 0).position);
    assert.ok(reader.position > near + 2000);
    // Between the writer's two stores the upper word is one ahead.
    const head = words[0]!;
    words[0] = (Math.ceil((head >>> 0) / 65536) * 65536 - 3) | 0;
    words[2]! += 1;
    assert.ok(Math.abs(new FeedReader(cache.shared, 0).position - reader.position) < 65536);
  }
});

test('a reader goes back to where it was as long as the ring holds it', () => {
  const cache = new TestCache({ feedBytes: FEED_BYTES_MIN });
  const reader = new FeedReader(cache.shared, 0);
  const start = reader.position;
  // Records of 4 units (a key of 9 to 16 bytes), so that they fill the ring to the last unit.
  const records = FEED_BYTES_MIN / 8 / 4;
  for (let i = 0; i < records; i++) cache.set(`key number ${String(i).padStart(4, '0')}`, 'v');
  reader.skipToHead();
  assert.equal(reader.next(), FEED.empty);
  assert.equal(reader.seek(start), true);
  for (let i = 0; i < records; i++) {
    assert.equal(reader.next(), FEED.record);
    assert.equal(keyOf(reader), `key number ${String(i).padStart(4, '0')}`);
  }
  assert.equal(reader.next(), FEED.empty);
  const end = reader.position;
  cache.set('key number last', 'v');
  assert.equal(reader.seek(start), false, 'one record more, and the first is written over');
  assert.equal(reader.seek(end + 1_000_000), false, 'nobody was there');
  assert.equal(reader.position, end);
  assert.equal(reader.next(), FEED.record);
  assert.equal(keyOf(reader), 'key number last');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sealAnew } from '../../testing/replication/frames-by-hand.ts';
import { StorePair } from '../../testing/replication/store-pair.ts';
import { TEST_START_MS } from '../../testing/test-cache.ts';
import { FRAME, GREETING, HEADER_BYTES } from './frames.ts';
import { FEATURE } from './link-safety.ts';

const NOW = TEST_START_MS / 1000;
/** Where a hello has its features. */
const FEATURES_AT = HEADER_BYTES + 4;

/** Both have the item, which ends in 100 s. */
function pairWith(value: string): StorePair {
  const nodes = new StorePair();
  nodes.view(0).set('k', value, 0, NOW + 100);
  nodes.pair.open();
  return nodes;
}

function ends(nodes: StorePair): readonly (number | undefined)[] {
  return [0, 1].map((node) => nodes.view(node).touched('k')?.exptime);
}

/** Opens the link as if both were of the version before stamps: neither hears that the other knows them. */
function openWithoutStamps(nodes: StorePair): void {
  const { dialler, listener } = nodes.pair;
  const without = (bytes: Uint8Array, at: number): Uint8Array => {
    const word = new DataView(bytes.buffer, bytes.byteOffset + at + FEATURES_AT, 4);
    word.setUint32(0, word.getUint32(0, true) & ~FEATURE.touchStamps, true);
    sealAnew(bytes.subarray(at));
    return bytes;
  };
  dialler.link.opened();
  listener.feeder.push(dialler.take());
  dialler.feeder.push(without(listener.take(), GREETING.length));
  listener.feeder.push(without(dialler.take(), 0));
  nodes.pair.settle();
  assert.ok(!dialler.link.receiver.tellsStamps && !listener.link.receiver.tellsStamps);
}

test('of two touches of one item on two sides the later one counts, on both', () => {
  for (const value of ['small', 'x'.repeat(100_000)]) {
    for (const [first, second] of [
      [NOW + 900, NOW + 50],
      [NOW + 50, NOW + 900],
      [0, NOW + 60],
      [NOW + 60, 0],
    ] as const) {
      for (const side of [0, 1]) {
        for (const meet of ['crossing', 'after a cut'] as const) {
          const nodes = pairWith(value);
          nodes.view(side).touch('k', first);
          nodes.advance(5);
          nodes.view(1 - side).touch('k', second);
          if (meet === 'crossing') nodes.pair.settle();
          else nodes.reconnect();
          assert.deepEqual(ends(nodes), [second, second], `${first} ${second} ${side} ${meet}`);
          assert.deepEqual(nodes.view(0).touched('k'), nodes.view(1).touched('k'));
        }
      }
    }
  }
});

test('a touch changes neither the cas id nor what a cas compares with', () => {
  const nodes = pairWith('v');
  const version = nodes.view(0).get('k')?.version ?? 0;
  nodes.view(1).touch('k', NOW + 500);
  nodes.pair.settle();
  for (const node of [0, 1]) assert.equal(nodes.view(node).get('k')?.version, version);
  const [stamp] = [0, 1].map((node) => nodes.view(node).touched('k')?.stamp);
  assert.ok(stamp !== undefined && stamp > version);
  // The next value of the key has not been touched.
  nodes.view(0).set('k', 'w', 0, NOW + 7);
  nodes.pair.settle();
  for (const node of [0, 1]) assert.deepEqual(nodes.view(node).touched('k'), { exptime: NOW + 7, stamp: 0 });
});

test('an item that ended on one side lives on where it was touched later, and comes back', () => {
  for (const earlier of ['no touch', 'a touch', 'a touch that ends it at once'] as const) {
    const nodes = pairWith('value');
    const [a, b] = [nodes.view(0), nodes.view(1)];
    if (earlier !== 'no touch') a.touch('k', earlier === 'a touch' ? NOW + 2 : NOW - 1);
    nodes.advance(5);
    b.touch('k', NOW + 900);
    nodes.advance(earlier === 'no touch' ? 101_000 : 3000);
    assert.equal(a.value('k'), null);
    nodes.pair.settle();
    assert.deepEqual(ends(nodes), [NOW + 900, NOW + 900], earlier);
    assert.equal(a.value('k'), 'value');
  }
});

test('an item that has ended because of a touch does not come back from where it was touched before', () => {
  for (const value of ['small', 'x'.repeat(100_000)]) {
    for (const meet of ['crossing', 'after a cut'] as const) {
      const nodes = pairWith(value);
      const [a, b] = [nodes.view(0), nodes.view(1)];
      b.touch('k', 0);
      nodes.advance(5);
      a.touch('k', NOW + 2);
      nodes.advance(3000);
      assert.equal(a.value('k'), null);
      if (meet === 'crossing') nodes.pair.settle();
      else nodes.reconnect();
      assert.deepEqual([a.value('k'), b.value('k')], [null, null], meet);
    }
  }
});

test('an item that may have ended before the peer hears of its touch goes whole, others do not', () => {
  for (const [seconds, frame] of [
    [3, FRAME.set],
    [100, FRAME.touch],
  ] as const) {
    const nodes = new StorePair();
    nodes.view(0).set('k', 'v', 0, NOW + seconds);
    nodes.pair.open();
    nodes.view(0).touch('k', NOW + 900);
    nodes.pair.settle();
    assert.deepEqual(
      nodes.pair.dialler.sent.filter((kind) => kind === FRAME.set || kind === FRAME.touch),
      [frame],
    );
    assert.deepEqual(ends(nodes), [NOW + 900, NOW + 900]);
  }
});

test('what was set to end at once does not let an older value in that is on its way', () => {
  const nodes = new StorePair();
  nodes.pair.open();
  const [a, b] = [nodes.view(0), nodes.view(1)];
  b.set('k', 'older');
  nodes.advance(5);
  a.set('k', 'newer', 0, NOW - 1);
  nodes.pair.settle();
  assert.deepEqual([a.value('k'), b.value('k')], [null, null]);
});

test('with a node of the version before, touches and items go without stamps, and the later expiry counts after a cut', () => {
  const nodes = new StorePair();
  nodes.view(0).set('k', 'v', 0, NOW + 100);
  nodes.view(0).touch('k', NOW + 200);
  openWithoutStamps(nodes);
  assert.deepEqual(ends(nodes), [NOW + 200, NOW + 200]);
  assert.equal(nodes.view(1).touched('k')?.stamp, 0);
  // While they are linked a touch counts as it comes, also one that shortens.
  nodes.view(1).touch('k', NOW + 50);
  nodes.pair.settle();
  assert.deepEqual(ends(nodes), [NOW + 50, NOW + 50]);
  nodes.view(0).touch('k', NOW + 700);
  nodes.advance(5);
  nodes.view(1).touch('k', NOW + 300);
  nodes.cut();
  openWithoutStamps(nodes);
  assert.deepEqual(ends(nodes), [NOW + 700, NOW + 700]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedConnection } from '../../testing/replication/simulated-network.ts';
import type { SimulatedNode } from '../../testing/replication/simulated-node.ts';
import {
  assertLinked,
  READY_MS_MAX,
  SimulatedWorld as World,
} from '../../testing/replication/simulated-world.ts';
import { FRESH_MS_MAX, SETTLE_MS_MAX, YOUNG_MS_MAX } from './in-sync.ts';
import { HANDSHAKE_MS_MAX, PARTED_MS_MAX, PING_MS, SILENCE_MS_MAX } from './link-times.ts';
import { ALONE_MS } from './missing-twins.ts';
import { peerStatistics } from './peer-statistics.ts';
import { DIAL_MS_MAX } from './peers.ts';
import { RETRY_MS_MAX } from './retry-pause.ts';

const value = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

test('a node that stood still is not in sync before it has been told what it missed; only that is sent', () => {
  const world = new World();
  const a = world.start('a', ['b']);
  const b = world.start('b', ['a']);
  world.run(2000);
  a.cache.set('k', value('old'), 0, 0);
  a.turnEnd();
  world.run(100);
  assertLinked(a, b);
  assert.ok(a.peers.isInSync && b.peers.isInSync);
  const figure = (node: SimulatedNode, name: string): string | undefined =>
    new Map(peerStatistics(node.peers, world.time.nowMs)).get(name);
  const copies = figure(a, 'replication_full_syncs');
  b.cache.set('k', value('new'), 0, 0);
  b.turnEnd();
  a.peers.stoodStill(1000);
  assert.equal(a.peers.isInSync, false);
  assert.ok(b.peers.isInSync, 'the other one knows what it has');
  for (let i = 0; i < 2000 && !a.peers.openLinks.some((link) => link.hasCopyOfPeer); i++) world.run(1);
  assert.ok(a.peers.openLinks.some((link) => link.hasCopyOfPeer));
  assert.equal(a.peers.isInSync, false, 'the twin may not wait for its acks yet');
  // However long that takes, it is the ack that counts.
  world.network.holdWay('a', 'b');
  world.run(1000);
  assert.equal(a.peers.isInSync, false);
  world.network.release();
  for (let i = 0; i < 2000 && !a.peers.isInSync; i++) world.run(1);
  const { acknowledged = [] } = b.peers.openLinks[0] ?? {};
  assert.equal(acknowledged[0], b.cache.feed.written, 'the twin knows that all is there');
  world.run(2000);
  assertLinked(a, b);
  assert.ok(a.peers.isInSync);
  assert.equal(figure(a, 'replication_full_syncs'), copies);
});

test('a node that stood still and finds nobody is in sync again after a while; one that was alone asks whether it still is', () => {
  const world = new World();
  const a = world.start('a', ['b']);
  world.run(YOUNG_MS_MAX + 1);
  a.peers.stoodStill(1000);
  assert.equal(a.peers.isInSync, false, 'somebody may have come meanwhile');
  world.run(RETRY_MS_MAX + 1);
  assert.ok(a.peers.isInSync);
  const b = world.start('b', ['a']);
  world.run(2000);
  assertLinked(a, b);
  b.kill();
  a.peers.stoodStill(1000);
  assert.equal(a.peers.isInSync, false);
  world.run(YOUNG_MS_MAX + 1);
  assert.ok(a.peers.isInSync);
});

test('a twin that has clients and comes for the first time has to tell what they have changed', () => {
  const world = new World();
  const a = world.start('a', []);
  world.run(2000);
  assert.ok(a.peers.isInSync);
  world.network.hold();
  const b = world.start('b', ['a']);
  world.run(READY_MS_MAX + DIAL_MS_MAX);
  assert.ok(b.isReady);
  b.cache.set('k', value('new'), 0, 0);
  world.network.release();
  let wasLinked = false;
  for (let i = 0; i < 60_000 && !(wasLinked && a.peers.isInSync); i++) {
    world.run(0.1);
    wasLinked ||= a.peers.openLinks.length > 0;
    if (wasLinked) assert.ok(!a.peers.isInSync || a.cache.entries.has('k'));
  }
  assert.ok(wasLinked && a.peers.isInSync);
});

test('a node that finds that its link has ended while it stood still knows no better', () => {
  const world = new World();
  const [a, b] = world.pair();
  for (const link of a.peers.openLinks) link.close('the peer is silent');
  a.peers.stoodStill(1000);
  assert.equal(a.peers.isInSync, false);
  world.run(2000);
  assertLinked(a, b);
  assert.ok(a.peers.isInSync);
});

test('who has lost a twin in silence is not in sync until that has told what it has', () => {
  const world = new World();
  const [a, b] = world.pair();
  world.network.hold();
  world.run(SILENCE_MS_MAX + PING_MS);
  for (const { peers } of [a, b]) {
    assert.equal(peers.openLinks.length, 0);
    assert.equal(peers.isInSync, false);
    assert.ok(peers.missingMs > 0);
  }
  b.cache.set('k', value('new'), 0, 0);
  b.turnEnd();
  world.run(60_000);
  assert.equal(a.peers.isInSync, false, 'for who comes now, as the network may');
  assert.ok(a.peers.missingMs >= 60_000);
  world.network.release();
  for (let i = 0; i < ALONE_MS && !a.peers.isInSync; i++) {
    world.run(1);
    if (a.peers.isInSync) assert.ok(a.cache.entries.has('k'));
  }
  assert.ok(
    a.peers.isInSync,
    'a twin that can be reached comes within the time for which who asks is doubted',
  );
  assert.equal(a.peers.missingMs, 0);
  world.run(2000);
  assertLinked(a, b);
  assert.ok(b.peers.isInSync);
});

test('who hears that a twin goes on without it is not in sync until that has told what it has', () => {
  const world = new World();
  const a = world.start('a', []);
  const b = world.start('b', ['a']);
  world.run(2000);
  assertLinked(a, b);
  // The twin has not heard of this node for a while; that hears all the time.
  b.peers.stoodStill(1000);
  b.cache.set('k', value('new'), 0, 0);
  b.turnEnd();
  let isMissed = false;
  for (let i = 0; i < 40_000 && !(isMissed && a.peers.isInSync); i++) {
    world.run(0.1);
    if (!a.peers.isInSync) isMissed = true;
    else if (isMissed) assert.ok(a.cache.entries.has('k'));
    else assert.equal(a.peers.openLinks.length, 1, 'the link has ended, and it says that it is in sync');
  }
  assert.ok(isMissed && a.peers.isInSync);
  world.run(2000);
  assertLinked(a, b);
});

test('a twin that has told all and never acknowledges is waited for so long, and no longer', () => {
  const world = new World();
  const [a] = world.pair();
  a.peers.stoodStill(1000);
  for (let i = 0; i < 2000 && !a.peers.openLinks.some((link) => link.hasCopyOfPeer); i++) world.run(1);
  const [link] = a.peers.openLinks;
  assert.ok(link !== undefined);
  // Its pings go on, and so the link.
  link.marks.take = () => 'partial';
  world.run(SETTLE_MS_MAX - 10);
  assert.equal(a.peers.isInSync, false);
  world.run(20);
  assert.ok(a.peers.isInSync);
});

test('who has lost a twin because its process ended is in sync; so is who lost it in silence, when nobody listens there any more', () => {
  const world = new World();
  const [a, b] = world.pair();
  b.kill();
  world.run(10);
  assert.equal(a.peers.openLinks.length, 0);
  assert.ok(a.peers.isInSync);
  const again = world.start('b', ['a']);
  world.run(3000);
  assertLinked(a, again);
  world.network.hold();
  world.run(SILENCE_MS_MAX + PING_MS);
  assert.equal(a.peers.isInSync, false);
  again.kill();
  world.network.release();
  world.run(DIAL_MS_MAX + RETRY_MS_MAX + 10);
  assert.ok(a.peers.isInSync);
  assert.equal(a.peers.missingMs, 0);
});

test('a twin that comes from where the missing one was has taken its place', () => {
  const world = new World();
  const a = world.start('a', []);
  const b = world.start('b', ['a']);
  world.run(2000);
  assertLinked(a, b);
  world.network.hold();
  world.run(SILENCE_MS_MAX + PING_MS);
  b.kill();
  world.network.release();
  world.run(5000);
  assert.equal(a.peers.isInSync, false, 'it dials nobody, and cannot know');
  const again = world.start('b', ['a']);
  // Also when its first link breaks before it has told anything: it is known then, and yet has told nothing.
  for (let i = 0; i < 1000 && a.peers.openLinks.length === 0; i++) world.run(0.1);
  assert.equal(a.peers.openLinks[0]?.hasCopyOfPeer, false);
  world.network.cut();
  world.run(2000);
  assertLinked(a, again);
  assert.ok(a.peers.isInSync);
});

test('who has started alone is not in sync while the twin that it dials may be there: silent, not refusing', () => {
  for (const then of ['it answers', 'it is gone', 'it dials by itself'] as const) {
    const world = new World();
    const b = world.start('b', then === 'it dials by itself' ? ['a'] : []);
    b.cache.set('k', value('1'), 0, 0);
    world.network.hold();
    const a = world.start('a', ['b']);
    for (let i = 0; i < 6000; i++) {
      world.run(1);
      assert.equal(a.peers.isInSync, false, `after ${i} ms`);
    }
    assert.ok(a.isReady);
    assert.ok(a.peers.missingMs >= 3000, 'whoever has been here for so long may rely on it');
    if (then === 'it is gone') b.kill();
    world.network.release();
    for (let i = 0; i < 6000 && !a.peers.isInSync; i++) world.run(1);
    assert.ok(a.peers.isInSync, then);
    assert.equal(a.cache.entries.has('k'), then !== 'it is gone');
    assert.equal(a.peers.missingMs, 0);
  }
});

test('who has lost a twin because its process ended, and gets no answer from its place, is not in sync until somebody there has told what he has', () => {
  for (const then of ['it answers', 'it is gone', 'it dials by itself'] as const) {
    const world = new World();
    const [a, b] = world.pair();
    b.kill();
    world.run(10);
    assert.ok(a.peers.isInSync);
    world.network.hold();
    // Its clients are let in when it has waited for long enough.
    const again = world.start('b', then === 'it answers' ? [] : ['a']);
    world.run(DIAL_MS_MAX + RETRY_MS_MAX + 10);
    assert.equal(a.peers.isInSync, false);
    again.cache.set('k', value('new'), 0, 0);
    world.run(ALONE_MS);
    assert.ok(a.peers.missingMs >= ALONE_MS, 'dials that follow begin nothing anew');
    if (then === 'it is gone') again.kill();
    world.network.release();
    for (let i = 0; i < 60_000 && !a.peers.isInSync; i++) world.run(0.1);
    assert.ok(a.peers.isInSync, then);
    assert.equal(a.cache.entries.has('k'), then !== 'it is gone');
    assert.equal(a.peers.missingMs, 0);
  }
});

test('who has a copy of one twin is not in sync before the others have been met, or tried in vain', () => {
  for (const then of ['it answers', 'it is gone'] as const) {
    const world = new World();
    const b = world.start('b', ['a', 'c']);
    const c = world.start('c', ['a', 'b']);
    world.run(2000);
    assertLinked(b, c);
    world.network.holdWay('a', 'c');
    world.network.holdWay('c', 'a');
    const a = world.start('a', ['b', 'c']);
    for (let i = 0; i < 5000; i++) {
      world.run(1);
      assert.equal(a.peers.isInSync, false, `after ${i} ms`);
    }
    assert.equal(a.peers.openLinks[0]?.hasCopyOfPeer, true);
    assert.ok(a.peers.missingMs > 0);
    if (then === 'it is gone') c.kill();
    world.network.release();
    for (let i = 0; i < 6000 && !a.peers.isInSync; i++) world.run(1);
    assert.ok(a.peers.isInSync, then);
    assert.equal(a.peers.missingMs, 0);
  }
});

test('a dialler whose hello did not come is left by one that lives: it is not in sync until that has told what it has', () => {
  const world = new World();
  const b = world.start('b', ['a', 'c']);
  world.start('c', ['a', 'b']);
  world.run(2000);
  const a = world.start('a', ['b', 'c']);
  const isLinkedToB = (): boolean => a.peers.openLinks.some(({ peer }) => peer?.nodeId === b.peers.nodeId);
  for (let i = 0; i < 1000 && !isLinkedToB(); i++) world.run(0.01);
  world.network.holdWay('a', 'b');
  for (let i = 0; i < HANDSHAKE_MS_MAX + DIAL_MS_MAX; i++) {
    world.run(1);
    assert.equal(a.peers.isInSync, false, `after ${i} ms`);
  }
  world.network.release();
  for (let i = 0; i < 6000 && !a.peers.isInSync; i++) world.run(1);
  assert.ok(a.peers.isInSync);
});

test('a twin that had let nobody in when it came, and does not hear this node, may have been told something since', () => {
  const world = new World();
  const a = world.start('a', ['b', 'c']);
  const b = world.start('b', ['a', 'c']);
  const c = world.start('c', ['a', 'b']);
  world.run(3000);
  for (const { peers } of [a, b, c]) assert.ok(peers.isInSync && peers.openLinks.length === 2);
  b.kill();
  world.run(100);
  assert.ok(a.peers.isInSync);
  const again = world.start('b', ['a', 'c']);
  const isLinked = (): boolean => a.peers.openLinks.some(({ peer }) => peer?.nodeId === again.peers.nodeId);
  for (let i = 0; i < 10_000 && !again.isReady && !isLinked(); i++) world.run(0.01);
  world.network.holdWay('a', 'b');
  for (let i = 0; i < 10_000 && !(isLinked() && again.isReady); i++) world.run(0.01);
  again.cache.set('k', value('new'), 0, 0);
  again.turnEnd();
  world.run(FRESH_MS_MAX);
  assert.ok(isLinked() && !a.cache.entries.has('k'));
  assert.equal(a.peers.isInSync, false);
  world.network.release();
  world.run(3000);
  assert.ok(a.peers.isInSync && a.cache.entries.has('k'));
});

test('a node that lets a twin go is not in sync from then on, but when it is linked with it anew, whatever becomes of the old connection', () => {
  const world = new World();
  const [a, b] = world.pair();
  assert.ok(a.peers.isInSync && b.peers.isInSync);
  const [link] = a.peers.openLinks;
  const connection = link?.connection;
  assert.ok(link !== undefined && connection instanceof SimulatedConnection);
  // What is said may take its time to leave, and neither end hears that the other has closed.
  connection.end = () => connection.transmit();
  connection.breakOff = () => {};
  link.giveUp('enough');
  assert.equal(a.peers.isInSync, false);
  a.turnEnd();
  world.run(PARTED_MS_MAX - 100);
  assert.equal(a.peers.links.length, 2, 'the old connection is still there');
  assert.ok(a.peers.isInSync && b.peers.isInSync);
  world.run(200);
  assert.equal(a.peers.links.length, 1);
  assert.ok(a.peers.isInSync && b.peers.isInSync);
  assertLinked(a, b);
});

test('a twin that died in silence is missing no more when another process at its place has told, though its own connections came from another address', () => {
  const world = new World();
  const [a, b] = world.pair();
  const [link] = a.peers.openLinks;
  assert.ok(link !== undefined);
  Object.defineProperty(link.connection, 'remote', { value: 'elsewhere:4711' });
  world.network.holdWay('a', 'b');
  world.network.holdWay('b', 'a');
  b.kill();
  // At once: nobody refuses to be dialled in between.
  world.start('b', ['a']);
  world.run(SILENCE_MS_MAX + PING_MS);
  assert.ok(!a.peers.isInSync && a.peers.missingMs > 0);
  world.network.release();
  world.run(READY_MS_MAX);
  assert.equal(a.peers.openLinks.length, 1);
  assert.ok(a.peers.isInSync);
});

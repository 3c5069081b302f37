import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SimulatedNode } from '../../testing/replication/simulated-node.ts';
import {
  assertLinked,
  PORT,
  READY_MS_MAX,
  SimulatedWorld as World,
} from '../../testing/replication/simulated-world.ts';
import type { Session } from '../base/session.ts';
import { GREETING, writeHello } from './frames.ts';
import { YOUNG_MS_MAX } from './in-sync.ts';
import { ACKNOWLEDGE_MS, HANDSHAKE_MS_MAX, PING_MS, SILENCE_MS_MAX } from './link-times.ts';
import { freeSlot, mustMove, slotOfVersion } from './node-slots.ts';
import { peerStatistics } from './peer-statistics.ts';
import { DIAL_MS_MAX, LINKS_MAX } from './peers.ts';
import { RETRY_MS_MAX } from './retry-pause.ts';

const value = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

test('without peers to dial clients are let in at once', () => {
  const world = new World();
  const node = world.start('a', []);
  world.run(1);
  assert.equal(node.readyMs, 0);
});

test('a peer that refuses lets clients in at once', () => {
  const world = new World();
  const node = world.start('a', ['b', 'c']);
  assert.equal(node.isReady, false);
  world.run(2);
  assert.ok(node.isReady);
});

test('clients wait for the first full sync, and find everything', () => {
  const world = new World();
  const old = world.start('a', []);
  for (let i = 0; i < 2000; i++) old.cache.set(`k${i}`, new Uint8Array(100), 0, 0);
  const node = world.node('b', ['a']);
  let items = -1;
  node.ready = () => {
    items = node.cache.entries.size;
  };
  node.start();
  world.run(1000);
  assert.equal(items, 2000);
  assertLinked(old, node);
});

test('a sync that is cut is begun again before clients come in', () => {
  const world = new World();
  const old = world.start('a', []);
  for (let i = 0; i < 5000; i++) old.cache.set(`k${i}`, new Uint8Array(100), 0, 0);
  const node = world.start('b', ['a']);
  while (node.cache.entries.size < 100) world.run(0.1);
  assert.ok(node.cache.entries.size < 5000);
  world.network.cut();
  world.run(2);
  assert.equal(node.isReady && node.cache.entries.size < 5000, false);
  world.run(1000);
  assert.ok(node.isReady);
  assertLinked(old, node);
});

test('a node that stood still before it had its copy waits for it as long as it would have', () => {
  for (const [moment, isThere] of [
    ['while it dialled', (node: SimulatedNode) => node.peers.links.length > 0],
    ['while the copy came', (node: SimulatedNode) => node.cache.entries.size > 100],
  ] as const) {
    const world = new World();
    const old = world.start('a', []);
    for (let i = 0; i < 5000; i++) old.cache.set(`k${i}`, new Uint8Array(100), 0, 0);
    const node = world.start('b', ['a']);
    for (let i = 0; i < 10_000 && !isThere(node); i++) world.run(0.01);
    assert.ok(!node.isReady && node.cache.entries.size < 5000, moment);
    node.stop();
    world.run(2 * READY_MS_MAX);
    let items = -1;
    node.ready = () => {
      items = node.cache.entries.size;
    };
    node.goOn(0, 800, false);
    world.run(3000);
    assert.equal(items, 5000, moment);
    assertLinked(old, node);
  }
});

test('a peer that accepts and never speaks holds clients up for a bounded time', () => {
  const world = new World();
  const silent: Session = { feed: (_input, _start, end) => end, closed: () => {} };
  world.network.bind({ host: 'm', alive: true, turnEnd: () => {} }, `m:${PORT}`, () => silent);
  const node = world.start('a', ['m']);
  world.run(HANDSHAKE_MS_MAX - 100);
  assert.equal(node.isReady, false);
  world.run(200);
  assert.ok(node.isReady);
});

test('a peer that does not answer the dial holds clients up for a bounded time', () => {
  const world = new World();
  world.start('b', []);
  world.network.hold();
  const node = world.start('a', ['b']);
  world.run(DIAL_MS_MAX - 100);
  assert.equal(node.isReady, false);
  world.run(200);
  assert.ok(node.isReady);
});

test('a sync that makes no progress lets clients in after its limit, one that does holds them', () => {
  const world = new World();
  const old = world.start('a', []);
  for (let i = 0; i < 5000; i++) old.cache.set(`k${i}`, new Uint8Array(1000), 0, 0);
  const node = world.start('b', ['a']);
  while (node.cache.entries.size < 10) world.run(0.1);
  // The peer's own loop hangs, while its kernel keeps the connection: pings stop, so the link is found dead and dialled again, in vain.
  world.network.hold();
  world.run(READY_MS_MAX + 2000);
  assert.ok(node.isReady);
});

test('both at once, each dialling the other, end with one link and two slots', () => {
  for (let seed = 0; seed < 50; seed++) {
    const world = new World();
    for (let i = 0; i < seed; i++) world.random.below(2);
    const a = world.start('a', ['b']);
    world.run(seed % 3 === 0 ? 0 : world.random.below(10) / 10);
    const b = world.start('b', ['a']);
    world.run(3000);
    a.cache.set('from a', value('1'), 0, 0);
    b.cache.set('from b', value('2'), 0, 0);
    a.turnEnd();
    b.turnEnd();
    world.run(10);
    assertLinked(a, b);
    assert.ok(a.isReady && b.isReady);
    assert.ok(a.peers.linksLost + b.peers.linksLost <= 2, 'a link in use is not given up');
  }
});

test('a peer that dials a node which is linked to it already leaves the link alone', () => {
  const world = new World();
  const a = world.start('a', ['b']);
  world.run(10);
  const b = world.start('b', ['a']);
  world.run(20000);
  assertLinked(a, b);
  assert.equal(a.peers.linksMade, 1);
  assert.equal(a.peers.linksLost, 0);
});

test('one host and one port: one listens, the other dials, the survivor takes over', () => {
  const world = new World();
  const a = world.start('h', ['h']);
  world.run(3);
  const b = world.start('h', ['h']);
  world.run(5000);
  assertLinked(a, b);
  assert.ok(a.peers.isBound && !b.peers.isBound);
  const strangers = a.peers.refusals.strangers;
  world.run(20000);
  assert.equal(a.peers.refusals.strangers, strangers, 'while linked nobody dials himself');
  b.cache.set('k', value('v'), 0, 0);
  a.kill();
  world.run(1);
  assert.ok(b.peers.isBound, 'the survivor has the port at once');
  const again = world.start('h', ['h']);
  world.run(100);
  assert.ok(again.isReady);
  assertLinked(b, again);
  assert.equal(again.cache.entries.size, 1);
  b.kill();
  world.run(1);
  assert.ok(again.peers.isBound);
});

test('a port in use is a fault of a node that has nobody to dial, and patience else', () => {
  const world = new World();
  world.start('h', []);
  const first = world.start('h', []);
  world.run(1);
  assert.match(first.failure, /in use/);
  const other = world.start('h', ['h']);
  world.run(100);
  assert.equal(other.failure, '');
  assert.ok(other.isReady);
});

test('after a cut the pair is linked again soon, and merges', () => {
  const world = new World();
  const a = world.start('a', []);
  const b = world.start('b', ['a']);
  world.run(100);
  world.network.cut();
  a.cache.set('x', value('a'), 0, 0);
  b.cache.set('y', value('b'), 0, 0);
  world.run(RETRY_MS_MAX + 10);
  assertLinked(a, b);
  assert.equal(a.cache.entries.size, 2);
  assert.equal(b.peers.linksLost, 1);
});

test('a silent peer is found dead within three seconds', () => {
  const world = new World();
  const a = world.start('a', []);
  const b = world.start('b', ['a']);
  world.run(500);
  world.network.hold();
  const heldMs = world.time.nowMs;
  while (a.peers.openLinks.length + b.peers.openLinks.length > 0 && world.time.nowMs < heldMs + 10000)
    world.run(10);
  assert.ok(world.time.nowMs - heldMs < 3000, `${world.time.nowMs - heldMs} ms`);
  world.network.release();
  world.run(5000);
  assertLinked(a, b);
});

test('three nodes in a mesh find three slots and hold the same', () => {
  const world = new World();
  const hosts = ['a', 'b', 'c'];
  const nodes = hosts.map((host) =>
    world.start(
      host,
      hosts.filter((other) => other !== host),
    ),
  );
  world.run(5000);
  assert.equal(new Set(nodes.map((node) => node.cache.nodeSlot)).size, 3);
  for (const node of nodes) assert.equal(node.peers.openLinks.length, 2, node.messages.join('\n'));
  for (const node of nodes) {
    node.cache.set(node.host, value(node.host), 0, 0);
    node.turnEnd();
  }
  world.run(100);
  for (const node of nodes) assert.deepEqual(node.cache.snapshot(), nodes[0]!.cache.snapshot());
  assert.equal(nodes[0]!.cache.entries.size, 3);
});

test('of several full copies under way one sends a slice at a time, each in its turn', () => {
  const world = new World();
  const old = world.start('a', []);
  for (let i = 0; i < 3000; i++) old.cache.set(`k${i}`, new Uint8Array(1000), 0, 0);
  const nodes = ['b', 'c', 'd'].map((host) => world.start(host, ['a']));
  const items = (): number[] => old.peers.links.map((link) => link.copies.items);
  const turns: number[] = [];
  const pump = old.peers.pump.bind(old.peers);
  old.peers.pump = () => {
    const before = items();
    const more = pump();
    const moved = items().flatMap((count, i) => (count > (before[i] ?? 0) ? [i] : []));
    assert.ok(moved.length <= 1, `${moved.length} slices at once`);
    turns.push(...moved);
    return more;
  };
  world.run(1000);
  const places = [0, 1, 2];
  const lastBegun = Math.max(...places.map((place) => turns.indexOf(place)));
  const firstDone = Math.min(...places.map((place) => turns.lastIndexOf(place)));
  assert.ok(lastBegun < firstDone, turns.join(' '));
  for (const node of nodes) assert.deepEqual(node.cache.snapshot(), old.cache.snapshot());
});

test('a peer that says hello and leaves when it has heard who dials is not dialled again in haste', () => {
  const world = new World();
  let dials = 0;
  world.network.bind({ host: 'm', alive: true, turnEnd: () => {} }, `m:${PORT}`, (connection) => {
    dials++;
    connection.output.text(GREETING);
    writeHello(connection.output, { ...node.peers.hello(), nodeId: 'ee'.repeat(16), slot: 5 });
    return {
      feed: (_input, start, end) => {
        if (end - start > GREETING.length) connection.destroy();
        return end;
      },
      closed: () => {},
    };
  });
  const node = world.start('a', ['m']);
  world.run(10_000);
  assert.ok(node.peers.linksMade > 5, 'it has been open for a moment each time');
  assert.ok(dials < 30, `${dials} dials`);
});

test('a link that always breaks before the copy has come is not made anew in haste', () => {
  const world = new World();
  const [a, b] = [world.node('a', ['b']), world.node('b', ['a'])];
  // No peer takes a flush of such a version.
  const threshold = 2 ** 53;
  a.cache.flushState = () => ({
    threshold,
    pendingThreshold: 0,
    pendingActiveAtSeconds: 0,
    version: threshold,
  });
  for (const node of [a, b]) node.start();
  world.run(10_000);
  assert.ok(a.peers.linksMade > 5 && a.peers.linksMade < 100, `${a.peers.linksMade} links`);
  assert.ok(a.isReady && b.isReady);
});

test('connections that say nothing are bounded in number', () => {
  const world = new World();
  const node = world.start('a', []);
  const outsider = { host: 'x', alive: true, turnEnd: () => {} };
  let closed = 0;
  for (let i = 0; i < LINKS_MAX + 20; i++) {
    world.network.dial(outsider, `a:${PORT}`, 1000, () => ({
      feed: (_input, _start, end) => end,
      closed: () => {
        closed++;
      },
    }));
  }
  world.run(100);
  assert.equal(closed, 20);
  assert.equal(node.peers.links.length, LINKS_MAX);
  world.run(HANDSHAKE_MS_MAX);
  assert.equal(node.peers.links.length, 0);
  assert.equal(node.peers.refusals.strangers, LINKS_MAX + 20);
});

test('a node that stops sends what is queued and leaves; a peer that does not read cannot hold it', () => {
  const world = new World();
  const a = world.start('a', []);
  const b = world.start('b', ['a']);
  world.run(100);
  for (let i = 0; i < 500; i++) b.cache.set(`k${i}`, new Uint8Array(2000), 0, 0);
  b.peers.stop(3000);
  b.turnEnd();
  world.run(1000);
  assert.ok(b.hasStopped);
  assert.equal(a.cache.entries.size, 500);

  const c = world.start('c', ['a']);
  world.run(1000);
  world.network.hold();
  for (let i = 0; i < 500; i++) c.cache.set(`k${i}`, new Uint8Array(2000), 0, 0);
  c.turnEnd();
  world.run(1);
  c.peers.stop(1000);
  c.turnEnd();
  world.run(900);
  assert.equal(c.hasStopped, false);
  world.run(200);
  assert.ok(c.hasStopped);
  assert.equal(c.peers.dueMs, Number.POSITIVE_INFINITY);
});

test('messages and figures say what goes on', () => {
  const world = new World();
  const a = world.start('a', []);
  a.cache.set('k', value('v'), 0, 0);
  const b = world.start('b', ['a']);
  world.run(500);
  assert.deepEqual(a.messages.slice(0, 5), [
    'listen',
    'accept',
    'marugoto start',
    'marugoto 1',
    'marugoto owari',
  ]);
  const dialled = b.messages.filter((message) => !message.startsWith('node slot'));
  assert.deepEqual(dialled, [
    'listen',
    'dialled (peer=a:11212)',
    'connect (peer=a:11212)',
    'marugoto copying',
    'start',
  ]);
  const figures = new Map(peerStatistics(b.peers, world.time.nowMs));
  assert.equal(figures.get('replication_state'), 'linked');
  assert.equal(figures.get('replication_role'), 'dialer');
  assert.equal(figures.get('replication_peers'), '1');
  assert.equal(figures.get('replication_peer_0_lag_bytes'), '0');
  assert.equal(figures.get('replication_peer_0_sync_items_received'), '1');
  a.kill();
  world.run(200);
  const alone = new Map(peerStatistics(b.peers, world.time.nowMs));
  assert.equal(alone.get('replication_state'), 'alone');
  assert.equal(alone.get('replication_role'), 'listener');
  assert.equal(alone.get('replication_peer_0_state'), 'down');
  assert.equal(alone.get('replication_links_lost'), '1');
});

test('a node that starts alone is not in sync until a twin has had the time to dial it', () => {
  const world = new World();
  const inSync = (node: SimulatedNode): string | undefined =>
    new Map(peerStatistics(node.peers, world.time.nowMs)).get('replication_in_sync');
  const a = world.start('a', []);
  world.run(YOUNG_MS_MAX - 1);
  assert.equal(inSync(a), '0');
  world.run(1);
  assert.equal(inSync(a), '1');
  a.cache.set('large', new Uint8Array(100_000), 0, 0);
  for (let i = 0; i < 500; i++) a.cache.set(`k${i}`, new Uint8Array(1000), 0, 0);
  const b = world.start('b', ['a']);
  const seen = new Set<string | undefined>();
  for (let i = 0; i < 500 && b.peers.openLinks[0]?.hasCopyOfPeer !== true; i++) {
    seen.add(inSync(b));
    world.run(0.1);
  }
  assert.deepEqual([...seen], ['0'], 'while it is being filled');
  assert.equal(inSync(a), '1');
  assert.equal(inSync(b), '0', 'its twin does not count on it yet');
  for (let i = 0; i < 3 * ACKNOWLEDGE_MS && inSync(b) === '0'; i++) {
    world.run(1);
    assert.equal(inSync(a), '1');
  }
  assert.equal(inSync(b), '1');
  a.kill();
  world.run(200);
  assert.equal(inSync(b), '1', 'it has everything that there is');
});

test('slots: one that joins takes none of a node that it has not met, for it serves before it does', () => {
  const world = new World();
  const a = world.start('a', []);
  const b = world.start('b', ['a']);
  world.run(1000);
  assertLinked(a, b);
  for (const host of ['a', 'b']) {
    const other = host === 'a' ? b : a;
    // It dials one of the two, and the way to the other one is closed.
    const third = world.node(`to ${host}`, [host, other.host]);
    world.network.holdWay(third.host, other.host);
    third.start();
    for (let i = 0; i < 8000 && !third.isReady; i++) world.run(1);
    assert.ok(third.isReady);
    assert.equal(third.peers.openLinks.length, 1);
    const slots = [a, b, third].map((node) => node.cache.nodeSlot);
    assert.equal(new Set(slots).size, 3, slots.join(' '));
    third.kill();
    world.network.release();
    world.run(5000);
  }
});

test('slots: one that joins takes none of a node that is away, nor are slots used up by those that never come back', () => {
  const world = new World();
  const a = world.start('a', []);
  const b = world.start('b', ['a']);
  world.run(1000);
  assertLinked(a, b);
  // The network between the two is cut; and a third comes, who can reach one of them.
  world.network.holdWay('a', 'b');
  world.network.holdWay('b', 'a');
  world.run(SILENCE_MS_MAX + PING_MS);
  assert.equal(a.peers.openLinks.length, 0);
  const third = world.start('c', ['a']);
  world.run(1000);
  assert.equal(third.peers.openLinks.length, 1);
  assert.equal(new Set([a, b, third].map((node) => node.cache.nodeSlot)).size, 3);
  for (let i = 0; i < 20; i++) {
    const passing = world.start(`passing ${i}`, ['a']);
    world.run(1000);
    assert.equal(passing.peers.openLinks.length, 1, passing.messages.join('\n'));
    const slots = [a, third, passing].map((node) => node.cache.nodeSlot);
    assert.equal(new Set(slots).size, 3, slots.join(' '));
    passing.kill();
    world.run(1000);
  }
});

test('slots: the fresh one moves, else the one with the greater id; the lowest free one is taken', () => {
  const low = { fresh: false, nodeId: 'aa' };
  const high = { fresh: false, nodeId: 'bb' };
  assert.equal(mustMove(low, high), false);
  assert.equal(mustMove(high, low), true);
  assert.equal(mustMove({ ...low, fresh: true }, high), true);
  assert.equal(mustMove(high, { ...low, fresh: true }), false);
  assert.equal(mustMove({ ...high, fresh: true }, { ...low, fresh: true }), true);
  assert.equal(freeSlot(0b0000_0101), 1);
  assert.equal(freeSlot(0xff), -1);
  assert.equal(slotOfVersion(Number.MAX_SAFE_INTEGER - 2), 5);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SimulatedNode } from '../../testing/replication/simulated-node.ts';
import { SimulatedWorld } from '../../testing/replication/simulated-world.ts';
import { PastNodes } from './past-nodes.ts';
import { DIAL_MS_MAX } from './peers.ts';

const value = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

/** Three that are linked and have the item. */
function mesh(): { readonly world: SimulatedWorld; readonly nodes: readonly SimulatedNode[] } {
  const world = new SimulatedWorld();
  const nodes = ['a', 'b', 'c'].map((host) =>
    world.start(
      host,
      ['a', 'b', 'c'].filter((other) => other !== host),
    ),
  );
  world.run(1000);
  nodes[2]!.cache.set('k', value('v'), 0, 0);
  nodes[2]!.turnEnd();
  world.run(1000);
  return { world, nodes };
}

/** The ends of what b and c have of the item, which a has touched and then has died, having told b only. */
function endsAfter(isTold: boolean): readonly (number | undefined)[] {
  const { world, nodes } = mesh();
  const [a, b, c] = nodes;
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  world.network.holdWay('a', 'c');
  world.network.holdWay('c', 'a');
  a.cache.touch('k', 1900000000);
  a.cache.set('new', value('x'), 0, 0);
  a.turnEnd();
  world.run(100);
  if (!isTold) world.network.holdWay('b', 'c');
  a.kill();
  world.run(100);
  // Whatever b has told c on that link is lost with it.
  if (!isTold) world.network.cut('b', 'c');
  world.network.release();
  world.run(5000);
  assert.equal(c.peers.past.partialSyncs + (c.peers.openLinks[0]?.partialSyncs ?? 0), isTold ? 0 : 1);
  assert.deepEqual(b.cache.snapshot(), c.cache.snapshot());
  assert.ok(c.cache.versionOf('new') > 0);
  return [b, c].map(({ cache }) => cache.entries.get('k')?.exptime);
}

test('what a dead node told one of two the other one gets, a touch of an item that is older, too', () => {
  assert.deepEqual(endsAfter(true), [1900000000, 1900000000]);
});

test('it does also when the link between the two breaks before it has heard that the node is gone', () => {
  assert.deepEqual(endsAfter(false), [1900000000, 1900000000]);
});

test('of a node nobody is told again whose end was told over a link that has ended since', () => {
  const past = new PastNodes();
  past.remember('a', null, 0, 1, 10, 20);
  past.remember('b', null, 0, 2, 15, 30);
  past.remember('c', null, 0, 4, 25, 40);
  const lost = (nodeId: string): string[] => past.lostSince(nodeId).map((node) => node.nodeId);
  assert.deepEqual([lost('a'), lost('b'), lost('c'), lost('d')], [['b', 'c'], ['a', 'c'], ['b'], []]);
});

test('two that join together do not serve before they have met the third, or have tried to', () => {
  for (const isThere of [true, false]) {
    const world = new SimulatedWorld();
    const a = world.start('a', ['b', 'c']);
    a.cache.set('k', value('v'), 0, 0);
    world.run(1000);
    for (const host of ['b', 'c']) {
      world.network.holdWay(host, 'a');
      world.network.holdWay('a', host);
    }
    const joining = [world.start('b', ['a', 'c']), world.start('c', ['a', 'b'])];
    world.run(DIAL_MS_MAX / 2);
    for (const { peers, isReady } of joining) {
      assert.equal(peers.openLinks.length, 1);
      assert.equal(isReady, false);
    }
    if (isThere) world.network.release();
    world.run(DIAL_MS_MAX);
    for (const { cache, isReady } of joining) {
      assert.ok(isReady);
      assert.equal(cache.versionOf('k'), isThere ? a.cache.versionOf('k') : 0);
    }
  }
});

test('what a node has not sent yet to one that had been away, because it died meanwhile, that one gets from the other', () => {
  const { world, nodes } = mesh();
  const [a, b, c] = nodes;
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  world.network.holdWay('a', 'c');
  world.network.holdWay('c', 'a');
  for (let i = 0; i < 100; i++) {
    a.cache.set(`missed${i}`, new Uint8Array(30000), 0, 0);
    a.turnEnd();
    world.run(100);
  }
  const missed = (node: SimulatedNode): number =>
    [...node.cache.entries.keys()].filter((key) => key.startsWith('missed')).length;
  assert.equal(missed(b), 100);
  // What b had when c found that it heard nothing of a.
  const before = missed(c);
  assert.ok(before < 50);
  world.network.release();
  for (let i = 0; i < 100_000 && missed(c) < before + 10; i++) world.run(0.05);
  assert.ok(missed(c) < 80, 'it is in the middle of it');
  const [link] = c.peers.openLinks.filter(({ peer }) => peer?.nodeId === a.peers.nodeId);
  assert.ok(link?.marks.position !== null, 'it has been told how far it is');
  a.kill();
  world.run(5000);
  assert.equal(missed(c), 100);
  assert.deepEqual(b.cache.snapshot(), c.cache.snapshot());
});

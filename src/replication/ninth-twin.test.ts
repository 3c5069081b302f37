import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GUARDED } from '../../testing/replication/link-guards.ts';
import type { SimulatedNode } from '../../testing/replication/simulated-node.ts';
import { SimulatedWorld as World } from '../../testing/replication/simulated-world.ts';
import { UNGUARDED } from './link-safety.ts';
import { peerStatistics } from './peer-statistics.ts';

const value = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

/** Eight twins, each of which dials those that were there before it, and more hosts. */
function fullMesh(world: World, ...more: readonly string[]): SimulatedNode[] {
  const nodes: SimulatedNode[] = [];
  for (let i = 0; i < 8; i++) {
    nodes.push(world.start(`n${i}`, [...nodes.map((_, before) => `n${before}`), ...more]));
    world.run(300);
  }
  for (const node of nodes) assert.equal(node.peers.openLinks.length, 7);
  assert.equal(new Set(nodes.map((node) => node.cache.nodeSlot)).size, 8);
  return nodes;
}

const hosts = (nodes: readonly SimulatedNode[]): string[] => nodes.map((_, i) => `n${i}`);
const isFigure = (node: SimulatedNode, world: World, name: string): string | undefined =>
  new Map(peerStatistics(node.peers, world.time.nowMs)).get(`replication_${name}`);

test('a ninth twin is refused, lets no clients in, says why, and comes in when there is a place', () => {
  const world = new World();
  const nodes = fullMesh(world);
  nodes[0]!.cache.set('k', value('v'), 0, 0);
  nodes[0]!.turnEnd();
  world.run(100);
  const links = nodes.map((node) => node.peers.linksMade);
  const ninth = world.start('n8', hosts(nodes));
  world.run(20_000);
  assert.equal(ninth.isReady, false, 'clients go to the twins');
  assert.equal(ninth.peers.isInSync, false);
  assert.equal(ninth.peers.missingMs, 0, 'nor is it ever as good as one');
  assert.equal(isFigure(ninth, world, 'surplus'), '1');
  assert.ok(Number(isFigure(ninth, world, 'refused_surplus')) >= 8);
  assert.ok(Number(isFigure(ninth, world, 'refused_surplus')) < 400, 'it does not hurry');
  assert.ok(ninth.messages.some((line) => line.includes('it is one of 8 twins already')));
  assert.equal(ninth.peers.linksMade, 0);
  for (const [index, node] of nodes.entries()) {
    assert.equal(node.peers.linksMade, links[index], 'none has had a link to it');
    assert.ok(node.peers.isInSync);
    assert.ok(Number(isFigure(node, world, 'refused_surplus')) >= 1, 'they count it, too');
    assert.ok(node.messages.some((line) => line.includes('there are 8 twins already')));
    assert.equal(isFigure(node, world, 'surplus'), '0');
  }
  nodes[3]!.kill();
  world.run(5000);
  assert.ok(ninth.isReady);
  assert.equal(ninth.peers.openLinks.length, 7);
  assert.ok(ninth.peers.isInSync);
  assert.equal(isFigure(ninth, world, 'surplus'), '0');
  assert.deepEqual(ninth.cache.snapshot(), nodes[0]!.cache.snapshot());
  assert.equal(ninth.cache.entries.size, 1);
});

for (const safety of [UNGUARDED, GUARDED])
  test(`a ninth twin that is only dialled hears that it is one too many${safety.secret === null ? '' : ', from who has proven himself'}`, () => {
    const world = new World();
    world.safety = safety;
    const nodes = fullMesh(world, 'n8');
    const ninth = world.start('n8', []);
    world.run(20_000);
    assert.equal(ninth.peers.isInSync, false);
    assert.equal(ninth.peers.missingMs, 0);
    assert.equal(isFigure(ninth, world, 'surplus'), '1');
    assert.ok(Number(isFigure(ninth, world, 'refused_surplus')) >= 8);
    assert.ok(Number(isFigure(ninth, world, 'refused_surplus')) < 400, 'they do not hurry');
    assert.ok(ninth.messages.some((line) => line.includes('it is one of 8 twins already')));
    for (const node of nodes) {
      assert.equal(isFigure(node, world, 'surplus'), '0');
      assert.ok(node.peers.isInSync);
      assert.ok(node.messages.some((line) => line.includes('there are 8 twins already')));
    }
    nodes[3]!.kill();
    world.run(5000);
    assert.equal(ninth.peers.openLinks.length, 7);
    assert.ok(ninth.peers.isInSync);
    assert.equal(isFigure(ninth, world, 'surplus'), '0');
  });

for (const isSilent of [true, false])
  test(`a twin whose place was taken while it was cut off (${isSilent ? 'silently' : 'by resets'}) serves on, is not in sync, and what it was told is not lost`, () => {
    const world = new World();
    const nodes = fullMesh(world);
    const away = nodes[7]!;
    for (const host of [...hosts(nodes).slice(0, 7), 'n8']) {
      world.network.holdWay('n7', host);
      world.network.holdWay(host, 'n7');
      if (!isSilent) world.network.cut('n7', host);
    }
    world.run(6000);
    assert.equal(away.peers.openLinks.length, 0);
    const ninth = world.start('n8', hosts(nodes));
    world.run(4000);
    assert.equal(ninth.peers.openLinks.length, 7);
    assert.ok(ninth.isReady);
    world.network.release();
    world.run(10_000);
    assert.equal(away.peers.openLinks.length, 0);
    assert.equal(away.peers.isInSync, false);
    assert.equal(away.peers.missingMs, 0, 'not for clients that have been there for long, either');
    assert.equal(isFigure(away, world, 'surplus'), '1');
    away.cache.set('told to it alone', value('v'), 0, 0);
    nodes[0]!.cache.set('told to the others', value('v'), 0, 0);
    for (const node of [away, nodes[0]!]) node.turnEnd();
    world.run(1000);
    nodes[2]!.kill();
    world.run(8000);
    assert.equal(away.peers.openLinks.length, 7);
    assert.ok(away.peers.isInSync);
    assert.deepEqual(away.cache.snapshot(), ninth.cache.snapshot());
    assert.equal(ninth.cache.entries.size, 2);
  });

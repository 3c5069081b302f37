import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serviceOf } from '../../testing/fake-cluster.ts';
import type { ServiceStatus } from '../checks/cluster-status.ts';
import { type Box, type TopologyLayout, topologyLayout, WIDE_FROM } from './topology-layout.ts';

/** Pairs of twins with a proxy each, and one proxy in front of all. */
function cluster(pairs: number): ServiceStatus[] {
  const numbers = Array.from({ length: pairs }, (_, index) => index + 1);
  return [
    ...numbers.flatMap((n) => [
      serviceOf(`a${n}`, { group: `pair ${n}` }),
      serviceOf(`b${n}`, { group: `pair ${n}` }),
    ]),
    ...numbers.map((n) => serviceOf(`inner${n}`, { role: 'proxy', sendsTo: [`a${n}`, `b${n}`] })),
    serviceOf('outer', { role: 'proxy', sendsTo: numbers.map((n) => `inner${n}`) }),
  ];
}

function overlap(one: Box, other: Box): boolean {
  return (
    one.x < other.x + other.width &&
    other.x < one.x + one.width &&
    one.y < other.y + other.height &&
    other.y < one.y + one.height
  );
}

function isInside(inner: Box, outer: Box): boolean {
  return (
    inner.x > outer.x &&
    inner.y > outer.y &&
    inner.x + inner.width < outer.x + outer.width &&
    inner.y + inner.height < outer.y + outer.height
  );
}

/** Whether a point is on the edge of a box, as far as numbers are rounded. */
function isOnEdge(x: number, y: number, box: Box): boolean {
  const [dx, dy] = [Math.min(x - box.x, box.x + box.width - x), Math.min(y - box.y, box.y + box.height - y)];
  return Math.min(dx, dy) > -0.1 && Math.min(Math.abs(dx), Math.abs(dy)) < 0.1;
}

/** Lines lead from one thing to another. */
function assertConnected({ services, clients, twins, flows }: TopologyLayout): void {
  const boxOf = (name: string): Box | null =>
    name === '' ? clients : (services.find(({ service }) => service.name === name) ?? null);
  for (const { from, to, path } of flows) {
    const numbers = [...path.matchAll(/-?[\d.]+/g)].map(Number);
    const [x1 = NaN, y1 = NaN] = numbers;
    const [x2 = NaN, y2 = NaN] = numbers.slice(-2);
    const [source, target] = [boxOf(from), boxOf(to)];
    assert.ok(source !== null && isOnEdge(x1, y1, source), `${from} to ${to} begins elsewhere`);
    assert.ok(target !== null && isOnEdge(x2, y2, target), `${from} to ${to} ends elsewhere`);
  }
  for (const { one, other, x, y1, y2 } of twins) {
    const [upper, lower] = [boxOf(one.name), boxOf(other.name)];
    assert.ok(
      upper !== null && isOnEdge(x, y1, upper) && lower !== null && isOnEdge(x, y2, lower) && y1 < y2,
    );
  }
}

function assertTidy(layout: TopologyLayout): void {
  assertConnected(layout);
  const { services, groups, width, height, clients } = layout;
  const lowest = Math.max(
    0,
    ...services.map((box) => box.y + box.height),
    ...groups.map((box) => box.y + box.height),
  );
  if (services.length > 0) assert.ok(height - lowest < 3, 'no empty strip below');
  const boxes = clients === null ? services : [...services, clients];
  for (const [index, box] of boxes.entries()) {
    assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height);
    for (const other of boxes.slice(index + 1)) assert.ok(!overlap(box, other));
  }
  for (const [index, group] of groups.entries()) {
    assert.ok(group.x >= 0 && group.x + group.width <= width && group.y + group.height <= height);
    for (const other of groups.slice(index + 1)) assert.ok(!overlap(group, other));
    const inside = services.filter((box) => overlap(box, group));
    assert.deepEqual(new Set(inside.map(({ service }) => service.group)), new Set([group.name]));
    for (const box of inside) assert.ok(isInside(box, group), `${box.service.name} sticks out of its frame`);
  }
}

test('whatever the cluster and the room, nothing overlaps and nothing is outside', () => {
  for (const pairs of [1, 2, 3, 7])
    for (const width of [300, 360, WIDE_FROM, 1200]) {
      const layout = topologyLayout(cluster(pairs), width);
      assert.equal(layout.isWide, width >= WIDE_FROM);
      assert.equal(layout.services.length, 3 * pairs + 1);
      assert.equal(layout.groups.length, pairs);
      assert.equal(layout.twins.length, pairs);
      assertTidy(layout);
    }
});

test('the default cluster fits a phone, and each line has its two ends', () => {
  const layout = topologyLayout(cluster(2), 340);
  assert.equal(layout.width, 340);
  assert.deepEqual(layout.flows.map(({ from, to }) => `${from} ${to}`).sort(), [
    ' outer',
    'inner1 a1',
    'inner1 b1',
    'inner2 a2',
    'inner2 b2',
    'outer inner1',
    'outer inner2',
  ]);
  for (const { path } of layout.flows) assert.doesNotMatch(path, /NaN|undefined/);
});

test('on a phone nothing is wider than the screen, however many groups there are', () => {
  for (const pairs of [3, 4, 7]) {
    const layout = topologyLayout(cluster(pairs), 340);
    assert.equal(layout.width, 340);
    assert.equal(new Set(layout.groups.map(({ x }) => x)).size, 2, 'two beside each other');
  }
});

test('nodes without proxies, nothing at all, and three twins', () => {
  const lone = topologyLayout([serviceOf('a'), serviceOf('b')], 800);
  assert.equal(lone.clients, null);
  assert.deepEqual([lone.flows.length, lone.groups.length], [0, 0]);
  assertTidy(lone);
  assertTidy(topologyLayout([], 800));
  assertTidy(topologyLayout([], 300));
  const three = topologyLayout(
    ['a', 'b', 'c'].map((name) => serviceOf(name, { group: 'g' })),
    300,
  );
  assert.equal(three.twins.length, 2);
  assertTidy(three);
});

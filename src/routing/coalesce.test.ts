import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteWorld, type WorldClient } from '../../testing/route-world.ts';
import { seededRandom } from '../base/random.ts';
import { MAGENT_MANNER } from './client-manner.ts';
import { CoalesceRoute } from './coalesce.ts';
import { DestinationRoute } from './destination-route.ts';
import { hotKeyFigures as figuresOf } from './hot-keys.ts';
import { RotationRoute } from './rotation.ts';

const CANNOT_READ = /^SERVER_ERROR .*\r\n$/;

/** Two connections, each client on one of them, to what acts as one server: each tells the other of every change at once. */
function worldOf(waitersMax = 1000): { world: RouteWorld; one: WorldClient; other: WorldClient } {
  const world = new RouteWorld({
    mains: 2,
    backups: 0,
    manner: { ...MAGENT_MANNER, flush: 'everywhere' },
    root: (destinations, context) => {
      const leaves = destinations.map((destination) => new DestinationRoute(destination));
      return new CoalesceRoute(new RotationRoute(leaves), { waitersMax, hotGets: 0 }, context);
    },
  }).start();
  const [first, second] = world.servers;
  first!.twin = second!;
  second!.twin = first!;
  return { world, one: world.client(), other: world.client() };
}

function put(world: RouteWorld, key: string, value: string): void {
  for (const { values } of world.servers) values.set(key, { value, flags: '0', cas: 1 });
}

function delayAll(world: RouteWorld, ms: number): void {
  for (const server of world.servers) server.delayMs = ms;
}

/** All lines that came to the servers since the last time. */
function seen(world: RouteWorld): string[] {
  return world.servers.flatMap((server) => server.seen.splice(0));
}

function counter(world: RouteWorld, name: string): number {
  const { root, hotKeyFigures } = world.router;
  return Number(new Map(figuresOf(root, hotKeyFigures)).get(name));
}

function found(key: string, value: string): string {
  return `VALUE ${key} 0 ${value.length}\r\n${value}\r\nEND\r\n`;
}

test('equal gets under way are sent once, and everyone has its answer in its place', () => {
  const { world, one, other } = worldOf();
  put(world, 'a', 'x');
  delayAll(world, 50);
  one.send('get a\r\nget none\r\nget a\r\nmn\r\n');
  world.run(10);
  other.send('get a\r\nmn\r\nget none\r\n');
  world.run(10);
  assert.equal(counter(world, 'coalesce_waiting'), 3);
  world.run(50);
  assert.equal(one.take(), `${found('a', 'x')}END\r\n${found('a', 'x')}MN\r\n`);
  assert.equal(other.take(), `${found('a', 'x')}MN\r\nEND\r\n`);
  assert.deepEqual(seen(world).sort(), ['get a', 'get none']);
  assert.equal(counter(world, 'coalesce_joined'), 3);
  assert.equal(counter(world, 'coalesce_waiting'), 0);
  delayAll(world, 0);
  assert.equal(world.ask(one, 'get a\r\n'), found('a', 'x'));
  assert.deepEqual(seen(world), ['get a'], 'nothing is kept');
  world.nothingLeft();
});

test('gets of several keys, and those that want a cas token, are sent as they come', () => {
  const { world, one, other } = worldOf();
  delayAll(world, 20);
  one.send('get a b\r\ngets a\r\n');
  other.send('get a b\r\ngets a\r\n');
  world.run(50);
  assert.equal(one.take() + other.take(), 'END\r\n'.repeat(4));
  assert.deepEqual(seen(world), ['get a b', 'gets a', 'get a b', 'gets a']);
  world.nothingLeft();
});

const WRITES = ['set a 0 0 1\r\n2', 'delete a', 'touch a 1', 'gat 1 a', 'mg YQ== b T1', 'flush_all'];

for (const write of WRITES)
  test(`no get joins one that was sent before a write: ${write.split('\r')[0]}`, () => {
    const { world, one, other } = worldOf();
    put(world, 'a', '1');
    delayAll(world, 100);
    const slow = world.client();
    slow.send('get a\r\n');
    world.run(1);
    delayAll(world, 0);
    // On the other connection, where its answer does not have to wait.
    other.send(`${write}\r\n`);
    world.run(1);
    seen(world);
    one.send('get a\r\n');
    other.send('get a\r\n');
    world.run(1);
    assert.ok(seen(world).filter((line) => line === 'get a').length > 0, 'it asks anew');
    world.run(200);
    world.nothingLeft();
  });

for (const write of WRITES)
  test(`no get joins another while a write has no answer: ${write.split('\r')[0]}`, () => {
    const { world, one, other } = worldOf();
    delayAll(world, 50);
    world.client().send(`${write}\r\n`);
    world.run(1);
    one.send('get a\r\n');
    other.send('get a\r\n');
    world.run(10);
    assert.equal(seen(world).filter((line) => line === 'get a').length, 2);
    world.run(200);
    seen(world);
    one.send('get a\r\n');
    other.send('get a\r\n');
    world.run(10);
    assert.deepEqual(seen(world), ['get a'], 'afterwards they join again');
    world.run(200);
    world.nothingLeft();
  });

test('while a write has no answer, its client does not get what another reads past it', () => {
  const { world } = worldOf();
  put(world, 'a', 'old');
  const writer = world.client();
  let reader = world.client();
  // One of each connection.
  world.ask(writer, 'get probe\r\n');
  const mine = world.servers.findIndex((server) => server.seen.length > 0);
  seen(world);
  world.ask(reader, 'get probe\r\n');
  if (world.servers[mine]!.seen.length > 0) reader = world.client();
  seen(world);
  world.servers[mine]!.mode = 'hanging';
  writer.send('set a 0 0 3\r\nnew\r\n');
  world.run(1);
  world.servers[1 - mine]!.delayMs = 50;
  reader.send('get a\r\n');
  world.run(1);
  writer.send('get a\r\n');
  world.run(1);
  world.servers[mine]!.mode = 'up';
  world.run(100);
  assert.equal(reader.take(), found('a', 'old'));
  assert.equal(writer.take(), `STORED\r\n${found('a', 'new')}`);
  world.nothingLeft();
});

test('more than may wait, or than one answer hands out, ask by themselves', () => {
  const few = worldOf(2);
  delayAll(few.world, 20);
  few.one.send('get a\r\n'.repeat(5));
  few.world.run(50);
  assert.equal(few.one.take(), 'END\r\n'.repeat(5));
  assert.equal(seen(few.world).length, 3);
  assert.equal(counter(few.world, 'coalesce_not_joined'), 2);
  few.world.nothingLeft();

  const large = worldOf();
  const value = 'v'.repeat(1024 * 1024 - 100);
  put(large.world, 'a', value);
  delayAll(large.world, 20);
  large.one.send('get a\r\n'.repeat(7));
  large.world.run(100);
  assert.equal(large.one.take(), found('a', value).repeat(7));
  assert.equal(counter(large.world, 'coalesce_not_joined'), 2, 'four were handed out, and one asked');
  large.world.nothingLeft();
});

test('those that wait share a failure, and a client that goes takes nobody with it', () => {
  const { world, one, other } = worldOf();
  put(world, 'a', 'x');
  delayAll(world, 50);
  one.send('get a\r\n');
  world.run(1);
  other.send('get a\r\n');
  one.pipe.close(true);
  world.run(100);
  assert.equal(other.take(), found('a', 'x'));
  for (const server of world.servers) server.mode = 'hanging';
  const third = world.client();
  other.send('get a\r\n');
  third.send('get a\r\n');
  world.run(10_000);
  assert.match(other.take(), CANNOT_READ);
  assert.match(third.take(), CANNOT_READ);
  world.nothingLeft();
});

test('whatever is under way, nobody reads what is older than the writes before it', () => {
  let joined = 0;
  for (let seed = 1; seed <= 60; seed++) joined += life(seed);
  assert.ok(joined > 1000, `only ${joined} gets waited for others`);
});

/** Of a get the oldest value that may come; null: a set. */
type Asked = { readonly key: string; readonly least: number } | null;

/** Clients that set and get a few keys over slow connections. @returns how many gets waited for others */
function life(seed: number): number {
  const random = seededRandom(seed);
  const { world } = worldOf();
  const keys = ['a', 'b', 'c'];
  const latest = new Map(keys.map((key) => [key, 0]));
  for (const key of keys) put(world, key, '0');
  const clients = Array.from({ length: 5 }, (): { client: WorldClient; asked: Asked[] } => ({
    client: world.client(),
    asked: [],
  }));
  for (let step = 1; step <= 200; step++) {
    for (const server of world.servers) server.delayMs = random.below(40);
    const { client, asked } = clients[random.below(clients.length)]!;
    const key = keys[random.below(keys.length)]!;
    if (random.below(6) === 0) {
      client.send(`set ${key} 0 0 ${String(step).length}\r\n${step}\r\n`);
      latest.set(key, step);
      asked.push(null);
    } else {
      client.send(`get ${key}\r\n`);
      asked.push({ key, least: latest.get(key)! });
    }
    // The servers have it now; only their answers take time.
    world.run(0);
    world.run(random.below(4));
  }
  world.run(3000);
  for (const { client, asked } of clients) {
    const answers = client.take().match(/STORED\r\n|VALUE \w \d+ \d+\r\n\d+\r\nEND\r\n/g) ?? [];
    assert.equal(answers.length, asked.length, `seed ${seed}`);
    for (const [index, wanted] of asked.entries()) {
      const [, key, value] = /^VALUE (\w) .*\r\n(\d+)/.exec(answers[index]!) ?? [];
      assert.equal(key, wanted?.key, `seed ${seed}`);
      if (wanted !== null)
        assert.ok(Number(value) >= wanted.least, `seed ${seed}: ${value} of ${key} is old`);
    }
  }
  world.nothingLeft();
  return counter(world, 'coalesce_joined');
}

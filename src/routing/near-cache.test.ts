import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteWorld, type WorldClient } from '../../testing/route-world.ts';
import { MAGENT_MANNER } from './client-manner.ts';
import { DestinationRoute } from './destination-route.ts';
import { hotKeyFigures as figuresOf } from './hot-keys.ts';
import { NEAR_CACHE_DEFAULT, NearCacheRoute, type NearCacheRules } from './near-cache.ts';
import { RotationRoute } from './rotation.ts';

/** Two connections to what acts as one server, as in the tests of coalesce. */
function worldOf(rules: Partial<NearCacheRules> = {}): { world: RouteWorld; client: WorldClient } {
  const world = new RouteWorld({
    mains: 2,
    backups: 0,
    manner: { ...MAGENT_MANNER, flush: 'everywhere' },
    root: (destinations, context) => {
      const leaves = destinations.map((destination) => new DestinationRoute(destination));
      const all = { ...NEAR_CACHE_DEFAULT, hotGets: 0, ttlMs: 1000, ...rules };
      return new NearCacheRoute(new RotationRoute(leaves), all, context);
    },
  }).start();
  const [first, second] = world.servers;
  first!.twin = second!;
  second!.twin = first!;
  for (const server of world.servers) server.knowsMeta = true;
  return { world, client: world.client() };
}

function put(world: RouteWorld, key: string, value: string, isStale = false): void {
  for (const { values } of world.servers) values.set(key, { value, flags: '5', cas: 9, isStale });
}

function seen(world: RouteWorld): string[] {
  return world.servers.flatMap((server) => server.seen.splice(0));
}

function counter(world: RouteWorld, name: string): number {
  const { root, hotKeyFigures } = world.router;
  const count = new Map(figuresOf(root, hotKeyFigures)).get(`near_cache_${name}`);
  assert.ok(count !== undefined, name);
  return count;
}

function found(key: string, value: string): string {
  return `VALUE ${key} 5 ${value.length}\r\n${value}\r\n`;
}

test('a value is given out again for its time, and no longer', () => {
  const { world, client } = worldOf();
  put(world, 'a', 'x');
  assert.equal(world.ask(client, 'get a\r\n'), `${found('a', 'x')}END\r\n`);
  assert.deepEqual(seen(world), ['get a']);
  put(world, 'a', 'changed by another');
  for (const ask of [world.client(), client])
    assert.equal(world.ask(ask, 'get a\r\n'), `${found('a', 'x')}END\r\n`);
  world.run(999);
  assert.equal(world.ask(client, 'get a\r\n'), `${found('a', 'x')}END\r\n`);
  assert.deepEqual(seen(world), []);
  assert.equal(counter(world, 'hits'), 3);
  assert.equal(counter(world, 'fills'), 1);
  assert.equal(counter(world, 'items'), 1);
  assert.equal(counter(world, 'bytes'), found('a', 'x').length);
  world.run(1);
  assert.equal(world.ask(client, 'get a\r\n'), `${found('a', 'changed by another')}END\r\n`);
  assert.deepEqual(seen(world), ['get a']);
  world.nothingLeft();
});

test('the time begins when the value is asked for', () => {
  const { world, client } = worldOf({ ttlMs: 100 });
  put(world, 'a', 'x');
  for (const server of world.servers) server.delayMs = 60;
  world.ask(client, 'get a\r\n', 60);
  world.ask(client, 'get a\r\n', 39);
  assert.equal(seen(world).length, 1);
  world.run(1);
  world.ask(client, 'get a\r\n', 60);
  assert.equal(seen(world).length, 1, 'asked for again');
  for (const server of world.servers) server.delayMs = 100;
  world.run(200);
  world.ask(client, 'get a\r\nget a\r\n', 300);
  assert.equal(counter(world, 'not_admitted'), 1, 'too old when it comes');
  world.nothingLeft();
});

test('misses, and values that are too large, are not kept', () => {
  const { world, client } = worldOf({ valueBytesMax: 10 });
  put(world, 'ten', '0123456789');
  put(world, 'eleven', '0123456789a');
  const lines = ['get ten', 'get eleven', 'get none', 'mg ten f v', 'mg eleven f v'];
  for (const line of [...lines, ...lines]) world.ask(client, `${line}\r\n`);
  assert.deepEqual(seen(world).sort(), [...lines, 'get eleven', 'get none', 'mg eleven f v'].sort());
  assert.equal(counter(world, 'not_admitted'), 4);
  world.nothingLeft();
});

test('only hot keys are kept', () => {
  const { world, client } = worldOf({ hotGets: 5 });
  put(world, 'a', 'x');
  for (let i = 0; i < 10; i++) world.ask(client, 'get a\r\n');
  assert.equal(seen(world).length, 5);
  assert.equal(counter(world, 'hits'), 5);
  world.nothingLeft();
});

test('of a get of several keys the server is asked for those that are not here, and answers stand in their order', () => {
  const { world, client } = worldOf({ hotGets: 2 });
  for (const key of ['a', 'b', 'c', 'd']) put(world, key, `${key}!`);
  world.ask(client, 'get b\r\nget b\r\nget d\r\nget d\r\n');
  seen(world);
  const answer = world.ask(client, 'get a b none c d\r\n');
  assert.equal(answer, `${['a', 'b', 'c', 'd'].map((key) => found(key, `${key}!`)).join('')}END\r\n`);
  assert.deepEqual(seen(world), ['get a none c']);
  assert.equal(world.ask(client, 'get d b\r\n'), `${found('d', 'd!')}${found('b', 'b!')}END\r\n`);
  assert.deepEqual(seen(world), []);
  // Hot by now, and fetched by themselves.
  assert.equal(
    world.ask(client, 'get a x b a\r\n'),
    `${found('a', 'a!')}${found('b', 'b!')}${found('a', 'a!')}END\r\n`,
  );
  assert.deepEqual(seen(world).sort(), ['get a', 'get x a']);
  world.ask(client, 'get a\r\n');
  assert.deepEqual(seen(world), []);
  world.nothingLeft();
});

test('what wants more than a copy knows goes to the server', () => {
  const { world, client } = worldOf();
  put(world, 'a', 'x');
  assert.equal(world.ask(client, 'get a\r\n'), `${found('a', 'x')}END\r\n`);
  seen(world);
  for (const line of ['gets a', 'mg a t', 'mg a h v f', 'mg a k f v', 'mg YQ== b f v', 'mg a']) {
    world.ask(client, `${line}\r\n`);
    assert.deepEqual(seen(world), [line]);
  }
  world.nothingLeft();
});

test('mg is answered as the server would, from what an mg has brought', () => {
  const { world, client } = worldOf();
  put(world, 'a', 'value');
  assert.equal(world.ask(client, 'mg a f v\r\n'), 'VA 5 f5\r\nvalue\r\n');
  assert.deepEqual(seen(world), ['mg a f v']);
  for (const line of ['mg a f v', 'mg a v f s', 'mg a Oabc s v', 'mg a', 'mg a f', 'mg a s Ox'])
    assert.equal(
      world.ask(client, `${line}\r\nmn\r\n`),
      {
        'mg a f v': 'VA 5 f5\r\nvalue\r\nMN\r\n',
        'mg a v f s': 'VA 5 f5 s5\r\nvalue\r\nMN\r\n',
        'mg a Oabc s v': 'VA 5 Oabc s5\r\nvalue\r\nMN\r\n',
        'mg a': 'HD\r\nMN\r\n',
        'mg a f': 'HD f5\r\nMN\r\n',
        'mg a s Ox': 'HD s5 Ox\r\nMN\r\n',
      }[line],
    );
  assert.equal(world.ask(client, 'get a\r\n'), `${found('a', 'value')}END\r\n`, 'get as well');
  assert.deepEqual(seen(world), []);
  // The cas id is not known yet.
  assert.equal(world.ask(client, 'mg a v f c\r\n'), 'VA 5 f5 c9\r\nvalue\r\n');
  assert.deepEqual(seen(world), ['mg a v f c']);
  assert.equal(world.ask(client, 'mg a c v f\r\n'), 'VA 5 c9 f5\r\nvalue\r\n');
  assert.equal(world.ask(client, 'mg a v f q\r\nmn\r\n'), 'VA 5 f5\r\nvalue\r\nMN\r\n');
  assert.deepEqual(seen(world), []);
  world.nothingLeft();
});

test('a binary get is answered with flags, cas id and value', () => {
  const { world, client } = worldOf();
  put(world, 'a', 'value');
  const header = Buffer.alloc(24);
  header[0] = 0x80;
  header.writeUInt16BE(1, 2);
  header.writeUInt32BE(1, 8);
  header.writeUInt32BE(0x1234, 12);
  const request = `${header.toString('latin1')}a`;
  const first = world.ask(client, request);
  assert.deepEqual(seen(world), ['mg a f c v']);
  assert.equal(world.ask(client, request), first);
  assert.deepEqual(seen(world), []);
  const reply = Buffer.from(first, 'latin1');
  assert.equal(reply.subarray(28).toString(), 'value');
  assert.deepEqual([reply.readUInt32BE(24), reply.readUInt32BE(20), reply.readUInt32BE(12)], [5, 9, 0x1234]);
  world.nothingLeft();
});

test('an item that its reader is to renew is not kept', () => {
  const { world, client } = worldOf();
  put(world, 'a', 'x', true);
  for (let i = 0; i < 2; i++) assert.equal(world.ask(client, 'mg a f v\r\n'), 'VA 1 f5 W X\r\nx\r\n');
  assert.equal(seen(world).length, 2);
  world.nothingLeft();
});

const WRITES = [
  'set a 0 0 1\r\n2',
  'add a 0 0 1\r\n2',
  'replace a 0 0 1\r\n2',
  'append a 0 0 1\r\n2',
  'prepend a 0 0 1\r\n2',
  'cas a 0 0 1 9\r\n2',
  'delete a',
  'incr a 1',
  'decr a 1',
  'touch a 1',
  'gat 1 a',
  'gats 1 b a',
  'set a 0 0 1 noreply\r\n2',
  'delete a noreply',
  'ms a 1\r\n2',
  'md a q',
  'md YQ== b',
  'ma a',
  'mg a T1',
  'mg YQ== b N5',
  'flush_all',
];

for (const write of WRITES)
  test(`a write ends the time of what was read before: ${write.split('\r')[0]}`, () => {
    const { world, client } = worldOf();
    put(world, 'a', '1');
    world.ask(client, 'get a\r\n');
    world.ask(client, 'get a\r\n');
    assert.equal(counter(world, 'hits'), 1);
    world.ask(client, `${write}\r\n`, 5);
    seen(world);
    world.ask(client, 'get a\r\n', 5);
    assert.deepEqual(seen(world), ['get a']);
    assert.equal(counter(world, 'hits'), 1);
    assert.equal(counter(world, 'invalidations'), 1);
    world.nothingLeft();
  });

for (const write of WRITES)
  test(`while a write is under way nothing is given out or kept: ${write.split('\r')[0]}`, () => {
    const { world, client } = worldOf();
    put(world, 'a', '1');
    world.ask(client, 'get a\r\n');
    for (const server of world.servers) server.delayMs = 50;
    const writer = world.client();
    const reader = world.client();
    writer.send(`${write}\r\n`);
    world.run(1);
    for (const server of world.servers) server.delayMs = 0;
    seen(world);
    reader.send('get a\r\n');
    world.run(1);
    reader.send('get a\r\n');
    world.run(1);
    assert.deepEqual(seen(world), ['get a', 'get a']);
    assert.equal(counter(world, 'fills'), 1, 'the one from before');
    world.nothingLeft();
  });

test('a get that was sent before a write is not kept when its answer comes after it', () => {
  const { world, client } = worldOf();
  put(world, 'a', 'old');
  for (const server of world.servers) server.delayMs = 50;
  client.send('get a\r\n');
  world.run(1);
  for (const server of world.servers) server.delayMs = 0;
  world.ask(world.client(), 'set a 5 0 3\r\nnew\r\n', 100);
  assert.equal(client.take(), `${found('a', 'old')}END\r\n`, 'it began before');
  assert.equal(counter(world, 'not_admitted'), 1);
  assert.equal(world.ask(client, 'get a\r\n'), `${found('a', 'new')}END\r\n`);
  world.nothingLeft();
});

test('bounds: items and bytes make room, but not for a key that is asked for less', () => {
  const items = worldOf({ itemsMax: 2, ttlMs: 10_000 });
  for (const key of ['a', 'b', 'c']) {
    put(items.world, key, key);
    items.world.ask(items.client, `get ${key}\r\n`);
  }
  assert.equal(counter(items.world, 'items'), 2);
  assert.equal(counter(items.world, 'evictions'), 1);
  items.world.ask(items.client, 'get b\r\n'.repeat(3));
  items.world.ask(items.client, 'get a\r\n');
  assert.equal(counter(items.world, 'not_admitted'), 1, 'b has to go first, and is asked for more often');
  items.world.nothingLeft();
  const bytesMax = 2 * found('a', 'x'.repeat(50)).length;
  const bytes = worldOf({ bytesMax });
  for (const key of ['a', 'b', 'c']) {
    put(bytes.world, key, 'x'.repeat(50));
    bytes.world.ask(bytes.client, `get ${key}\r\n`);
    assert.ok(counter(bytes.world, 'bytes') <= bytesMax);
  }
  assert.equal(counter(bytes.world, 'evictions'), 1);
  put(bytes.world, 'large', 'x'.repeat(bytesMax));
  bytes.world.ask(bytes.client, 'get large\r\n');
  assert.equal(counter(bytes.world, 'not_admitted'), 1);
  bytes.world.nothingLeft();
});

test('copies go with the routes, and failures pass', () => {
  const { world, client } = worldOf();
  put(world, 'a', 'x');
  world.ask(client, 'get a\r\n');
  for (const server of world.servers) server.mode = 'hanging';
  assert.equal(world.ask(client, 'get a\r\n'), `${found('a', 'x')}END\r\n`, 'the servers are not asked');
  world.run(1000);
  assert.match(world.ask(client, 'get a\r\n', 10_000), /^SERVER_ERROR .*\r\n$/);
  world.nothingLeft();
  for (const handle of world.router.root.walk()) handle.retire();
  assert.equal(counter(world, 'items'), 0);
  assert.equal(counter(world, 'bytes'), 0);
});

test('what was under way when the routes changed, unwatched, is waited for', () => {
  const world = new RouteWorld({
    mains: 1,
    backups: 0,
    root: ([destination]) => new DestinationRoute(destination!),
  }).start();
  const [server] = world.servers;
  server!.values.set('a', { value: 'old', flags: '5', cas: 1 });
  server!.mode = 'hanging';
  world.client().send('set a 5 0 3\r\nnew\r\n');
  world.run(1);
  world.router.reconfigure({
    settings: world.router.settings,
    servers: ['server0'],
    manner: MAGENT_MANNER,
    plan: ([destination], context) => {
      const rules = { ...NEAR_CACHE_DEFAULT, hotGets: 0, ttlMs: 10_000 };
      const root = new NearCacheRoute(new DestinationRoute(destination!), rules, context);
      return { root, answerMsMax: () => root.answerMsMax(), statistics: () => '' };
    },
  });
  const client = world.client();
  for (let i = 0; i < 5; i++) world.ask(client, 'get a\r\n', 100);
  assert.equal(counter(world, 'fills'), 0);
  server!.mode = 'up';
  world.run(5000);
  client.take();
  for (let i = 0; i < 2; i++) assert.equal(world.ask(client, 'get a\r\n', 10), `${found('a', 'new')}END\r\n`);
  assert.equal(counter(world, 'hits'), 1);
  world.nothingLeft();
});

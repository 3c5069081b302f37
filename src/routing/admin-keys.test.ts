import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteWorld } from '../../testing/route-world.ts';
import { TWINCACHED_VERSION } from '../base/version.ts';
import { NUTCRACKER_MANNER } from './client-manner.ts';

function ask(world: RouteWorld, question: string, prefix = '__twincached__.'): string {
  const key = `${prefix}${question}`;
  const reply = world.ask(world.client(), `get ${key}\r\n`);
  const [, bytes, value = ''] = /^VALUE \S+ 0 (\d+)\r\n([\s\S]*)\r\nEND\r\n$/.exec(reply) ?? [];
  assert.equal(Number(bytes), value.length, reply);
  return value;
}

test('the proxy tells of itself, under both prefixes', () => {
  const world = new RouteWorld({ mains: 2, backups: 2 }).start();
  for (const prefix of ['__twincached__.', '__mcrouter__.']) {
    assert.equal(ask(world, 'version', prefix), `twincached ${TWINCACHED_VERSION}`);
    assert.equal(ask(world, 'backends', prefix), 'server0\r\nserver1\r\nserver2\r\nserver3');
    assert.equal(ask(world, 'nonsense', prefix), 'ERROR: unknown command: nonsense');
  }
  world.run(7000);
  assert.equal(ask(world, 'config_age'), '7');
  assert.deepEqual(
    world.servers.flatMap(({ seen }) => seen),
    [],
  );
  world.nothingLeft();
});

test('where a key lies, and which handles it comes to', () => {
  const world = new RouteWorld({ mains: 2, backups: 2 }).start();
  // "a" hashes to an even number, "b" to an odd one.
  assert.equal(ask(world, 'route(get,a)'), 'server0\r\nserver2');
  assert.equal(ask(world, 'route(set,b)'), 'server1\r\nserver3');
  assert.equal(
    ask(world, 'route_handles(get,a)'),
    'root\r\n mirror\r\n  shard\r\n   server|server0\r\n  shard\r\n   server|server2',
  );
  assert.equal(ask(world, 'route(dance,a)'), 'ERROR: unknown command: route(dance,a)');
  assert.equal(ask(world, 'route(get,)'), 'ERROR: unknown command: route(get,)');
});

test('what servers have been asked is counted: hits and misses, times, what waits', () => {
  const world = new RouteWorld({ mains: 1, backups: 0 }).start();
  const client = world.client();
  world.servers[0]!.delayMs = 5;
  world.ask(client, 'set a 0 0 1\r\n1\r\nget a b c\r\ngets a\r\n', 100);
  const lines = new Map(
    world
      .ask(client, 'stats servers\r\n')
      .split('\r\n')
      .map((line): [string, string] => [line.split(' ')[1] ?? '', line.split(' ').slice(2).join(' ')]),
  );
  const figure = (name: string): string | undefined => lines.get(`server_0_${name}`);
  assert.deepEqual(
    ['name', 'state', 'requests', 'responses', 'get_hits', 'get_misses', 'queue'].map(figure),
    ['server0', 'up', '3', '3', '2', '2', '0'],
  );
  const p50 = Number(figure('latency_p50_us'));
  assert.ok(p50 >= 5000 && p50 < 20_000, `${p50} us`);
});

test('a key that only begins so, or is one of several, is a key; and where they are off all are', () => {
  const world = new RouteWorld({ mains: 1, backups: 0 }).start();
  const client = world.client();
  assert.equal(
    world.ask(client, 'get __twin\r\nget __twincached__\r\nget __twincached__.version b\r\n'),
    'END\r\n'.repeat(3),
  );
  assert.deepEqual(world.servers[0]!.seen, [
    'get __twin',
    'get __twincached__',
    'get __twincached__.version b',
  ]);
  const off = new RouteWorld({ mains: 1, backups: 0, manner: NUTCRACKER_MANNER }).start();
  assert.equal(off.ask(off.client(), 'get __twincached__.version\r\n'), 'END\r\n');
});

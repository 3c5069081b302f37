import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteWorld } from '../../testing/route-world.ts';
import type { Destination } from './destination.ts';
import { DestinationRoute } from './destination-route.ts';
import { FailoverRoute } from './failover.ts';
import { MODULO_PLACEMENT } from './magent-plan.ts';
import { MirrorRoute } from './mirror.ts';
import type { RouteContext, RouteHandle } from './route-handle.ts';
import { ShardRoute } from './shard.ts';

function worldWith(
  servers: number,
  root: (leaves: RouteHandle[], context: RouteContext) => RouteHandle,
): RouteWorld {
  return new RouteWorld({
    mains: servers,
    backups: 0,
    root: (destinations: readonly Destination[], context) =>
      root(
        destinations.map((destination) => new DestinationRoute(destination)),
        context,
      ),
  });
}

function killed(world: RouteWorld, ...servers: number[]): void {
  for (const server of servers) world.servers[server]!.kill();
  world.run(100);
}

test('failover asks its children in turn', () => {
  const world = worldWith(3, (leaves) => new FailoverRoute(leaves)).start();
  const client = world.client();
  for (const [index, server] of world.servers.entries())
    server.values.set('a', { value: String(index), flags: '0', cas: 1 });
  const asked: string[] = [];
  for (let dead = 0; dead < 4; dead++) {
    asked.push(world.ask(client, 'get a\r\nincr a 0\r\n').split('\r\n').at(1)!);
    if (dead < 3) killed(world, dead);
  }
  assert.deepEqual(asked, ['0', '1', '2', 'SERVER_ERROR CAN NOT CONNECT TO BACKEND SERVER']);
  assert.equal(world.router.calls.live, 0);
});

test('a failover over shards re-splits only the keys that failed', () => {
  const shard = (leaves: RouteHandle[], { calls }: RouteContext): RouteHandle =>
    new ShardRoute(MODULO_PLACEMENT.hash, MODULO_PLACEMENT.distribution(leaves.map(() => '')), leaves, calls);
  const world = worldWith(
    5,
    (leaves, context) =>
      new FailoverRoute([shard(leaves.slice(0, 2), context), shard(leaves.slice(2), context)]),
  ).start();
  const client = world.client();
  const keys = Array.from({ length: 20 }, (_, i) => `key${i}`);
  for (const server of world.servers)
    for (const key of keys) server.values.set(key, { value: key, flags: '0', cas: 1 });
  world.ask(client, `get ${keys.join(' ')}\r\n`);
  const first = world.servers[0]!.seen[0]!.split(' ').slice(1);
  killed(world, 0);
  for (const server of world.servers) server.seen.length = 0;
  const reply = world.ask(client, `get ${keys.join(' ')}\r\n`);
  assert.equal(reply, `${keys.map((key) => `VALUE ${key} 0 ${key.length}\r\n${key}\r\n`).join('')}END\r\n`);
  const second = world.servers
    .slice(2)
    .flatMap((server) => server.seen.flatMap((line) => line.split(' ').slice(1)));
  assert.deepEqual(second.toSorted(), first.toSorted());
  assert.ok(world.servers.slice(2).filter((server) => server.seen.length > 0).length > 1);
});

test('mirrors within mirrors write everywhere and answer with the best that is left', () => {
  const world = worldWith(
    4,
    (leaves, context) =>
      new MirrorRoute(
        new MirrorRoute(leaves[0]!, leaves[1]!, context),
        new MirrorRoute(leaves[2]!, leaves[3]!, context),
        context,
      ),
  ).start();
  const client = world.client();
  for (const [index, server] of world.servers.entries())
    server.values.set('n', { value: String(10 * index), flags: '0', cas: 1 });
  assert.equal(world.ask(client, 'incr n 1\r\n'), '1\r\n');
  assert.deepEqual(
    world.servers.map((server) => server.values.get('n')!.value),
    ['1', '1', '1', '1'],
    'they had different numbers: those of the others are mended',
  );
  const answers: string[] = [];
  for (const dead of [0, 1, 2, 3]) {
    killed(world, dead);
    answers.push(world.ask(client, 'incr n 1\r\n'));
  }
  assert.deepEqual(answers, [
    '2\r\n',
    '3\r\n',
    '4\r\n',
    'SERVER_ERROR CAN NOT CONNECT TO BACKEND SERVER\r\n',
  ]);
  assert.equal(world.router.calls.live, 0);
  assert.equal(world.router.requests.live, 0);
});

test('mirrors: the answer of the second side waits for the fate of the first', () => {
  const world = worldWith(2, (leaves, context) => new MirrorRoute(leaves[0]!, leaves[1]!, context)).start();
  const client = world.client();
  world.servers[1]!.values.set('n', { value: '5', flags: '0', cas: 1 });
  world.servers[0]!.delayMs = 20;
  client.send('incr n 1\r\n');
  world.run(10);
  assert.equal(client.take(), '');
  killed(world, 0);
  assert.equal(client.take(), '6\r\n');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteWorld } from '../../testing/route-world.ts';
import type { RoutingSettings } from './settings.ts';

const CONNECT = 'SERVER_ERROR CAN NOT CONNECT TO BACKEND SERVER\r\n';

/** A main that was killed so long ago that its back-off is at its longest, and a backup that is up. */
function mainLongDead(replicating = false, settings: Partial<RoutingSettings> = {}): RouteWorld {
  const world = new RouteWorld({ mains: 1, backups: 1, settings });
  for (const server of world.servers) server.replicating = replicating;
  world.start();
  world.servers[0]!.kill();
  world.run(5000);
  return world;
}

/** Runs until just after a dial to server 0 has failed, so that its back-off has only begun. */
function untilBackOff(world: RouteWorld): void {
  const before = world.dials.length;
  while (world.dials.length === before) world.run(1);
}

for (const replicating of [true, false])
  test(`the main is back, its back-off is not over, and the backup dies: no error (${replicating ? 'twins' : 'stock'})`, () => {
    for (const request of ['get a', 'get a b c', 'set a 0 0 1\r\n1', 'incr a 1', 'add a 0 0 1\r\n1']) {
      const world = mainLongDead(replicating);
      const client = world.client();
      untilBackOff(world);
      world.servers[0]!.mode = 'up';
      world.servers[0]!.values.set('a', { value: '1', flags: '0', cas: 1 });
      world.servers[1]!.kill();
      world.run();
      const reply = world.ask(client, `${request}\r\n`, 1);
      assert.doesNotMatch(reply, /ERROR/, request);
      assert.notEqual(reply, '', request);
      assert.equal(world.servers[0]!.seen.length, 1, request);
      assert.match(world.ask(client, 'get a\r\n'), /^VALUE a/);
      world.nothingLeft();
    }
  });

test('requests under way on the backup when it dies find the main that has come back', () => {
  const world = mainLongDead();
  const client = world.client();
  untilBackOff(world);
  world.servers[0]!.mode = 'up';
  world.servers[1]!.delayMs = 10;
  client.send('get a\r\nset b 0 0 1\r\n1\r\nget a b\r\n');
  world.run(2);
  world.servers[1]!.kill();
  world.run(1);
  assert.equal(client.take(), 'END\r\nSTORED\r\nVALUE b 0 1\r\n1\r\nEND\r\n');
  world.nothingLeft();
});

test('everything dead: an error at once, and few dials however many requests there are', () => {
  const world = new RouteWorld({ mains: 2, backups: 2 });
  for (const server of world.servers) server.mode = 'refusing';
  world.start();
  world.run(3000);
  const clients = Array.from({ length: 10 }, () => world.client());
  world.dials.length = 0;
  for (let round = 0; round < 100; round++)
    for (const client of clients)
      assert.equal(world.ask(client, 'get a\r\nset b 0 0 1\r\n1\r\n'), CONNECT + CONNECT);
  assert.ok(world.dials.length >= 2 && world.dials.length <= 4, `${world.dials.length} dials within no time`);
  world.dials.length = 0;
  for (let ms = 0; ms < 1000; ms++) {
    for (const client of clients) assert.equal(world.ask(client, 'get a\r\n'), CONNECT);
    world.run(1);
  }
  // Each of the two servers of the key at most once in 10 ms, and all four in the background besides.
  assert.ok(world.dials.length <= 2 * 101 + 4 * 5, `${world.dials.length} dials in a second`);
  world.nothingLeft();
});

test('hosts that are off: the first requests wait for the dials, all others are refused at once', () => {
  const world = new RouteWorld({ mains: 1, backups: 1 });
  for (const server of world.servers) server.mode = 'unreachable';
  world.start();
  world.run(10_000);
  const client = world.client();
  let waited = 0;
  const count = 2000;
  for (let i = 0; i < count; i++) {
    if (world.ask(client, 'get a\r\n', 5) === CONNECT) continue;
    waited++;
    world.run(1010);
    assert.equal(client.take(), CONNECT);
  }
  assert.ok(waited >= 1 && waited <= 8, `${waited} requests waited`);
  world.nothingLeft();
});

test('no request waits twice for one server, so that the longest time to an answer stays what stats agent says', () => {
  // The main is passed over, the backup says nothing; then the main says nothing either.
  const world = mainLongDead(false, { connectTimeoutMs: 1000 });
  const client = world.client();
  world.servers[1]!.mode = 'hanging';
  world.servers[0]!.mode = 'hanging';
  untilBackOff(world);
  const longestMs = Number(/\d+/.exec(world.ask(client, 'stats agent\r\n'))?.[0]);
  const { nowMs: atMs } = world.timeline;
  client.send('get a\r\n');
  while (client.received === '') world.run(10);
  assert.ok(world.timeline.nowMs - atMs <= longestMs, `${world.timeline.nowMs - atMs} ms of ${longestMs}`);
  assert.match(client.take(), /^SERVER_ERROR/);
  world.nothingLeft();
});

test('a write that may have been done is not done again for want of others', () => {
  const world = mainLongDead(true);
  const client = world.client();
  untilBackOff(world);
  world.servers[0]!.mode = 'up';
  world.servers[1]!.delayMs = 10;
  client.send('incr a 1\r\n');
  world.run(2);
  world.servers[1]!.kill();
  world.run(5);
  assert.equal(client.take(), 'SERVER_ERROR BACKEND SERVER RESET OR CLOSE CONNECTION\r\n');
  assert.deepEqual(world.servers[0]!.seen, []);
  world.nothingLeft();
});

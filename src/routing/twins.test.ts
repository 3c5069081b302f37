import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteWorld, type WorldOptions } from '../../testing/route-world.ts';
import { DESTINATION } from './destination.ts';

/** A main and a backup that replicate to each other. */
function twins(options: Partial<WorldOptions> = {}): RouteWorld {
  const world = new RouteWorld({ mains: 1, backups: 1, ...options });
  const [main, backup] = world.servers;
  for (const server of world.servers) server.replicating = true;
  main!.twin = backup!;
  backup!.twin = main!;
  return world;
}

test('each connection to a server with twins has its writes wait for them, and others are not asked', () => {
  const world = twins().start();
  for (const server of world.servers) assert.deepEqual(server.acksAsked, ['acks 1 250']);
  world.servers[0]!.hangUp('ECONNRESET');
  world.run(100);
  assert.equal(world.servers[0]!.acksAsked.length, 2, 'a new connection asks anew');
  const stock = new RouteWorld({ mains: 1, backups: 1 }).start();
  for (const server of stock.servers) assert.deepEqual(server.acksAsked, []);
  const off = twins({ settings: { twinAcks: 0 } }).start();
  for (const server of off.servers) assert.deepEqual(server.acksAsked, []);
});

test('a server that does not know acks is used without', () => {
  const world = twins();
  world.servers[0]!.knowsAcks = false;
  world.start();
  assert.equal(world.ask(world.client(), 'set a 0 0 1\r\n1\r\n'), 'STORED\r\n');
  assert.deepEqual(world.servers[0]!.seen, ['set a 0 0 1']);
  world.nothingLeft();
});

test('a main that comes back empty is not read until it is in sync', () => {
  const world = twins().start();
  const client = world.client();
  const [main, backup] = world.servers;
  assert.equal(world.ask(client, 'set a 0 0 1\r\n1\r\n'), 'STORED\r\n');
  main!.kill();
  main!.values.clear();
  main!.twin = null;
  backup!.twin = null;
  world.run(10);
  main!.mode = 'up';
  main!.inSync = false;
  world.run(2000);
  assert.equal(world.router.destinations[0]!.state, DESTINATION.filling);
  const seen = main!.seen.length;
  assert.equal(world.ask(client, 'get a\r\nincr n 1\r\n'), 'VALUE a 0 1\r\n1\r\nEND\r\nNOT_FOUND\r\n');
  assert.equal(main!.seen.length, seen);
  assert.deepEqual(backup!.seen.slice(-2), ['get a', 'incr n 1']);
  const [version] = backup!.values.entries();
  main!.values.set(version![0], version![1]);
  main!.inSync = true;
  world.run(100);
  assert.equal(world.router.destinations[0]!.state, DESTINATION.up);
  assert.equal(world.ask(client, 'get a\r\n'), 'VALUE a 0 1\r\n1\r\nEND\r\n');
  assert.equal(main!.seen.at(-1), 'get a');
  assert.equal(main!.acksAsked.length, 2, 'acks are asked for when it is used');
  world.nothingLeft();
});

test('a main that is not in sync is better than none: it is used when the backup is dead', () => {
  const world = twins();
  const [main, backup] = world.servers;
  main!.inSync = false;
  backup!.mode = 'refusing';
  world.start();
  const client = world.client();
  world.run(500);
  assert.equal(world.router.destinations[0]!.state, DESTINATION.filling);
  assert.equal(world.ask(client, 'set a 0 0 1\r\n1\r\nget a\r\n'), 'STORED\r\nVALUE a 0 1\r\n1\r\nEND\r\n');
  assert.equal(main!.acksAsked.length, 1);
  assert.equal(world.router.destinations[0]!.state, DESTINATION.up);
  world.nothingLeft();
});

test('the same when others have just waited long for it in vain', () => {
  const world = new RouteWorld({ mains: 1, backups: 1 });
  for (const server of world.servers) server.replicating = true;
  world.start();
  const client = world.client();
  const [main, backup] = world.servers;
  main!.kill();
  backup!.kill();
  world.run(1000);
  // It hangs, so a dial takes its whole time.
  main!.mode = 'hanging';
  assert.match(world.ask(client, 'get a\r\n', 2000), /^SERVER_ERROR/);
  main!.hangUp();
  main!.mode = 'up';
  main!.inSync = false;
  const downAt = world.dials.length;
  while (world.dials.length === downAt) world.run(1);
  world.run(5);
  assert.equal(world.ask(client, 'get a\r\nget b\r\n', 5), 'END\r\nEND\r\n');
  world.nothingLeft();
});

test('the same while it is just being asked again, and what waits for it then is not lost', () => {
  const world = twins();
  const [main, backup] = world.servers;
  main!.inSync = false;
  main!.delayMs = 15;
  backup!.mode = 'refusing';
  world.start();
  const client = world.client();
  // Whatever the moment: waiting to ask again, or for the answer.
  for (let i = 0; i < 40; i++) {
    main!.hangUp('ECONNRESET');
    world.run(100 + i * 3);
    client.send(`set k${i} 0 0 1\r\n1\r\n`);
    world.run(100);
    assert.equal(client.take(), 'STORED\r\n', `round ${i}`);
  }
  world.nothingLeft();
});

test('both not in sync: the first start of a pair is served all the same', () => {
  const world = twins();
  for (const server of world.servers) server.inSync = false;
  world.start();
  world.run(100);
  assert.equal(
    world.ask(world.client(), 'set a 0 0 1\r\n1\r\nget a\r\n'),
    'STORED\r\nVALUE a 0 1\r\n1\r\nEND\r\n',
  );
  world.nothingLeft();
});

test('a server that fills dies, and comes back in sync', () => {
  const world = twins();
  const [main] = world.servers;
  main!.inSync = false;
  world.start();
  world.run(100);
  main!.kill();
  world.run(1000);
  main!.mode = 'up';
  main!.inSync = true;
  world.run(1000);
  assert.equal(world.router.destinations[0]!.state, DESTINATION.up);
  main!.inSync = false;
  main!.hangUp('ECONNRESET');
  world.run(100);
  assert.equal(world.router.destinations[0]!.state, DESTINATION.filling);
  main!.mode = 'hanging';
  world.run(2000);
  assert.notEqual(world.router.destinations[0]!.state, DESTINATION.up);
  assert.equal(world.ask(world.client(), 'get a\r\n'), 'END\r\n');
  world.nothingLeft();
});

test('a write that a node does not answer in time, though it answers others, is not left there to be done late', () => {
  const world = twins().start();
  const client = world.client();
  const [main, backup] = world.servers;
  assert.equal(world.ask(client, 'set a 0 0 1\r\n0\r\n'), 'STORED\r\n');
  main!.delayMs = 990;
  client.send('get b\r\n');
  world.run(300);
  main!.delayMs = 1130;
  client.send('set a 0 0 1\r\n1\r\n');
  const { connections } = main!;
  world.run(900);
  main!.delayMs = 0;
  world.run(300);
  assert.equal(client.take(), 'END\r\nSTORED\r\n');
  assert.equal(backup!.seen.at(-1), 'set a 0 0 1');
  world.run(1000);
  assert.equal(main!.connections, connections + 1, 'the connection was closed');
  world.nothingLeft();
});

test('what a proxy has sent elsewhere is not sent on any more when it closes its connection; what a client has sent is', () => {
  for (const isProxy of [true, false]) {
    const world = new RouteWorld({ mains: 1, backups: 0 });
    const [server] = world.servers;
    server!.mode = 'hanging';
    const client = world.client();
    if (isProxy) assert.match(world.ask(client, 'stats agent\r\n'), /agent_answer_ms_max/);
    client.send('set a 0 0 1\r\n1\r\nget a\r\nset b 0 0 1 noreply\r\n2\r\n');
    world.run(100);
    client.pipe.close(true, 'ECONNRESET');
    world.run(10);
    server!.mode = 'up';
    world.run(100);
    assert.deepEqual(server!.seen, isProxy ? [] : ['set a 0 0 1', 'get a', 'set b 0 0 1']);
    world.nothingLeft();
  }
});

test('a client that does not read does not have its own writes taken for overdue', () => {
  const value = 'x'.repeat(400_000);
  const cut = (text: string): string[] => text.match(/[\s\S]{1,60000}/g) ?? [];
  const world = twins({ cut, settings: { clientBacklogBytesMax: 100_000 } }).start();
  const client = world.client();
  world.ask(client, `set a 0 0 ${value.length}\r\n${value}\r\n`);
  const [main] = world.servers;
  const { connections } = main!;
  client.send('get a\r\nset b 0 0 1\r\n1\r\n');
  client.pipe.stuck = true;
  world.run(3000);
  assert.equal(main!.connections, connections);
  client.pipe.unstick();
  world.run(1000);
  assert.equal(client.take(), `VALUE a 0 ${value.length}\r\n${value}\r\nEND\r\nSTORED\r\n`);
  world.nothingLeft();
});

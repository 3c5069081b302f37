import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteWorld, type WorldOptions } from '../../testing/route-world.ts';
import { MAGENT_MANNER } from './client-manner.ts';
import { ROUTING_SETTINGS_DEFAULT } from './settings.ts';
import { type RouteTree, treePlan } from './tree-plan.ts';

const WAIT_MS = 1000;
const CONNECT = 'SERVER_ERROR CAN NOT CONNECT TO BACKEND SERVER\r\n';

function worldOf(options: Partial<WorldOptions> = {}): RouteWorld {
  const world = new RouteWorld({
    mains: 1,
    backups: 0,
    ...options,
    settings: { returnWaitMs: WAIT_MS, ...options.settings },
  });
  return world.start();
}

function figure(world: RouteWorld, name: string): number {
  const reply = world.ask(world.client(), 'stats pools\r\n');
  return Number(new RegExp(`^STAT ${name} (\\d+)\\r$`, 'm').exec(reply)?.[1]);
}

test('what can be done twice, or was not sent, waits for a server that is started again', () => {
  const world = worldOf();
  const [server] = world.servers;
  const client = world.client();
  world.ask(client, 'set n 0 0 1\r\n5\r\n');
  server!.kill();
  client.send('set a 0 0 1\r\n1\r\nget a b\r\nincr n 1\r\nadd b 0 0 1\r\n2\r\nset a 0 0 1\r\n3\r\nget a\r\n');
  world.run(300);
  assert.equal(client.take(), '');
  assert.equal(figure(world, 'requests_waiting_for_server'), 6);
  server!.mode = 'up';
  const seenBefore = server!.seen.length;
  // No longer than a pause between two dials.
  world.run(50);
  assert.equal(
    client.take(),
    'STORED\r\nVALUE a 0 1\r\n1\r\nEND\r\n6\r\nSTORED\r\nSTORED\r\nVALUE a 0 1\r\n3\r\nEND\r\n',
  );
  assert.equal(server!.seen.length, seenBefore + 6, 'each once, in their order');
  assert.equal(figure(world, 'requests_waiting_for_server'), 0);
  assert.equal(figure(world, 'requests_waited_for_server'), 6);
  world.nothingLeft();
});

test('a server that stays dead is waited for once; then what it should answer fails at once', () => {
  const world = worldOf();
  const client = world.client();
  world.ask(client, 'get a\r\n');
  world.servers[0]!.kill();
  client.send('get a\r\n');
  world.run(900);
  assert.equal(client.take(), '');
  client.send('get b\r\n');
  world.run(200);
  assert.equal(client.take(), CONNECT + CONNECT, 'the wait is counted from the loss');
  client.send('get c\r\n');
  world.run(40);
  assert.equal(client.take(), CONNECT);
  world.nothingLeft();
});

test('a server that never was there is waited for while it may be started together with the proxy, and no longer', () => {
  for (const comes of [true, false]) {
    const world = new RouteWorld({ mains: 1, backups: 0, settings: { returnWaitMs: WAIT_MS } });
    const [server] = world.servers;
    server!.mode = 'refusing';
    world.start();
    const client = world.client();
    assert.equal(world.ask(client, 'get a\r\n', 300), '');
    if (comes) server!.mode = 'up';
    world.run(50);
    assert.equal(client.take(), comes ? 'END\r\n' : '');
    world.run(WAIT_MS);
    assert.equal(client.take(), comes ? '' : CONNECT);
    if (comes) continue;
    assert.equal(world.ask(client, 'get a\r\n', 40), CONNECT);
  }
});

test('one that a changed configuration names is waited for like that, too', () => {
  const world = worldOf({ mains: 2 });
  const [, server] = world.servers;
  server!.mode = 'refusing';
  const tree: RouteTree = { type: 'server', connections: [1] };
  world.router.reconfigure({
    settings: { ...ROUTING_SETTINGS_DEFAULT, returnWaitMs: WAIT_MS },
    servers: ['server0', 'server01'],
    manner: MAGENT_MANNER,
    plan: (destinations, context) => treePlan(destinations, tree, context),
  });
  const client = world.client();
  assert.equal(world.ask(client, 'set a 0 0 1\r\n1\r\n', 300), '');
  server!.mode = 'up';
  world.run(50);
  assert.equal(client.take(), 'STORED\r\n');
  world.nothingLeft();
});

test('a proxy is told at once: it may have another place for its requests', () => {
  const world = worldOf();
  const proxy = world.client();
  world.ask(proxy, 'stats agent\r\n');
  const client = world.client();
  world.servers[0]!.kill();
  proxy.send('get a\r\n');
  client.send('get a\r\n');
  world.run(40);
  assert.deepEqual([proxy.take(), client.take()], [CONNECT, '']);
  world.run(WAIT_MS);
  assert.equal(client.take(), CONNECT);
});

test('a proxy that has nobody else has its requests wait, and is told how long that may take', () => {
  const world = worldOf();
  const proxy = world.client();
  const told = Number(/agent_answer_ms_max (\d+)/.exec(world.ask(proxy, 'stats agent alone\r\n'))?.[1]);
  const toldOthers = Number(
    /agent_answer_ms_max (\d+)/.exec(world.ask(world.client(), 'stats agent\r\n'))?.[1],
  );
  assert.equal(told, toldOthers + WAIT_MS);
  world.servers[0]!.kill();
  proxy.send('get a\r\n');
  world.run(100);
  assert.equal(proxy.take(), '');
  world.servers[0]!.mode = 'up';
  world.run(50);
  assert.equal(proxy.take(), 'END\r\n');
  world.nothingLeft();
});

test('proxies are told whether what fails there has another place', () => {
  const asked = (options: Partial<WorldOptions>): string[] => {
    const world = new RouteWorld({ mains: 1, backups: 0, settings: { returnWaitMs: WAIT_MS }, ...options });
    for (const server of world.servers) {
      server.versionLine = 'VERSION memcached agent v0.5';
      server.statsReply = 'STAT agent_answer_ms_max 100\r\nEND\r\n';
    }
    world.start();
    world.run(10);
    return world.servers.map(({ statsAsked }) => statsAsked.join(' '));
  };
  assert.deepEqual(asked({ mains: 2 }), ['agent alone', 'agent alone']);
  assert.deepEqual(asked({ backups: 1 }), ['agent', 'agent']);
  assert.deepEqual(asked({ settings: {} }), ['agent'], 'who does not wait wants nobody to wait');
});

test('a request whose fate is not known, and that must not be done twice, does not wait', () => {
  const world = worldOf();
  const client = world.client();
  world.servers[0]!.delayMs = 100;
  client.send('incr n 1\r\n');
  world.run(20);
  world.servers[0]!.kill();
  world.run(20);
  assert.equal(client.take(), 'SERVER_ERROR BACKEND SERVER RESET OR CLOSE CONNECTION\r\n');
  world.nothingLeft();
});

test('of two sides either may come back', () => {
  for (const side of [0, 1]) {
    const world = worldOf({ backups: 1 });
    for (const server of world.servers) server.replicating = true;
    const client = world.client();
    world.ask(client, 'set a 0 0 1\r\n1\r\n');
    world.servers[0]!.kill();
    world.run(100);
    assert.equal(world.ask(client, 'get b\r\n', 100), 'END\r\n', 'one of them is enough');
    world.servers[1]!.kill();
    client.send('set a 0 0 1\r\n2\r\n');
    world.run(100);
    assert.equal(client.take(), '');
    world.servers[side]!.mode = 'up';
    world.run(50);
    assert.equal(client.take(), 'STORED\r\n');
    world.nothingLeft();
  }
});

test('one that is back but lacks what its twin has serves those that have nobody else', () => {
  const world = worldOf({ backups: 1 });
  for (const server of world.servers) server.replicating = true;
  const client = world.client();
  world.ask(client, 'get a\r\n');
  for (const server of world.servers) server.kill();
  client.send('get a\r\n');
  world.run(100);
  world.servers[0]!.inSync = false;
  world.servers[0]!.mode = 'up';
  world.run(50);
  assert.equal(client.take(), 'END\r\n');
  world.nothingLeft();
});

test('a request that kills its server is not sent for ever', () => {
  const world = worldOf();
  const [server] = world.servers;
  const client = world.client();
  world.ask(client, 'get a\r\n');
  server!.resets = true;
  const before = server!.seen.length;
  client.send('get killer\r\n');
  for (let round = 0; round < 40; round++) {
    server!.mode = 'up';
    world.run(20);
    server!.kill();
    world.run(5);
  }
  assert.match(client.take(), /^SERVER_ERROR /);
  assert.ok(server!.seen.length - before <= 3, `${server!.seen.length - before} times`);
  world.nothingLeft();
});

test('no more wait than the bounds allow', () => {
  const world = worldOf({ settings: { queueCallsMax: 3 } });
  const client = world.client();
  world.ask(client, 'get a\r\n');
  world.servers[0]!.kill();
  world.run(100);
  const [first, second] = [world.client(), world.client()];
  first.send('get a\r\nget b\r\nget c\r\n');
  world.run(40);
  second.send('get d\r\n');
  world.run(40);
  assert.deepEqual([first.take(), second.take()], ['', CONNECT]);
  assert.equal(figure(world, 'requests_not_waited'), 1);
  world.servers[0]!.mode = 'up';
  world.run(50);
  assert.equal(first.take(), 'END\r\nEND\r\nEND\r\n');
  const bytes = worldOf({ settings: { queueBytesMax: 30 } });
  const third = bytes.client();
  bytes.ask(third, 'get a\r\n');
  bytes.servers[0]!.kill();
  bytes.run(100);
  third.send(`set a 0 0 40\r\n${'x'.repeat(40)}\r\n`);
  bytes.run(40);
  third.send('get b\r\n');
  bytes.run(40);
  assert.equal(third.take(), '', 'a long value finds room alone');
  assert.equal(figure(bytes, 'requests_waiting_for_server'), 1);
  bytes.servers[0]!.mode = 'up';
  bytes.run(50);
  assert.equal(third.take(), `STORED\r\n${CONNECT}`);
  bytes.nothingLeft();
});

test('a change of the routes while requests wait: they go by the new ones, at once', () => {
  const world = worldOf({ mains: 2 });
  const client = world.client();
  const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
  const get = keys.map((key) => `get ${key}\r\n`).join('');
  world.ask(client, get);
  world.servers[0]!.kill();
  client.send(get);
  world.run(60);
  assert.ok(figure(world, 'requests_waiting_for_server') > 0);
  const tree: RouteTree = { type: 'server', connections: [0] };
  world.router.reconfigure({
    settings: { ...ROUTING_SETTINGS_DEFAULT, returnWaitMs: WAIT_MS },
    servers: ['server1'],
    manner: MAGENT_MANNER,
    plan: (destinations, context) => treePlan(destinations, tree, context),
  });
  world.run(10);
  assert.equal(client.take(), 'END\r\n'.repeat(keys.length));
  world.nothingLeft();
});

test('the proxy ends while requests wait: they are answered', () => {
  const world = worldOf();
  const client = world.client();
  world.ask(client, 'get a\r\n');
  world.servers[0]!.kill();
  client.send('get a\r\n');
  world.run(60);
  world.router.close();
  world.run(10);
  assert.equal(client.take(), CONNECT);
});

test('the proxy ends while a dial is under way that requests wait for: they are answered, too', () => {
  const world = worldOf();
  const client = world.client();
  world.ask(client, 'get a\r\n');
  const server = world.servers[0]!;
  server.kill();
  server.mode = 'unreachable';
  client.send('get a\r\n');
  world.run(60);
  assert.equal(client.take(), '');
  world.router.close();
  world.run(10);
  assert.equal(client.take(), CONNECT);
});

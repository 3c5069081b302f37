import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteWorld } from '../../testing/route-world.ts';
import { MAGENT_MANNER } from './client-manner.ts';
import { ROUTING_SETTINGS_DEFAULT } from './settings.ts';
import { MODULO, type RouteTree, treePlan } from './tree-plan.ts';

const RETRY_MS = 5000;

/** A shard over so many servers that ejects after two failures unless given. @param returnWaitMs as of pools */
function worldOf(count: number, distribution = 'ketama', returnWaitMs = 0, failureLimit = 2): RouteWorld {
  const tree: RouteTree = {
    type: 'shard',
    ...{ hash: 'md5', distribution, hashTag: null, stopMark: null },
    ejection: { failureLimit, retryMs: RETRY_MS, probes: true, needsOthers: true },
    children: Array.from({ length: count }, (_, index) => ({
      name: `server${index}`,
      weight: 1,
      route: { type: 'server', connections: [index] },
    })),
  };
  return new RouteWorld({
    mains: count,
    backups: 0,
    names: Array.from({ length: count }, (_, index) => `server${index}`),
    manner: MAGENT_MANNER,
    settings: { ...ROUTING_SETTINGS_DEFAULT, returnWaitMs },
    plan: (destinations, context) => treePlan(destinations, tree, context),
  }).start();
}

/** A key that lies on a server. */
function keyOn(world: RouteWorld, server: number): string {
  const client = world.client();
  for (let i = 0; ; i++) {
    world.ask(client, `set k${i} 0 0 1\r\n1\r\n`);
    if (world.servers[server]?.values.has(`k${i}`) === true) return `k${i}`;
  }
}

function figure(world: RouteWorld, name: string): string | undefined {
  const text = world.router.statistics('');
  return new RegExp(`STAT ${name} (\\S+)`).exec(text)?.[1];
}

test('after so many failures a server is out, and is back after the pause, but not before it answers', () => {
  for (const distribution of ['ketama', MODULO]) {
    const world = worldOf(3, distribution);
    const key = keyOn(world, 0);
    const client = world.client();
    const set = (value: string): string => world.ask(client, `set ${key} 0 0 1\r\n${value}\r\n`, 20);
    world.servers[0]?.kill();
    let errors = 0;
    while (set('2') !== 'STORED\r\n') errors++;
    assert.ok(errors <= 2, `${distribution}: ${errors} errors`);
    assert.deepEqual(
      ['shard_ejections', 'shard_ejected', 'server_0_ejected', 'server_1_ejected'].map((name) =>
        figure(world, name),
      ),
      ['1', '1', '1', '0'],
    );
    world.run(2 * RETRY_MS);
    assert.equal(set('3'), 'STORED\r\n', 'it is dead still, and nobody has to find out');
    const [dead] = world.servers;
    assert.ok(dead !== undefined);
    dead.mode = 'up';
    world.run(RETRY_MS);
    assert.equal(set('4'), 'STORED\r\n');
    assert.equal(dead.values.get(key)?.value, '4', distribution);
    assert.deepEqual([figure(world, 'shard_ejections'), figure(world, 'shard_ejected')], ['1', '0']);
    world.nothingLeft();
  }
});

test('a server that is back at once stays out for the pause', () => {
  const world = worldOf(3);
  const key = keyOn(world, 0);
  const others = [1, 2].map((server) => keyOn(world, server));
  const client = world.client();
  const [dead, ...rest] = world.servers;
  assert.ok(dead !== undefined);
  dead.kill();
  while (world.ask(client, `set ${key} 0 0 1\r\n2\r\n`, 20) !== 'STORED\r\n');
  dead.mode = 'up';
  world.run(RETRY_MS - 2000);
  // Another one fails, so that all are looked at.
  for (const server of rest) server.hangUp('ECONNRESET');
  world.run(1000);
  for (const other of others) world.ask(client, `get ${other}\r\n`);
  assert.equal(world.ask(client, `get ${key}\r\n`), `VALUE ${key} 0 1\r\n2\r\nEND\r\n`);
  assert.notEqual(dead.values.get(key)?.value, '2');
  world.run(2000);
  world.ask(client, `set ${key} 0 0 1\r\n3\r\n`);
  assert.equal(dead.values.get(key)?.value, '3');
  world.nothingLeft();
});

test('the request that finds a server dead is answered by whoever has its key now', () => {
  const world = worldOf(3, 'ketama', 0, 1);
  const [key, other] = [0, 1].map((server) => keyOn(world, server));
  const client = world.client();
  world.servers[0]?.kill();
  assert.equal(
    world.ask(client, `get ${other} ${key}\r\n`, 50),
    `VALUE ${other} 0 1\r\n1\r\nEND\r\n`,
    'its own items are misses',
  );
  assert.equal(figure(world, 'request_failures'), '0');
  world.nothingLeft();
});

test('where requests wait for a lost server no client sees an error', () => {
  const world = worldOf(3, 'ketama', 1000);
  const keys = [0, 1, 2].map((server) => keyOn(world, server));
  const client = world.client();
  world.servers[0]?.kill();
  const text = keys.map((key) => `set ${key} 0 0 1\r\n2\r\nget ${key}\r\n`).join('');
  client.send(text);
  world.run(1500);
  assert.equal(client.take(), keys.map((key) => `STORED\r\nVALUE ${key} 0 1\r\n2\r\nEND\r\n`).join(''));
  world.nothingLeft();
});

test('when all are dead nobody is out, and the first that is back has its own keys', () => {
  const world = worldOf(3);
  const keys = [0, 1, 2].map((server) => keyOn(world, server));
  const client = world.client();
  for (const server of world.servers) server.kill();
  for (let round = 0; round < 4; round++)
    for (const key of keys) assert.match(world.ask(client, `get ${key}\r\n`, 50), /^SERVER_ERROR /);
  assert.equal(figure(world, 'shard_ejected'), '0');
  for (const server of world.servers) server.mode = 'up';
  world.run(1500);
  for (const [index, key] of keys.entries()) {
    assert.equal(world.ask(client, `set ${key} 0 0 1\r\n5\r\n`), 'STORED\r\n');
    assert.equal(world.servers[index]?.values.get(key)?.value, '5');
  }
  world.nothingLeft();
});

test('one server alone is never out', () => {
  const world = worldOf(1);
  const client = world.client();
  world.ask(client, 'set a 0 0 1\r\n1\r\n');
  world.servers[0]?.kill();
  for (let i = 0; i < 5; i++) world.ask(client, 'get a\r\n', 50);
  assert.equal(figure(world, 'shard_ejections'), '0');
  const [server] = world.servers;
  assert.ok(server !== undefined);
  server.mode = 'up';
  world.run(600);
  assert.equal(world.ask(client, 'get a\r\n'), 'VALUE a 0 1\r\n1\r\nEND\r\n');
  world.nothingLeft();
});

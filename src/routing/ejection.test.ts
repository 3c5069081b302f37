import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteWorld } from '../../testing/route-world.ts';
import { NUTCRACKER_MANNER } from './client-manner.ts';
import type { EjectionRules } from './ejecting-distribution.ts';
import { nutcrackerPlan } from './nutcracker-plan.ts';

const REFUSED = 'SERVER_ERROR Connection refused\r\n';

function pool(servers: number, ejection: EjectionRules | null, serverConnections = 1): RouteWorld {
  const names = Array.from(
    { length: servers * serverConnections },
    (_, i) => `server${Math.floor(i / serverConnections)}`,
  );
  return new RouteWorld({
    mains: names.length,
    backups: 0,
    names,
    manner: NUTCRACKER_MANNER,
    plan: (destinations, context) =>
      nutcrackerPlan(
        destinations,
        {
          servers: Array.from({ length: servers }, (_, i) => ({ name: `server${i}`, weight: 1 })),
          hash: 'fnv1a_64',
          hashTag: null,
          distribution: 'ketama',
          serverConnections,
          ejection,
        },
        context,
      ),
  }).start();
}

/** A pool of as many pairs of twins: the first servers, and behind them the twin of each. */
function pairs(shards: number, ejection: EjectionRules | null): RouteWorld {
  const world = new RouteWorld({
    mains: 2 * shards,
    backups: 0,
    manner: NUTCRACKER_MANNER,
    plan: (destinations, context) =>
      nutcrackerPlan(
        destinations,
        {
          servers: Array.from({ length: shards }, (_, i) => ({ name: `server${i}`, weight: 1 })),
          hash: 'fnv1a_64',
          hashTag: null,
          distribution: 'ketama',
          serverConnections: 1,
          ejection,
          twinOf: Array.from({ length: shards }, (_, i) => i),
        },
        context,
      ),
  });
  for (const [index, server] of world.servers.entries()) {
    server.replicating = true;
    server.twin = world.servers[(index + shards) % (2 * shards)]!;
  }
  return world.start();
}

/** A key that lies on a server. */
function keyOn(world: RouteWorld, server: number): string {
  const client = world.client();
  for (let i = 0; ; i++) {
    world.ask(client, `set k${i} 0 0 1\r\n1\r\n`);
    if (world.servers[server]!.values.has(`k${i}`)) return `k${i}`;
  }
}

test('after so many failures in a row a server is out, its keys go elsewhere, and it comes back untested', () => {
  const world = pool(3, { failureLimit: 3, retryMs: 30_000, probes: false });
  const key = keyOn(world, 0);
  const client = world.client();
  const ask = (): string => world.ask(client, `set ${key} 0 0 1\r\n2\r\n`);
  world.servers[0]!.kill();
  let errors = 0;
  while (ask() !== 'STORED\r\n') errors++;
  assert.ok(errors <= 3, `${errors} errors`);
  world.run(29_000);
  assert.equal(ask(), 'STORED\r\n');
  world.run(2000);
  assert.equal(ask(), REFUSED, 'it is tried again though it is dead, as twemproxy does');
  for (errors = 1; ask() !== 'STORED\r\n'; errors++);
  assert.ok(errors <= 3, `${errors} errors`);
  world.servers[0]!.mode = 'up';
  world.run(31_000);
  assert.equal(ask(), 'STORED\r\n');
  assert.equal(world.servers[0]!.values.get(key)?.value, '2');
  world.nothingLeft();
});

test('a client that says what is no request ends with an error, one that quits without', () => {
  const world = pool(2, null);
  for (const [said, fault] of [
    ['get a\r\nquit\r\n', null],
    ['nonsense\r\n', 'EINVAL'],
    ['get a\r\nset a 0 0 1\r\nxyz\r\n', 'EINVAL'],
    ['\x80', 'EINVAL'],
  ] as const) {
    const client = world.client();
    client.send(said);
    world.run(10);
    assert.ok(client.gone, said);
    assert.equal(client.fault, fault, said);
  }
  world.nothingLeft();
});

test('version is answered as long as one server is there', () => {
  const world = pool(4, null);
  const client = world.client();
  // One after the other, so that the server which is asked first is among the dead before the last.
  for (const server of world.servers.slice(0, 3)) {
    server.kill();
    assert.equal(world.ask(client, 'version\r\n'), 'VERSION 1.6.45\r\n');
  }
  world.servers[3]!.kill();
  assert.equal(world.ask(client, 'version\r\n'), REFUSED);
  world.nothingLeft();
});

test('an answer between two failures begins the count anew', () => {
  const world = pool(2, { failureLimit: 2, retryMs: 30_000, probes: false });
  const key = keyOn(world, 0);
  const client = world.client();
  for (let i = 0; i < 5; i++) {
    world.servers[0]!.hangUp();
    world.run(600);
    assert.equal(world.ask(client, `get ${key}\r\n`), `VALUE ${key} 0 1\r\n1\r\nEND\r\n`);
  }
  world.nothingLeft();
});

test('a server that was started again while nobody asked it keeps its keys', () => {
  for (const probes of [false, true]) {
    const world = pool(3, { failureLimit: 3, retryMs: 30_000, probes });
    const key = keyOn(world, 0);
    world.servers[0]!.kill();
    world.run(2000);
    world.servers[0]!.mode = 'up';
    world.run(2000);
    assert.equal(world.ask(world.client(), `set ${key} 0 0 1\r\n2\r\n`), 'STORED\r\n');
    assert.equal(world.servers[0]!.values.get(key)?.value, '2');
    assert.equal(world.router.plan.ejecting?.ejections, 0);
    world.nothingLeft();
  }
});

test('a server that answers nothing in time is out, though it says its version', () => {
  const world = pool(2, { failureLimit: 2, retryMs: 30_000, probes: false });
  const key = keyOn(world, 0);
  const client = world.client();
  world.servers[0]!.delayMs = 1_000_000;
  for (let i = 0; i < 3; i++) {
    world.ask(client, `get ${key}\r\n`, 6000);
    world.servers[0]!.delayMs = 0;
    world.run(1000);
    world.servers[0]!.delayMs = 1_000_000;
  }
  assert.equal(world.router.plan.ejecting?.ejections, 1);
});

test('with probes no client sees an error, and a server is put back when it answers', () => {
  const world = pool(3, { failureLimit: 3, retryMs: 30_000, probes: true });
  const keys = [0, 1, 2].map((server) => keyOn(world, server));
  const client = world.client();
  world.servers[0]!.kill();
  assert.equal(world.ask(client, `set ${keys[0]} 0 0 1\r\n2\r\n`), 'STORED\r\n');
  assert.equal(
    world.ask(client, `get ${keys.join(' ')}\r\n`),
    `VALUE ${keys[0]} 0 1\r\n2\r\nVALUE ${keys[1]} 0 1\r\n1\r\nVALUE ${keys[2]} 0 1\r\n1\r\nEND\r\n`,
  );
  world.servers[0]!.mode = 'up';
  world.run(2000);
  assert.equal(world.ask(client, `set ${keys[0]} 0 0 1\r\n3\r\n`), 'STORED\r\n');
  assert.equal(world.servers[0]!.values.get(keys[0]!)?.value, '3');
  for (const server of world.servers) server.kill();
  world.run(100);
  assert.equal(world.ask(client, `get ${keys[0]}\r\n`), REFUSED);
  world.nothingLeft();
});

test('all servers out: an error at once, until the first may come back', () => {
  const world = pool(1, { failureLimit: 1, retryMs: 1000, probes: false });
  const client = world.client();
  world.servers[0]!.mode = 'unreachable';
  world.servers[0]!.hangUp('ECONNRESET');
  world.run(600);
  world.ask(client, 'get a\r\n', 600);
  for (let i = 0; i < 5; i++) assert.equal(world.ask(client, 'get a\r\n'), REFUSED);
  world.servers[0]!.mode = 'up';
  world.run(3000);
  assert.equal(world.ask(client, 'get a\r\n'), 'END\r\n');
  world.nothingLeft();
});

test('clients are given the connections to a server in turn, and keep theirs, so that the order is kept', () => {
  const world = pool(1, null, 3);
  const clients = Array.from({ length: 6 }, () => world.client());
  for (const client of clients) assert.equal(world.ask(client, 'set a 0 0 1\r\n1\r\n'), 'STORED\r\n');
  assert.deepEqual(
    world.servers.map(({ seen }) => seen.length),
    [2, 2, 2],
  );
  world.servers[0]!.delayMs = 5;
  world.servers[2]!.delayMs = 1;
  const reply = world.ask(clients[0]!, 'set b 0 0 1\r\n1\r\nget b\r\n'.repeat(3), 50);
  assert.equal(reply, 'STORED\r\nVALUE b 0 1\r\n1\r\nEND\r\n'.repeat(3));
  // One of them breaks: its clients use another one.
  world.servers[1]!.kill();
  world.run(100);
  for (const client of clients) assert.equal(world.ask(client, 'set a 0 0 1\r\n1\r\n', 50), 'STORED\r\n');
});

test('a server that has a twin keeps its keys when it dies, and is out only when both are dead', () => {
  for (const probes of [false, true]) {
    const world = pairs(3, { failureLimit: 2, retryMs: 30_000, probes });
    const key = keyOn(world, 0);
    const alone = pool(3, null);
    assert.equal(keyOn(alone, 0), key, 'keys lie where they lie without twins');
    const client = world.client();
    const seen = world.servers[3]!.seen.length;
    assert.equal(world.ask(client, `set ${key} 0 0 1\r\n1\r\n`), 'STORED\r\n');
    assert.equal(world.servers[3]!.seen.length, seen, 'one of the two is written');
    world.servers[0]!.kill();
    for (let i = 0; i < 5; i++) {
      assert.equal(world.ask(client, `set ${key} 0 0 1\r\n${i}\r\n`), 'STORED\r\n');
      assert.equal(world.ask(client, `get ${key}\r\n`), `VALUE ${key} 0 1\r\n${i}\r\nEND\r\n`);
      world.run(100);
    }
    assert.equal(world.servers[3]!.values.get(key)?.value, '4');
    assert.equal(world.router.plan.ejecting?.isOut(0), false);
    world.servers[3]!.kill();
    let errors = 0;
    while (world.ask(client, `set ${key} 0 0 1\r\n9\r\n`, 100) !== 'STORED\r\n') errors++;
    assert.ok(errors <= (probes ? 0 : 2), `${errors} errors`);
    assert.equal(world.router.plan.ejecting?.isOut(0), true);
    world.nothingLeft();
  }
});

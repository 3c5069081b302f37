import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteWorld } from '../../testing/route-world.ts';
import { MAGENT_MANNER } from './client-manner.ts';
import type { Routing } from './router.ts';
import { ROUTING_SETTINGS_DEFAULT } from './settings.ts';
import { type RouteTree, treePlan } from './tree-plan.ts';

/** Routes to one server of a list. */
function routing(servers: readonly string[], position: number): Routing {
  const tree: RouteTree = { type: 'server', connections: [position] };
  return {
    settings: ROUTING_SETTINGS_DEFAULT,
    servers,
    manner: MAGENT_MANNER,
    plan: (destinations, context) => treePlan(destinations, tree, context),
  };
}

function world(): RouteWorld {
  const made = new RouteWorld({ mains: 3, backups: 0 }).start();
  made.dials.length = 0;
  return made;
}

test('a change of the routes keeps the connections of servers that stay, and closes those of others', () => {
  const made = world();
  made.router.reconfigure(routing(['server0', 'server1', 'server2'], 1));
  made.run(100);
  const client = made.client();
  assert.equal(made.ask(client, 'set a 0 0 1\r\n1\r\n'), 'STORED\r\n');
  assert.deepEqual(
    made.servers.map(({ values }) => values.size),
    [0, 1, 0],
  );
  assert.deepEqual(made.dials, [], 'nobody is dialled anew');
  made.router.reconfigure(routing(['server1'], 0));
  made.run(100);
  assert.equal(made.ask(client, 'set b 0 0 1\r\n1\r\n'), 'STORED\r\n');
  assert.equal(made.servers[1]!.values.size, 2);
  assert.deepEqual(made.dials, []);
  assert.equal(made.router.destinations.length, 1);
  made.nothingLeft();
});

test('requests under way end by the routes that they began with', () => {
  const made = world();
  made.router.reconfigure(routing(['server0', 'server1', 'server2'], 0));
  const client = made.client();
  made.servers[0]!.delayMs = 200;
  client.send('set a 0 0 1\r\n1\r\n');
  made.run(10);
  made.router.reconfigure(routing(['server1'], 0));
  client.send('get a\r\n');
  made.run(300);
  assert.equal(client.take(), 'STORED\r\nEND\r\n');
  assert.equal(made.servers[0]!.values.size, 1);
  made.nothingLeft();
});

test('a server that is gone is not dialled any more, and what it owes is an error', () => {
  const made = world();
  made.router.reconfigure(routing(['server0', 'server1', 'server2'], 0));
  const client = made.client();
  made.servers[0]!.delayMs = 200;
  client.send('set a 0 0 1\r\n1\r\n');
  made.run(10);
  // Whoever is first in the new list has the number of the one that is gone.
  made.router.reconfigure(routing(['server1'], 0));
  made.servers[0]!.hangUp('ECONNRESET');
  made.run(2000);
  assert.match(client.take(), /^SERVER_ERROR /);
  assert.deepEqual(
    made.servers.map(({ values }) => values.size),
    [1, 0, 0],
    'it went where it was meant for, and nowhere else',
  );
  made.nothingLeft();
});

test('a server that has left is held for a bounded time by a request that does not end', () => {
  const made = world();
  made.router.reconfigure(routing(['server0', 'server1', 'server2'], 0));
  made.run(100);
  const client = made.client();
  const open = (): number[] => made.servers.map(({ openConnections }) => openConnections);
  client.send('set a 0 0 10\r\n12');
  made.run(10);
  made.router.reconfigure(routing(['server0'], 0));
  made.run(500);
  assert.deepEqual(open(), [1, 1, 1]);
  made.servers[1]!.hangUp();
  made.run(100);
  assert.deepEqual(open(), [1, 0, 1], 'one that is stopped is not missed');
  made.run(5000);
  assert.deepEqual(open(), [1, 0, 0]);
  client.send('34567890\r\n');
  made.run(100);
  assert.equal(client.take(), 'STORED\r\n');
  // Nothing is under way: at once.
  made.router.reconfigure(routing(['server2'], 0));
  made.run(20);
  assert.deepEqual(open(), [0, 0, 0]);
  made.nothingLeft();
});

test('a server that is dialled in another way gets a new connection, which takes what comes, in its order, when nothing is owed on the old one', () => {
  const made = world();
  const [server] = made.servers;
  const dialled = (as: string): Routing => ({ ...routing(['server0'], 0), dialledAs: [as] });
  made.router.reconfigure(dialled('old'));
  made.run(100);
  made.dials.length = 0;
  made.router.reconfigure(dialled('old'));
  assert.deepEqual(made.dials, [], 'nothing has changed for it');
  server!.delayMs = 100;
  const client = made.client();
  client.send('set a 0 0 1\r\n1\r\nset b 0 0 1\r\n1\r\n');
  made.run(10);
  const connections = server!.connections;
  made.router.reconfigure(dialled('new'));
  client.send('append a 0 0 1\r\n2\r\nget a b\r\n');
  made.run(50);
  assert.deepEqual([made.dials.length, server!.seen.length], [0, 2], 'it still owes two answers');
  made.run(1000);
  assert.equal(
    client.take(),
    'STORED\r\nSTORED\r\nSTORED\r\nVALUE a 0 2\r\n12\r\nVALUE b 0 1\r\n1\r\nEND\r\n',
  );
  assert.deepEqual(
    [made.dials.length, server!.connections, server!.openConnections],
    [1, connections + 1, 1],
  );
  // Without anything under way it is dialled at once; while it is dialled, once more.
  made.router.reconfigure(dialled('newer'));
  made.router.reconfigure(dialled('newest'));
  assert.equal(made.dials.length, 3);
  assert.equal(made.ask(client, 'get b\r\n', 1000), 'VALUE b 0 1\r\n1\r\nEND\r\n');
  assert.deepEqual([server!.openConnections, made.router.destinations[0]!.figures.failures], [1, 0]);
  // A server that is down, too.
  server!.kill();
  made.run(5000);
  server!.mode = 'up';
  const dialInMs = made.router.destinations[0]!.dialInMs;
  assert.ok(dialInMs > 1, `${dialInMs} ms`);
  made.router.reconfigure(dialled('old'));
  server!.delayMs = 0;
  made.run(1);
  assert.equal(made.router.upCount, 1);
  made.nothingLeft();
});

test('a proxy that is not the last place any more, or is again, is told so', () => {
  const made = world();
  for (const server of made.servers) {
    server.versionLine = 'VERSION memcached agent v0.5';
    server.statsReply = 'STAT agent_answer_ms_max 1500\r\nEND\r\n';
  }
  const tree = (chosen: RouteTree): Routing => ({
    ...routing(['server0', 'server1'], 0),
    settings: { ...ROUTING_SETTINGS_DEFAULT, returnWaitMs: 1000 },
    plan: (destinations, context) => treePlan(destinations, chosen, context),
  });
  const one: RouteTree = { type: 'server', connections: [0] };
  const two: RouteTree = { type: 'server', connections: [1] };
  const asked = (): readonly string[] => {
    made.run(100);
    return made.servers[0]!.statsAsked.splice(0);
  };
  asked();
  made.servers[0]!.hangUp();
  asked();
  made.router.reconfigure(tree({ type: 'failover', children: [one, two], standInSeconds: null }));
  asked();
  made.router.reconfigure(tree(one));
  assert.deepEqual(asked(), ['agent alone']);
  made.router.reconfigure(tree(one));
  assert.deepEqual(asked(), []);
  made.router.reconfigure(tree({ type: 'failover', children: [one, two], standInSeconds: null }));
  assert.deepEqual(asked(), ['agent']);
  made.nothingLeft();
});

test('another timeout, and shorter pauses, hold for what is under way, and no time is counted that did not pass', () => {
  const made = world();
  const timed = (settings: Partial<Routing['settings']>): Routing => ({
    ...routing(['server0'], 0),
    settings: { ...ROUTING_SETTINGS_DEFAULT, ...settings },
  });
  made.router.reconfigure(timed({}));
  made.run(100);
  const client = made.client();
  made.servers[0]!.delayMs = 300;
  client.send('set a 0 0 1\r\n1\r\n');
  made.run(10);
  made.router.reconfigure(timed({ requestTimeoutMs: 30_000 }));
  made.run(1000);
  assert.equal(client.take(), 'STORED\r\n');
  const [destination] = made.router.destinations;
  assert.ok(
    destination!.figures.latency.percentileMicros(1) < 400_000,
    `${destination!.figures.latency.percentileMicros(1)} us`,
  );
  // It waits as long as it is told now.
  made.servers[0]!.delayMs = 5000;
  client.send('get a\r\n');
  made.run(6000);
  assert.equal(client.take(), 'VALUE a 0 1\r\n1\r\nEND\r\n');
  made.servers[0]!.delayMs = 0;
  made.router.reconfigure(timed({ backoffMsMin: 60_000, backoffMsMax: 60_000 }));
  made.servers[0]!.kill();
  made.run(1000);
  assert.ok(destination!.dialInMs > 1000, `${destination!.dialInMs} ms`);
  made.servers[0]!.mode = 'up';
  made.router.reconfigure(timed({ backoffMsMin: 50, backoffMsMax: 200 }));
  made.run(300);
  assert.equal(made.router.upCount, 1);
  made.nothingLeft();
});

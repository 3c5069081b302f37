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

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteWorld } from '../../testing/route-world.ts';

const CONNECT = 'SERVER_ERROR CAN NOT CONNECT TO BACKEND SERVER\r\n';

test('reads fail over to the backup at once when the main is dead, and come back to it', () => {
  const world = new RouteWorld({ mains: 1, backups: 1 }).start();
  const client = world.client();
  world.ask(client, 'set a 0 0 1\r\n1\r\n');
  world.servers[0]!.kill();
  world.run(100);
  assert.equal(world.ask(client, 'get a\r\n'), 'VALUE a 0 1\r\n1\r\nEND\r\n');
  world.servers[0]!.mode = 'up';
  world.run(600);
  world.servers[0]!.seen.length = 0;
  assert.equal(world.ask(client, 'get a\r\n'), 'VALUE a 0 1\r\n1\r\nEND\r\n');
  assert.deepEqual(world.servers[0]!.seen, ['get a']);
  assert.deepEqual(world.log, ['server0 is down: ECONNREFUSED', 'server0 is up']);
  world.nothingLeft();
});

test('main dead, stock servers: the backup’s answer is the answer', () => {
  const world = new RouteWorld({ mains: 1, backups: 1 }).start();
  const client = world.client();
  world.servers[0]!.kill();
  world.run(100);
  assert.equal(
    world.ask(client, 'set n 0 0 1\r\n1\r\nincr n 1\r\nadd n 0 0 1\r\n7\r\n'),
    'STORED\r\n2\r\nNOT_STORED\r\n',
  );
  world.nothingLeft();
});

test('backup dead: nobody notices', () => {
  const world = new RouteWorld({ mains: 1, backups: 1 }).start();
  const client = world.client();
  world.servers[1]!.mode = 'hanging';
  assert.equal(
    world.ask(client, 'set n 0 0 1\r\n1\r\nincr n 1\r\nget n\r\n'),
    'STORED\r\n2\r\nVALUE n 0 1\r\n2\r\nEND\r\n',
  );
  world.nothingLeft();
});

test('a write whose fate is unknown is repeated on the twin only if that is harmless', () => {
  const replies = new Map<string, string>();
  for (const request of [
    'set n 0 0 1\r\n5',
    'delete n',
    'touch n 0',
    'incr n 1',
    'append n 0 0 1\r\n1',
    'add n 0 0 1\r\n1',
  ]) {
    const world = new RouteWorld({ mains: 1, backups: 1 });
    for (const server of world.servers) server.replicating = true;
    world.start();
    const client = world.client();
    world.servers[1]!.values.set('n', { value: '1', flags: '0', cas: 1 });
    world.servers[0]!.delayMs = 10;
    client.send(`${request}\r\n`);
    world.run(5);
    assert.equal(world.servers[0]!.seen.length, 1);
    world.servers[0]!.kill();
    world.run(100);
    replies.set(request.split(' ')[0]!, client.take());
    world.nothingLeft();
  }
  const lost = 'SERVER_ERROR BACKEND SERVER RESET OR CLOSE CONNECTION\r\n';
  assert.deepEqual(
    [...replies],
    [
      ['set', 'STORED\r\n'],
      ['delete', 'DELETED\r\n'],
      ['touch', 'TOUCHED\r\n'],
      ['incr', lost],
      ['append', lost],
      ['add', lost],
    ],
  );
});

test('a server that hangs is given up after the timeout; what waits for it goes to the backup', () => {
  const world = new RouteWorld({ mains: 1, backups: 1 });
  for (const server of world.servers) server.replicating = true;
  world.start();
  const client = world.client();
  world.servers[1]!.values.set('a', { value: '1', flags: '0', cas: 1 });
  world.servers[0]!.mode = 'hanging';
  client.send('get a\r\nincr a 1\r\nset b 0 0 1\r\n1\r\n');
  world.run(990);
  assert.equal(client.take(), '');
  world.run(40);
  assert.equal(client.take(), 'VALUE a 0 1\r\n1\r\nEND\r\nSERVER_ERROR BACKEND SERVER TIMEOUT\r\nSTORED\r\n');
  // From now on it is known to be dead, though it accepts connections.
  assert.equal(world.ask(client, 'incr a 1\r\n'), '2\r\n');
  world.run(5000);
  assert.equal(world.ask(client, 'get a\r\n'), 'VALUE a 0 1\r\n2\r\nEND\r\n');
  world.nothingLeft();
});

test('a server that answers, but too late, keeps its connection; late replies are skipped', () => {
  // Two backups, so that the keys of the late call go different ways and say nothing about its reply any more.
  const world = new RouteWorld({ mains: 1, backups: 2 }).start();
  const client = world.client();
  world.ask(client, 'set a 0 0 1\r\n1\r\nset b 0 0 1\r\n2\r\n');
  for (const backup of world.servers.slice(1)) {
    backup.values.set('b', { value: '3', flags: '0', cas: 1 });
    backup.seen.length = 0;
  }
  world.servers[0]!.delayMs = 900;
  client.send('get a\r\n');
  world.run(10);
  world.servers[0]!.delayMs = 1200;
  client.send('get b\r\nget a b\r\n');
  world.run(1040);
  const both = 'VALUE a 0 1\r\n1\r\nVALUE b 0 1\r\n3\r\nEND\r\n';
  assert.equal(client.take(), `VALUE a 0 1\r\n1\r\nEND\r\nVALUE b 0 1\r\n3\r\nEND\r\n${both}`);
  world.servers[0]!.delayMs = 300;
  assert.equal(world.ask(client, 'get b\r\n', 400), 'VALUE b 0 1\r\n2\r\nEND\r\n');
  assert.equal(world.servers[0]!.connections, 1);
  // Each call went to the backups once.
  const seen = world.servers.slice(1).flatMap((backup) => backup.seen);
  assert.deepEqual(seen.toSorted(), ['get a', 'get b', 'get b']);
  world.nothingLeft();
});

test('everything dead: every request is answered, at once after the first', () => {
  const world = new RouteWorld({ mains: 2, backups: 2 });
  for (const server of world.servers) server.mode = 'refusing';
  world.start();
  const client = world.client();
  assert.equal(
    world.ask(
      client,
      'get a\r\nget a b c d\r\nset a 0 0 1\r\n1\r\nset a 0 0 1 noreply\r\n1\r\nincr a 1\r\nmn\r\n',
    ),
    `${CONNECT.repeat(4)}MN\r\n`,
  );
  world.nothingLeft();
});

test('unreachable hosts cost the connect timeout once', () => {
  const world = new RouteWorld({ mains: 1, backups: 1 });
  for (const server of world.servers) server.mode = 'unreachable';
  const client = world.client();
  client.send('get a\r\n');
  world.run(1100);
  assert.equal(client.take(), CONNECT);
  assert.equal(world.ask(client, 'get a\r\n'), CONNECT);
  world.nothingLeft();
});

test('a multi-get of which one server is dead: the values so far, then the error', () => {
  const world = new RouteWorld({ mains: 2, backups: 0 }).start();
  const client = world.client();
  for (const key of ['a', 'b', 'c', 'd']) world.ask(client, `set ${key} 0 0 1\r\n${key}\r\n`);
  const dead = world.servers.find((server) => server.values.has('b'))!;
  dead.kill();
  world.run(100);
  assert.ok(!dead.values.has('a'), 'a and b lie on different servers');
  assert.equal(world.ask(client, 'get a b c d\r\n'), `VALUE a 0 1\r\na\r\n${CONNECT}`);
  world.nothingLeft();
});

test('a server dies in the middle of a multi-get: what it has not answered is asked of the backups', () => {
  for (let bytes = 0; bytes < 45; bytes++) {
    const world = new RouteWorld({ mains: 1, backups: 2 }).start();
    const client = world.client();
    const keys = ['a', 'b', 'c'];
    for (const key of keys) world.ask(client, `set ${key} 0 0 1\r\n${key}\r\n`);
    world.servers[0]!.bytesUntilBreak = bytes;
    const reply = world.ask(client, 'get a b c\r\n', 100);
    assert.equal(
      reply,
      `${keys.map((key) => `VALUE ${key} 0 1\r\n${key}\r\n`).join('')}END\r\n`,
      `after ${bytes} bytes`,
    );
    world.nothingLeft();
  }
});

test('errors of a proxy behind this one fail over', () => {
  const world = new RouteWorld({ mains: 1, backups: 1 }).start();
  const client = world.client();
  world.ask(client, 'set a 0 0 1\r\n1\r\n');
  for (const line of [
    'CAN NOT CONNECT TO BACKEND SERVER',
    'BACKEND SERVER TIMEOUT',
    'Connection refused',
    'backend failure',
  ]) {
    world.servers[0]!.errorLine = `SERVER_ERROR ${line}`;
    assert.equal(world.ask(client, 'get a\r\n'), 'VALUE a 0 1\r\n1\r\nEND\r\n', line);
    assert.equal(world.ask(client, 'get a b\r\n'), 'VALUE a 0 1\r\n1\r\nEND\r\n', line);
    assert.equal(world.ask(client, 'incr a 0\r\n'), '1\r\n', line);
  }
  world.nothingLeft();
});

test('errors of a server itself are its answers', () => {
  const world = new RouteWorld({ mains: 1, backups: 1 }).start();
  const client = world.client();
  for (const line of [
    'SERVER_ERROR object too large for cache',
    'SERVER_ERROR out of memory storing object',
    'SERVER_ERROR unknown reason',
    'ERROR',
    'CLIENT_ERROR no',
  ]) {
    world.servers[0]!.errorLine = line;
    assert.equal(world.ask(client, 'get a\r\n'), `${line}\r\n`);
    assert.equal(world.ask(client, 'incr a 0\r\n'), `${line}\r\n`);
  }
  world.nothingLeft();
});

test('a restarted server costs no error when it is back at the first dial', () => {
  const world = new RouteWorld({ mains: 1, backups: 0 }).start();
  const client = world.client();
  world.ask(client, 'set a 0 0 1\r\n1\r\n');
  world.servers[0]!.delayMs = 5;
  client.send('get a\r\n');
  world.run(1);
  world.servers[0]!.hangUp('ECONNRESET');
  world.run(20);
  assert.equal(client.take(), 'VALUE a 0 1\r\n1\r\nEND\r\n');
  assert.equal(world.servers[0]!.connections, 2);
  world.nothingLeft();
});

test('back-off doubles up to its bound and is spread by chance', () => {
  const gaps = (seed: number): number[] => {
    const world = new RouteWorld({ mains: 1, backups: 0, seed });
    world.servers[0]!.mode = 'refusing';
    world.start().run(20_000);
    return world.dials.map((dial, i) => dial.atMs - (world.dials[i - 1]?.atMs ?? dial.atMs)).slice(1);
  };
  const one = gaps(1);
  assert.ok(one[0]! >= 20 && one[0]! <= 60, `first pause ${one[0]}`);
  for (const gap of one) assert.ok(gap <= 500 + 20, `pause of ${gap} ms`);
  assert.ok(one.at(-1)! >= 250, `last pause ${one.at(-1)}`);
  assert.notDeepEqual(one, gaps(2));
});

test('a server that hangs up on stats is used all the same', () => {
  const world = new RouteWorld({ mains: 1, backups: 0 });
  world.servers[0]!.hatesStats = true;
  world.start();
  assert.equal(world.ask(world.client(), 'get a\r\n'), 'END\r\n');
  assert.equal(world.dials.length, 2);
});

test('what is no memcached is not used', () => {
  const world = new RouteWorld({ mains: 1, backups: 0 });
  world.servers[0]!.mode = 'gibberish';
  world.start();
  assert.equal(world.ask(world.client(), 'get a\r\n'), CONNECT);
});

test('a proxy gets the time that it says it needs', () => {
  const world = new RouteWorld({ mains: 1, backups: 0 });
  world.servers[0]!.versionLine = 'VERSION memcached agent v0.5';
  world.servers[0]!.statsReply = 'STAT agent_answer_ms_max 2000\r\nEND\r\n';
  world.start();
  const client = world.client();
  world.servers[0]!.delayMs = 2100;
  client.send('get a\r\n');
  world.run(2110);
  assert.equal(client.take(), 'END\r\n');
  assert.equal(world.ask(client, 'stats agent\r\n'), 'STAT agent_answer_ms_max 2250\r\nEND\r\n');
});

test('a value that nobody asked for ends the connection to the server, not to the client', () => {
  const world = new RouteWorld({ mains: 1, backups: 1 }).start();
  const client = world.client();
  world.servers[0]!.errorLine = 'VALUE z 0 1\r\nz\r\nEND';
  assert.equal(world.ask(client, 'get a\r\n', 100), 'END\r\n');
  assert.equal(client.gone, false);
  world.nothingLeft();
});

test('a server that hangs up on every request is tried twice, then the backup', () => {
  const world = new RouteWorld({ mains: 1, backups: 1 }).start();
  world.servers[0]!.resets = true;
  assert.equal(world.ask(world.client(), 'get a\r\n', 100), 'END\r\n');
  assert.deepEqual(world.servers[0]!.seen, ['get a', 'get a']);
  assert.deepEqual(world.servers[1]!.seen, ['get a']);
  world.nothingLeft();
});

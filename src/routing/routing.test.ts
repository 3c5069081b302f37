import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteWorld } from '../../testing/route-world.ts';

test('every command goes through and comes back', () => {
  const world = new RouteWorld({ mains: 2, backups: 0 }).start();
  const client = world.client();
  assert.equal(world.ask(client, 'set a 7 0 3\r\nabc\r\n'), 'STORED\r\n');
  assert.equal(world.ask(client, 'get a\r\n'), 'VALUE a 7 3\r\nabc\r\nEND\r\n');
  assert.equal(world.ask(client, 'gets a\r\n'), 'VALUE a 7 3 1\r\nabc\r\nEND\r\n');
  assert.equal(world.ask(client, 'get none\r\n'), 'END\r\n');
  assert.equal(world.ask(client, 'append a 0 0 1\r\nd\r\n'), 'STORED\r\n');
  assert.equal(world.ask(client, 'add a 0 0 1\r\nd\r\n'), 'NOT_STORED\r\n');
  assert.equal(world.ask(client, 'gat 10 a b\r\n'), 'VALUE a 7 4\r\nabcd\r\nEND\r\n');
  assert.equal(world.ask(client, 'touch a 10\r\n'), 'TOUCHED\r\n');
  assert.equal(world.ask(client, 'delete a\r\n'), 'DELETED\r\n');
  assert.equal(world.ask(client, 'delete a 0\r\n'), 'NOT_FOUND\r\n');
  assert.equal(world.ask(client, 'set n 0 0 1\r\n5\r\nincr n 3\r\n'), 'STORED\r\n8\r\n');
  assert.equal(world.ask(client, 'version\r\n'), 'VERSION memcached agent v0.5\r\n');
  assert.equal(world.ask(client, 'mn\r\n'), 'MN\r\n');
  assert.equal(
    world.ask(client, 'stats\r\n'),
    'memcached agent v0.5\r\nmatrix 1 -> server0, pool size 1\r\nmatrix 2 -> server1, pool size 1\r\nEND\r\n',
  );
  assert.equal(world.ask(client, 'stats agent\r\n'), 'STAT agent_answer_ms_max 1000\r\nEND\r\n');
  world.nothingLeft();
});

test('what the proxy refuses', () => {
  const world = new RouteWorld({ mains: 1, backups: 0 }).start();
  const client = world.client();
  for (const line of ['flush_all', 'verbosity 1', 'GET a', 'mg', 'ms a', 'nonsense', 'get'])
    assert.match(
      world.ask(client, `${line}\r\n`),
      /^(ERROR|CLIENT_ERROR bad command line format)\r\n$/,
      line,
    );
  assert.equal(world.ask(client, 'flush_all\r\n'), 'ERROR\r\n');
  const long = 'k'.repeat(251);
  assert.equal(world.ask(client, `get a ${long}\r\n`), 'CLIENT_ERROR bad command line format\r\n');
  assert.equal(
    world.ask(client, `set ${long} 0 0 2\r\nab\r\nmn\r\n`),
    'CLIENT_ERROR bad command line format\r\nMN\r\n',
  );
  assert.equal(world.ask(client, 'set a 0 0 1\r\nabc'), 'CLIENT_ERROR bad data chunk\r\n');
  const world2 = new RouteWorld({ mains: 1, backups: 0, settings: { valueBytesMax: 3 } }).start();
  const client2 = world2.client();
  assert.equal(
    world2.ask(client2, 'set a 0 0 3\r\nabc\r\nset a 0 0 4\r\nabcd\r\nmn\r\n'),
    'STORED\r\nSERVER_ERROR object too large for cache\r\nMN\r\n',
  );
  world2.nothingLeft();
  assert.deepEqual(world.servers[0]!.seen, []);
});

test('a second noreply on the line does not reach the server, which would not answer then', () => {
  const world = new RouteWorld({ mains: 1, backups: 0 }).start();
  const client = world.client();
  const lines = 'set a 0 0 1 noreply noreply\r\n5\r\nincr a 1 2 noreply\r\nget  a \r\n';
  assert.equal(world.ask(client, lines), 'VALUE a 0 1\r\n6\r\nEND\r\n');
  assert.deepEqual(world.servers[0]!.seen, ['set a 0 0 1', 'incr a 1', 'get a']);
});

test('quit answers what came before it and closes', () => {
  const world = new RouteWorld({ mains: 1, backups: 0 }).start();
  const client = world.client();
  assert.equal(world.ask(client, 'get a\r\nquit\r\nget b\r\n'), 'END\r\n');
  assert.equal(client.gone, true);
  world.nothingLeft();
});

test('a binary no-op is answered, other binary commands are unknown', () => {
  const world = new RouteWorld({ mains: 1, backups: 0 }).start();
  const client = world.client();
  const noop = `\x80\x0a${'\0'.repeat(22)}`;
  assert.equal(world.ask(client, noop), `\x81\x0a${'\0'.repeat(22)}`);
  const get = `\x80\x00\x00\x01\0\0\0\0\0\0\0\x01abcd${'\0'.repeat(8)}k`;
  assert.equal(
    world.ask(client, get + noop),
    `\x81\0\0\0\0\0\0\x81\0\0\0\x0fabcd${'\0'.repeat(8)}Unknown command\x81\x0a${'\0'.repeat(22)}`,
  );
});

test('keys of a get are asked of all servers at once and merged in their order', () => {
  const world = new RouteWorld({ mains: 3, backups: 0 }).start();
  const client = world.client();
  const keys = Array.from({ length: 12 }, (_, i) => `key${i}`);
  for (const key of keys) world.ask(client, `set ${key} 0 0 ${key.length}\r\n${key}\r\n`);
  const used = world.servers.filter((server) => server.values.size > 0);
  assert.equal(used.length, 3, 'the keys are spread');
  for (const server of world.servers) server.delayMs = 100;
  world.servers[0]!.delayMs = 300;
  for (const server of world.servers) server.seen.length = 0;
  const asked = [...keys, 'nokey', 'key3', 'key0'];
  client.send(`get ${asked.join(' ')}\r\n`);
  world.run(100);
  assert.ok(
    world.servers.every((server) => server.seen.length === 1),
    'one command for each server, all at once',
  );
  world.run(200);
  const expected = asked
    .filter((key) => key !== 'nokey')
    .map((key) => `VALUE ${key} 0 ${key.length}\r\n${key}\r\n`);
  assert.equal(client.take(), `${expected.join('')}END\r\n`);
  world.nothingLeft();
});

test('answers come in the order of the requests, however slow a server is', () => {
  const world = new RouteWorld({ mains: 2, backups: 0 }).start();
  const client = world.client();
  world.servers[0]!.delayMs = 50;
  // "a" hashes to an even number, "b" to an odd one.
  const before = world.ask(
    client,
    'set b 0 0 1\r\n1\r\nset a 0 0 1\r\n2\r\nnonsense\r\nget b\r\nversion\r\n',
  );
  assert.equal(
    world.servers.every((server) => server.seen.length > 0),
    true,
  );
  world.run(100);
  const all = before + client.take();
  assert.equal(
    all,
    'STORED\r\nSTORED\r\nERROR\r\nVALUE b 0 1\r\n1\r\nEND\r\nVERSION memcached agent v0.5\r\n',
  );
  world.nothingLeft();
});

test('a miss on the main is a miss', () => {
  const world = new RouteWorld({ mains: 1, backups: 1 }).start();
  const client = world.client();
  world.servers[1]!.values.set('a', { value: 'x', flags: '0', cas: 1 });
  assert.equal(world.ask(client, 'get a\r\n'), 'END\r\n');
});

test('stock servers are both written, the answer is the main’s', () => {
  const world = new RouteWorld({ mains: 1, backups: 1 }).start();
  const client = world.client();
  world.servers[1]!.values.set('a', { value: 'x', flags: '0', cas: 1 });
  assert.equal(world.ask(client, 'add a 0 0 1\r\n1\r\n'), 'STORED\r\n');
  assert.equal(world.ask(client, 'set n 0 0 1\r\n1\r\nincr n 1\r\nincr n 1 noreply\r\n'), 'STORED\r\n2\r\n');
  const seen = world.servers.map((server) =>
    server.seen.filter((line) => !/^(get|delete) a$| 300 /.test(line)),
  );
  assert.deepEqual(seen[0], seen[1]);
  assert.equal(world.servers[1]!.values.get('n')?.value, '3');
  assert.equal(world.servers[1]!.values.get('a')?.value, '1', 'what it had is not what was answered');
  world.nothingLeft();
});

test('twins that replicate are written on one side only', () => {
  const world = new RouteWorld({ mains: 1, backups: 1 });
  for (const server of world.servers) server.replicating = true;
  world.servers[0]!.twin = world.servers[1]!;
  world.servers[1]!.twin = world.servers[0]!;
  world.start();
  const client = world.client();
  assert.equal(
    world.ask(client, 'set n 0 0 1\r\n1\r\nincr n 1\r\nappend n 0 0 1\r\n0\r\n'),
    'STORED\r\n2\r\nSTORED\r\n',
  );
  assert.deepEqual(world.servers[1]!.seen, []);
  assert.equal(world.servers[1]!.values.get('n')?.value, '20');
  world.servers[0]!.kill();
  world.run(100);
  assert.equal(world.ask(client, 'incr n 1\r\ndelete m\r\n'), '21\r\nNOT_FOUND\r\n');
  assert.deepEqual(world.servers[1]!.seen, ['incr n 1', 'delete m']);
  world.nothingLeft();
});

test('repcached is known by its statistics, and written on one side only, alone or as the twin of a node', () => {
  for (const legacy of [
    [true, true],
    [true, false],
    [false, true],
  ]) {
    const world = new RouteWorld({ mains: 1, backups: 1 });
    for (const [index, server] of world.servers.entries()) {
      server.isRepcached = legacy[index] ?? false;
      server.replicating = !server.isRepcached;
      server.twin = world.servers[1 - index]!;
    }
    world.start();
    const client = world.client();
    assert.equal(
      world.ask(client, 'set n 0 0 1\r\n1\r\nincr n 1\r\nappend n 0 0 1\r\n0\r\n'),
      'STORED\r\n2\r\nSTORED\r\n',
    );
    assert.deepEqual(world.servers[1]!.seen, []);
    assert.equal(world.servers[1]!.values.get('n')?.value, '20');
    assert.deepEqual(
      world.servers.map(({ acksAsked }) => acksAsked.length),
      legacy.map((is) => (is ? 0 : 1)),
    );
    // It does what it has not read of a connection that was reset: the connection is kept, and what is owed on it skipped.
    world.servers[0]!.delayMs = 3000;
    client.send('set n 0 0 1\r\n5\r\n');
    world.run(100);
    client.send('get other\r\n');
    world.run(1500);
    world.nothingLeft();
  }
});

test('only one of the two replicates: both are written', () => {
  const world = new RouteWorld({ mains: 1, backups: 1 });
  world.servers[0]!.replicating = true;
  world.start();
  world.ask(world.client(), 'set n 0 0 1\r\n1\r\n');
  assert.deepEqual(world.servers[1]!.seen, ['set n 0 0 1']);
});

test('the decision is made for each pair by itself', () => {
  const world = new RouteWorld({ mains: 2, backups: 2 });
  world.servers[0]!.replicating = true;
  world.servers[2]!.replicating = true;
  world.start();
  const client = world.client();
  for (let i = 0; i < 20; i++) world.ask(client, `set key${i} 0 0 1\r\n1\r\n`);
  assert.ok(world.servers[0]!.seen.length > 0 && world.servers[1]!.seen.length > 0);
  assert.deepEqual(world.servers[2]!.seen, []);
  assert.deepEqual(world.servers[3]!.seen, world.servers[1]!.seen);
});

test('keys in another order than asked, as twemproxy gives them, are all passed on', () => {
  const world = new RouteWorld({ mains: 1, backups: 0 }).start();
  const client = world.client();
  world.servers[0]!.errorLine = 'VALUE c 0 1\r\nc\r\nVALUE a 0 1\r\na\r\nEND';
  const reply = world.ask(client, 'get a b c\r\n');
  assert.deepEqual(
    reply
      .split('\r\n')
      .filter((line) => line.startsWith('VALUE'))
      .toSorted(),
    ['VALUE a 0 1', 'VALUE c 0 1'],
  );
  assert.match(reply, /END\r\n$/);
  world.nothingLeft();
});

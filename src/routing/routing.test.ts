import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteWorld } from '../../testing/route-world.ts';

const CONNECT = 'SERVER_ERROR CAN NOT CONNECT TO BACKEND SERVER\r\n';

/** After each test nothing may be left: no call, no request, no charged buffer. */
function nothingLeft(world: RouteWorld): void {
  world.run(10_000);
  assert.equal(world.router.calls.live, 0, 'calls left');
  assert.equal(world.router.requests.live, 0, 'requests left');
  assert.equal(world.router.requests.budget.used, 0, 'buffer bytes left');
}

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
  nothingLeft(world);
});

test('what the proxy refuses', () => {
  const world = new RouteWorld({ mains: 1, backups: 0 }).start();
  const client = world.client();
  for (const line of ['flush_all', 'verbosity 1', 'GET a', 'mg a v', 'nonsense', 'get'])
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
  nothingLeft(world2);
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
  nothingLeft(world);
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
  nothingLeft(world);
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
  nothingLeft(world);
});

test('reads fail over to the backup at once when the main is dead, and come back to it', () => {
  const world = new RouteWorld({ mains: 1, backups: 1 }).start();
  const client = world.client();
  world.ask(client, 'set a 0 0 1\r\n1\r\n');
  world.servers[0]!.kill();
  world.run(100);
  assert.equal(world.ask(client, 'get a\r\n'), 'VALUE a 0 1\r\n1\r\nEND\r\n');
  world.servers[0]!.mode = 'up';
  world.run(2500);
  world.servers[0]!.seen.length = 0;
  assert.equal(world.ask(client, 'get a\r\n'), 'VALUE a 0 1\r\n1\r\nEND\r\n');
  assert.deepEqual(world.servers[0]!.seen, ['get a']);
  assert.deepEqual(world.log, ['server0 is down: ECONNREFUSED', 'server0 is up']);
  nothingLeft(world);
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
  assert.deepEqual(world.servers[0]!.seen, world.servers[1]!.seen);
  assert.equal(world.servers[1]!.values.get('n')?.value, '3');
  nothingLeft(world);
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
  nothingLeft(world);
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

test('main dead, stock servers: the backup’s answer is the answer', () => {
  const world = new RouteWorld({ mains: 1, backups: 1 }).start();
  const client = world.client();
  world.servers[0]!.kill();
  world.run(100);
  assert.equal(
    world.ask(client, 'set n 0 0 1\r\n1\r\nincr n 1\r\nadd n 0 0 1\r\n7\r\n'),
    'STORED\r\n2\r\nNOT_STORED\r\n',
  );
  nothingLeft(world);
});

test('backup dead: nobody notices', () => {
  const world = new RouteWorld({ mains: 1, backups: 1 }).start();
  const client = world.client();
  world.servers[1]!.mode = 'hanging';
  assert.equal(
    world.ask(client, 'set n 0 0 1\r\n1\r\nincr n 1\r\nget n\r\n'),
    'STORED\r\n2\r\nVALUE n 0 1\r\n2\r\nEND\r\n',
  );
  nothingLeft(world);
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
    nothingLeft(world);
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
  nothingLeft(world);
});

test('a server that answers, but too late, keeps its connection; late replies are skipped', () => {
  const world = new RouteWorld({ mains: 1, backups: 1 }).start();
  const client = world.client();
  world.ask(client, 'set a 0 0 1\r\n1\r\nset b 0 0 1\r\n2\r\n');
  world.servers[1]!.values.set('b', { value: '3', flags: '0', cas: 1 });
  world.servers[0]!.delayMs = 900;
  client.send('get a\r\n');
  world.run(10);
  world.servers[0]!.delayMs = 1200;
  client.send('get b\r\nget a b\r\n');
  world.run(1040);
  assert.equal(
    client.take(),
    'VALUE a 0 1\r\n1\r\nEND\r\nVALUE b 0 1\r\n3\r\nEND\r\nVALUE a 0 1\r\n1\r\nVALUE b 0 1\r\n3\r\nEND\r\n',
  );
  world.servers[0]!.delayMs = 300;
  assert.equal(world.ask(client, 'get b\r\n', 400), 'VALUE b 0 1\r\n2\r\nEND\r\n');
  assert.equal(world.servers[0]!.connections, 1);
  // Each call went to the backup once.
  assert.deepEqual(world.servers[1]!.seen.slice(2), ['get b', 'get a b']);
  nothingLeft(world);
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
  nothingLeft(world);
});

test('unreachable hosts cost the connect timeout once', () => {
  const world = new RouteWorld({ mains: 1, backups: 1 });
  for (const server of world.servers) server.mode = 'unreachable';
  const client = world.client();
  client.send('get a\r\n');
  world.run(1100);
  assert.equal(client.take(), CONNECT);
  assert.equal(world.ask(client, 'get a\r\n'), CONNECT);
  nothingLeft(world);
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
  nothingLeft(world);
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
    nothingLeft(world);
  }
});

test('errors of a proxy behind this one fail over, errors of a server do not', () => {
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
  for (const line of [
    'SERVER_ERROR object too large for cache',
    'SERVER_ERROR out of memory storing object',
    'ERROR',
    'CLIENT_ERROR no',
  ]) {
    world.servers[0]!.errorLine = line;
    assert.equal(world.ask(client, 'get a\r\n'), `${line}\r\n`);
    assert.equal(world.ask(client, 'incr a 0\r\n'), `${line}\r\n`);
  }
  nothingLeft(world);
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
  nothingLeft(world);
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
  for (const gap of one) assert.ok(gap <= 2000 + 20, `pause of ${gap} ms`);
  assert.ok(one.at(-1)! >= 1000, `last pause ${one.at(-1)}`);
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

test('large values pass through while the request is the client’s oldest', () => {
  const value = 'x'.repeat(300_000);
  const cut = (text: string): string[] => text.match(/[\s\S]{1,60000}/g) ?? [];
  const world = new RouteWorld({
    mains: 1,
    backups: 0,
    cut,
    settings: { bufferBytesMax: 2_000_000 },
  }).start();
  const client = world.client();
  assert.equal(world.ask(client, `set a 0 0 ${value.length}\r\n${value}\r\n`), 'STORED\r\n');
  assert.equal(world.ask(client, 'get a\r\n'), `VALUE a 0 ${value.length}\r\n${value}\r\nEND\r\n`);
  assert.equal(world.router.requests.budget.used, 0);
  assert.equal(
    world.ask(client, 'get a a b a\r\n'),
    `${`VALUE a 0 ${value.length}\r\n${value}\r\n`.repeat(3)}END\r\n`,
  );
  nothingLeft(world);
});

test('a server that dies in the middle of a large value that is being sent ends the client’s connection', () => {
  const value = 'x'.repeat(300_000);
  const world = new RouteWorld({
    mains: 1,
    backups: 1,
    cut: (text) => text.match(/[\s\S]{1,60000}/g) ?? [],
  }).start();
  const client = world.client();
  world.ask(client, `set a 0 0 ${value.length}\r\n${value}\r\n`);
  world.servers[0]!.bytesUntilBreak = 150_000;
  const reply = world.ask(client, 'get a\r\n', 100);
  assert.ok(reply.length < 150_100 && !reply.includes('END'));
  assert.equal(client.gone, true);
  nothingLeft(world);
});

test('a large value that was buffered is fetched from the backup when its server dies', () => {
  const value = 'x'.repeat(300_000);
  const world = new RouteWorld({
    mains: 2,
    backups: 2,
    cut: (text) => text.match(/[\s\S]{1,60000}/g) ?? [],
  }).start();
  const client = world.client();
  world.ask(client, `set a 0 0 ${value.length}\r\n${value}\r\nset b 0 0 1\r\nb\r\n`);
  const main = world.servers.findIndex((server) => server.values.has('a'));
  world.servers[1 - main]!.delayMs = 50;
  world.servers[main]!.bytesUntilBreak = 150_000;
  client.send('get b a\r\n');
  world.run(200);
  assert.equal(client.take(), `VALUE b 0 1\r\nb\r\nVALUE a 0 ${value.length}\r\n${value}\r\nEND\r\n`);
  nothingLeft(world);
});

test('buffers have a bound: beyond it a request is refused, and the connection goes on', () => {
  const value = 'x'.repeat(40_000);
  const world = new RouteWorld({ mains: 2, backups: 0, settings: { bufferBytesMax: 100_000 } }).start();
  const client = world.client();
  world.ask(client, `set a 0 0 ${value.length}\r\n${value}\r\nset b 0 0 1\r\nb\r\n`);
  const other = world.servers.findIndex((server) => server.values.has('b'));
  world.servers[other]!.delayMs = 10;
  // The answers for "a" wait for that of "b"; the third does not fit any more.
  client.send('get b\r\nget a\r\nget a\r\nget a\r\nmn\r\n');
  world.run(20);
  const block = `VALUE a 0 ${value.length}\r\n${value}\r\nEND\r\n`;
  assert.equal(
    client.take(),
    `VALUE b 0 1\r\nb\r\nEND\r\n${block}${block}SERVER_ERROR OUT OF MEMORY\r\nMN\r\n`,
  );
  assert.equal(
    world.ask(client, `set c 0 0 200000\r\n${'y'.repeat(200_000)}\r\nmn\r\n`),
    'SERVER_ERROR OUT OF MEMORY\r\nMN\r\n',
  );
  assert.equal(world.ask(client, 'get b\r\n', 20), 'VALUE b 0 1\r\nb\r\nEND\r\n');
  nothingLeft(world);
});

test('a destination’s queue has a bound: beyond it calls fail at once', () => {
  const world = new RouteWorld({ mains: 1, backups: 0, settings: { queueCallsMax: 3 } }).start();
  const client = world.client();
  world.servers[0]!.delayMs = 10;
  client.send('get a\r\nget a\r\nget a\r\nget a\r\n');
  world.run(20);
  assert.equal(client.take(), 'END\r\nEND\r\nEND\r\nSERVER_ERROR BACKEND SERVER BUSY\r\n');
  nothingLeft(world);
});

test('a client has a bound of unanswered requests; it is read from again when some are answered', () => {
  const world = new RouteWorld({ mains: 1, backups: 0, settings: { pipelineMax: 4 } }).start();
  const client = world.client();
  world.servers[0]!.delayMs = 10;
  client.send('get a\r\n'.repeat(10));
  world.run(5);
  assert.equal(world.servers[0]!.seen.length, 4);
  assert.equal(client.pipe.paused, true);
  world.run(100);
  assert.equal(client.take(), 'END\r\n'.repeat(10));
  nothingLeft(world);
});

test('a client that does not read holds nobody up for longer than the bound', () => {
  const value = 'x'.repeat(200_000);
  const world = new RouteWorld({
    mains: 1,
    backups: 0,
    cut: (text) => text.match(/[\s\S]{1,60000}/g) ?? [],
    settings: { clientBacklogBytesMax: 250_000, clientStallMs: 300 },
  }).start();
  const slow = world.client();
  const other = world.client();
  world.ask(other, `set a 0 0 ${value.length}\r\n${value}\r\n`);
  slow.pipe.stuck = true;
  slow.send('get a\r\nget a\r\nget a\r\nget a\r\n');
  world.run(100);
  other.send('get none\r\n');
  world.run(100);
  assert.equal(other.take(), '', 'the server’s connection is held up');
  world.run(300);
  assert.equal(slow.gone, true);
  assert.equal(other.take(), 'END\r\n');
  nothingLeft(world);
});

test('a client that reads late gets everything', () => {
  const value = 'x'.repeat(200_000);
  const world = new RouteWorld({
    mains: 1,
    backups: 0,
    cut: (text) => text.match(/[\s\S]{1,60000}/g) ?? [],
    settings: { clientBacklogBytesMax: 250_000, clientStallMs: 300 },
  }).start();
  const slow = world.client();
  world.ask(slow, `set a 0 0 ${value.length}\r\n${value}\r\n`);
  slow.pipe.stuck = true;
  slow.send('get a\r\nget a\r\nget a\r\nget a\r\n');
  world.run(200);
  slow.pipe.unstick();
  world.run(500);
  assert.equal(slow.take(), `VALUE a 0 ${value.length}\r\n${value}\r\nEND\r\n`.repeat(4));
  nothingLeft(world);
});

test('clients that vanish leave nothing behind', () => {
  const world = new RouteWorld({ mains: 2, backups: 2 }).start();
  for (const text of [
    'get a b c\r\n',
    'set a 0 0 100\r\nabc',
    'set a 0 0 1\r\n1\r\n',
    'incr a 1\r\nget',
    'quit\r\n',
  ]) {
    for (const server of world.servers) server.delayMs = 20;
    const client = world.client();
    client.send(text);
    world.run(5);
    client.pipe.close(true, 'ECONNRESET');
    world.run(100);
  }
  nothingLeft(world);
  assert.equal(world.ask(world.client(), 'get a\r\n', 100), 'VALUE a 0 1\r\n2\r\nEND\r\n');
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
  nothingLeft(world);
});

test('a value that nobody asked for ends the connection to the server, not to the client', () => {
  const world = new RouteWorld({ mains: 1, backups: 1 }).start();
  const client = world.client();
  world.servers[0]!.errorLine = 'VALUE z 0 1\r\nz\r\nEND';
  assert.equal(world.ask(client, 'get a\r\n', 100), 'END\r\n');
  assert.equal(client.gone, false);
  nothingLeft(world);
});

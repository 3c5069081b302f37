import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binaryPacket } from '../../testing/binary-client.ts';
import { parseReplies } from '../../testing/binary-transcripts.ts';
import { RouteWorld } from '../../testing/route-world.ts';
import { INPUT_REST_BYTES_MAX } from '../base/limits.ts';
import { OPCODE, STATUS } from '../protocol/binary/opcodes.ts';
import { RETRIEVAL_LINE_BYTES_MAX } from './client-upload.ts';

test('a value that comes slowly is not asked for a second time', () => {
  const value = 'x'.repeat(300_000);
  const cut = (text: string): string[] => text.match(/[\s\S]{1,60000}/g) ?? [];
  const world = new RouteWorld({ mains: 1, backups: 1, cut }).start();
  const client = world.client();
  world.ask(client, `set a 0 0 ${value.length}\r\n${value}\r\n`);
  world.servers[1]!.seen.length = 0;
  world.servers[0]!.pieceDelayMs = 300;
  assert.equal(world.ask(client, 'get a\r\n', 2000), `VALUE a 0 ${value.length}\r\n${value}\r\nEND\r\n`);
  assert.deepEqual(world.servers[1]!.seen, []);
  world.nothingLeft();
});

test('a client that does not read is not answered any further', () => {
  const world = new RouteWorld({ mains: 1, backups: 0 }).start();
  const client = world.client();
  client.pipe.stuck = true;
  client.send('mn\r\n'.repeat(10_000));
  world.run(10);
  const { output } = client.pipe;
  assert.ok(output.at - output.start < 1024, `${output.at - output.start} bytes wait`);
  client.pipe.unstick();
  world.run(10);
  assert.equal(client.take(), 'MN\r\n'.repeat(10_000));
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
  world.nothingLeft();
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
  world.nothingLeft();
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
  world.nothingLeft();
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
  world.nothingLeft();
});

test('a destination’s queue has a bound: beyond it calls fail at once', () => {
  const world = new RouteWorld({ mains: 1, backups: 0, settings: { queueCallsMax: 3 } }).start();
  const client = world.client();
  world.servers[0]!.delayMs = 10;
  client.send('get a\r\nget a\r\nget a\r\nget a\r\n');
  world.run(20);
  assert.equal(client.take(), 'END\r\nEND\r\nEND\r\nSERVER_ERROR BACKEND SERVER BUSY\r\n');
  world.nothingLeft();
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
  world.nothingLeft();
});

test('a client that does not read holds nobody up for longer than the bound, when there is no room for what it does not take', () => {
  const value = 'x'.repeat(200_000);
  const world = new RouteWorld({
    mains: 1,
    backups: 0,
    cut: (text) => text.match(/[\s\S]{1,60000}/g) ?? [],
    settings: { clientBacklogBytesMax: 250_000, clientStallMs: 300, bufferBytesMax: 1_000_000 },
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
  assert.equal(world.router.requests.figures.clientsDropped, 1);
  world.nothingLeft();
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
  // Nobody waits for it.
  world.run(5000);
  assert.equal(world.router.requests.figures.clientStalls, 1);
  slow.pipe.unstick();
  world.run(500);
  assert.equal(slow.take(), `VALUE a 0 ${value.length}\r\n${value}\r\nEND\r\n`.repeat(4));
  world.nothingLeft();
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
  world.nothingLeft();
  assert.equal(world.ask(world.client(), 'get a\r\n', 100), 'VALUE a 0 1\r\n2\r\nEND\r\n');
});

test('values that come too slowly make room when the buffers are used up, those that began first', () => {
  const value = 'x'.repeat(50_000);
  const world = new RouteWorld({
    mains: 1,
    backups: 0,
    settings: { bufferBytesMax: 480_000, uploadMsGranted: 5000 },
  }).start();
  const dawdlers = Array.from({ length: 8 }, (_, number) => {
    const client = world.client();
    client.send(`set s${number} 0 0 ${value.length}\r\n${value.slice(0, 49_000)}`);
    return client;
  });
  const binary = world.client();
  const extras = '\0'.repeat(8);
  const packet = binaryPacket(OPCODE.setQ, { key: 'b', extras, value, opaque: 0xfedcba98 });
  binary.send(packet.slice(0, 49_000));
  const set = `set a 0 0 ${value.length}\r\n${value}\r\nmn\r\n`;
  const other = world.client();
  assert.equal(world.ask(other, set), 'SERVER_ERROR OUT OF MEMORY\r\nMN\r\n', 'they have their time');
  world.run(5000);
  assert.equal(world.ask(other, set), 'STORED\r\nMN\r\n');
  assert.equal(world.router.requests.uploads.givenUp, 1);
  assert.equal(dawdlers[0]!.take(), 'SERVER_ERROR OUT OF MEMORY\r\n');
  assert.equal(world.ask(dawdlers[0]!, `${value.slice(49_000)}\r\nmn\r\n`), 'MN\r\n', 'its rest is dropped');
  assert.equal(world.ask(dawdlers[1]!, `${value.slice(49_000)}\r\nmn\r\n`), 'STORED\r\nMN\r\n');
  const large = `set l 0 0 440000\r\n${'y'.repeat(440_000)}\r\n`;
  assert.equal(world.ask(other, large), 'STORED\r\n');
  assert.equal(world.router.requests.uploads.count, 0);
  const { replies } = parseReplies(binary.take());
  assert.deepEqual(
    replies.map(({ opcode, status, opaque }) => [opcode, status, opaque]),
    [[OPCODE.setQ, STATUS.noMemory, 0xfedcba98]],
  );
  binary.send(packet.slice(49_000) + binaryPacket(OPCODE.noop, { opaque: 7 }));
  world.run();
  assert.equal(parseReplies(binary.take()).replies[0]?.opaque, 7);
  // Not the one that needs the room: there is nobody else.
  const [slow] = dawdlers;
  slow!.send(`set l 0 0 600000\r\n${'z'.repeat(400_000)}`);
  world.run(6000);
  assert.equal(world.ask(slow!, `${'z'.repeat(200_000)}\r\nmn\r\n`), 'SERVER_ERROR OUT OF MEMORY\r\nMN\r\n');
  world.nothingLeft();
});

test('a get of very many keys comes in pieces and is answered whole; beyond the bound its client is closed', () => {
  const world = new RouteWorld({ mains: 2, backups: 0 }).start();
  const client = world.client();
  const keys = Array.from({ length: 3000 }, (_, i) => `${'k'.repeat(60)}${i}`);
  world.ask(client, `set ${keys[7]} 0 0 1\r\n7\r\nset ${keys[2999]} 0 0 1\r\n9\r\n`);
  const values = `VALUE ${keys[7]} 0 1\r\n7\r\nVALUE ${keys[2999]} 0 1\r\n9\r\nEND\r\n`;
  for (const verb of ['get', ' get', 'gat 0']) {
    for (const piece of `${verb} ${keys.join(' ')}\r\nmn\r\n`.match(/[\s\S]{1,50000}/g) ?? []) {
      client.send(piece);
      assert.ok(client.pipe.restBytes < INPUT_REST_BYTES_MAX, `${client.pipe.restBytes} bytes are left`);
    }
    world.run();
    assert.equal(client.take(), `${values}MN\r\n`, verb);
  }
  assert.equal(world.router.requests.uploads.count, 0);
  const piece = ` ${'k'.repeat(9)}`.repeat(6000);
  const closed = world.client();
  closed.send('get');
  for (let sent = 3; sent + piece.length <= RETRIEVAL_LINE_BYTES_MAX; sent += piece.length)
    closed.send(piece);
  assert.equal(closed.pipe.closed, false);
  closed.send(piece);
  assert.equal(closed.pipe.closed, true);
  world.run(1);
  // One who goes leaves nothing; one who dawdles makes room, as with a value that does not come.
  const gone = world.client();
  gone.send(`get${piece}`);
  gone.pipe.close(true, 'ECONNRESET');
  world.run(1);
  const { uploads } = world.router.requests;
  assert.equal(uploads.count, 0);
  const dawdler = world.client();
  dawdler.send(`get${piece}`);
  world.run(60_000);
  assert.equal(uploads.relieve(null), true);
  assert.equal(dawdler.pipe.closed, true);
  assert.equal(uploads.count, 0);
  world.nothingLeft();
});

test('a client that goes in the middle of its value leaves nothing that could make room', () => {
  const world = new RouteWorld({
    mains: 1,
    backups: 0,
    settings: { bufferBytesMax: 100_000, uploadMsGranted: 10 },
  }).start();
  const client = world.client();
  client.send(`set a 0 0 60000\r\n${'x'.repeat(50_000)}`);
  world.run(100);
  client.pipe.close(true, 'ECONNRESET');
  world.run(1);
  const other = world.client();
  assert.equal(world.ask(other, `set a 0 0 90000\r\n${'x'.repeat(90_000)}\r\n`), 'STORED\r\n');
  assert.equal(world.router.requests.uploads.givenUp, 0);
  world.nothingLeft();
});

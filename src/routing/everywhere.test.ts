import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bigEndian, binaryPacket } from '../../testing/binary-client.ts';
import { parseReplies } from '../../testing/binary-transcripts.ts';
import { RouteWorld } from '../../testing/route-world.ts';
import { OPCODE, STATUS } from '../protocol/binary/opcodes.ts';
import { type ClientManner, MAGENT_MANNER } from './client-manner.ts';
import { NullRoute } from './null.ts';

function world(flush: ClientManner['flush']): RouteWorld {
  const made = new RouteWorld({ mains: 3, backups: 1, manner: { ...MAGENT_MANNER, flush } }).start();
  for (const server of made.servers) server.errorLine = 'OK';
  return made;
}

const seen = (made: RouteWorld): string[][] =>
  made.servers.map((server) => server.seen.splice(0, server.seen.length));

test('flush_all goes to every server once, and is answered when all have, in its place', () => {
  const made = world('everywhere');
  const client = made.client();
  made.servers[2]!.delayMs = 50;
  for (const [line, sent] of [
    ['flush_all', 'flush_all'],
    ['flush_all  0010 ', 'flush_all 10'],
    ['flush_all -1', 'flush_all -1'],
  ] as const) {
    client.send(`${line}\r\nmn\r\n`);
    made.run(20);
    assert.equal(client.take(), '');
    made.run(100);
    assert.equal(client.take(), 'OK\r\nMN\r\n');
    assert.deepEqual(seen(made), [[sent], [sent], [sent], [sent]]);
  }
  assert.equal(made.ask(client, 'flush_all noreply\r\nflush_all 5 noreply\r\nmn\r\n', 200), 'MN\r\n');
  assert.deepEqual(seen(made)[0], ['flush_all', 'flush_all 5']);
  assert.equal(made.ask(client, 'flush_all x\r\n'), 'CLIENT_ERROR invalid exptime argument\r\n');
  made.nothingLeft();
});

test('one server that cannot be reached makes an error of it, and so does one that refuses', () => {
  const made = world('everywhere');
  const client = made.client();
  made.servers[1]!.errorLine = 'CLIENT_ERROR flush_all not allowed';
  assert.equal(made.ask(client, 'flush_all\r\n', 50), 'CLIENT_ERROR flush_all not allowed\r\n');
  made.servers[1]!.errorLine = 'OK';
  made.servers[3]!.kill();
  made.run(100);
  seen(made);
  assert.equal(made.ask(client, 'flush_all\r\n', 2000), 'SERVER_ERROR CAN NOT CONNECT TO BACKEND SERVER\r\n');
  assert.deepEqual(seen(made), [['flush_all'], ['flush_all'], ['flush_all'], []], 'the others have done it');
  made.nothingLeft();
});

test('the binary flush does the same', () => {
  const made = world('everywhere');
  const client = made.client();
  client.send(
    binaryPacket(OPCODE.flush, { opaque: 1 }) +
      binaryPacket(OPCODE.flush, { extras: bigEndian(30, 4), opaque: 2 }) +
      binaryPacket(OPCODE.flushQ, { opaque: 3 }) +
      binaryPacket(OPCODE.noop, { opaque: 4 }),
  );
  made.run(50);
  assert.deepEqual(
    parseReplies(client.take()).replies.map(({ opaque, status }) => [opaque, status]),
    [
      [1, STATUS.ok],
      [2, STATUS.ok],
      [4, STATUS.ok],
    ],
  );
  assert.deepEqual(seen(made)[3], ['flush_all', 'flush_all 30', 'flush_all']);
  made.nothingLeft();
});

test('where it is not allowed, or there is no server, it is refused', () => {
  const nowhere = new RouteWorld({
    mains: 1,
    backups: 0,
    manner: { ...MAGENT_MANNER, flush: 'everywhere' },
    root: (_destinations, { calls }) => new NullRoute(calls),
  });
  for (const [made, line, status] of [
    [world('refused'), 'CLIENT_ERROR flush_all not allowed\r\n', STATUS.authError],
    [nowhere.start(), 'CLIENT_ERROR flush_all not allowed\r\n', STATUS.authError],
    [world('unknown'), 'ERROR\r\n', STATUS.unknownCommand],
  ] as const) {
    assert.equal(made.ask(made.client(), 'flush_all\r\nflush_all noreply\r\nmn\r\n', 10), `${line}MN\r\n`);
    const binary = made.client();
    binary.send(binaryPacket(OPCODE.flush) + binaryPacket(OPCODE.noop));
    made.run(10);
    assert.deepEqual(
      parseReplies(binary.take()).replies.map((reply) => reply.status),
      [status, STATUS.ok],
    );
    assert.equal(made.servers[0]!.seen.length, 0);
    made.nothingLeft();
  }
});

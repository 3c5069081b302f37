import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bigEndian, binaryPacket } from '../../testing/binary-client.ts';
import { type BinaryReply, parseReplies } from '../../testing/binary-transcripts.ts';
import { RouteWorld } from '../../testing/route-world.ts';
import { OPCODE, STATUS } from '../protocol/binary/opcodes.ts';

const uint32 = (value: number): string => bigEndian(value, 4);

/** One server that answers meta commands by what `answer` says of their line. */
function world(answer: (line: string) => string, cut?: (text: string) => string[]): RouteWorld {
  const made = new RouteWorld({ mains: 1, backups: 0, ...(cut === undefined ? {} : { cut }) }).start();
  const [server] = made.servers;
  server!.metaReply = () => answer(server!.seen.at(-1) ?? '');
  return made;
}

function replies(text: string): BinaryReply[] {
  const { replies: found, used } = parseReplies(text);
  assert.equal(used, text.length, 'whole replies');
  return found;
}

const SET = binaryPacket(OPCODE.set, {
  key: 'a',
  extras: uint32(7) + uint32(100),
  value: 'x\r\ny',
  opaque: 5,
});

test('requests go on as the meta commands that do the same', () => {
  const made = world(() => 'HD c9\r\n');
  const client = made.client();
  const odd = 'k \r\n';
  for (const [packet, line] of [
    [SET, 'ms a 4 c F7 T100'],
    [binaryPacket(OPCODE.addQ, { key: 'a', extras: uint32(0) + uint32(0), value: '' }), 'ms a 0 c F0 T0 ME'],
    [
      binaryPacket(OPCODE.replace, { key: 'a', extras: uint32(1) + uint32(0xffffffff), value: 'v' }),
      'ms a 1 c F1 T2147483647 MR',
    ],
    [
      binaryPacket(OPCODE.add, { key: 'a', extras: uint32(1) + uint32(0), value: 'v', cas: 1n << 60n }),
      'ms a 1 c F1 T0 C1152921504606846976',
    ],
    [binaryPacket(OPCODE.append, { key: 'a', value: 'v' }), 'ms a 1 c MA'],
    [binaryPacket(OPCODE.prependQ, { key: 'a', value: 'v', cas: 3n }), 'ms a 1 c MP C3'],
    [binaryPacket(OPCODE.get, { key: 'a' }), 'mg a f c v'],
    [binaryPacket(OPCODE.getKQ, { key: odd }), `mg ${Buffer.from(odd).toString('base64')} b f c v`],
    [binaryPacket(OPCODE.getAndTouch, { key: 'a', extras: uint32(9) }), 'mg a f c v T9'],
    [binaryPacket(OPCODE.touch, { key: 'a', extras: uint32(9) }), 'mg a f c T9'],
    [binaryPacket(OPCODE.delete, { key: 'a', cas: 4n }), 'md a C4'],
    [
      binaryPacket(OPCODE.increment, { key: 'a', extras: bigEndian(5, 8) + bigEndian(6, 8) + uint32(50) }),
      'ma a v c MI D5 N50 J6',
    ],
    [
      binaryPacket(OPCODE.decrementQ, {
        key: 'a',
        extras: bigEndian(5, 8) + bigEndian(6, 8) + uint32(0xffffffff),
      }),
      'ma a v c MD D5',
    ],
  ] as const) {
    client.send(packet);
    made.run(10);
    assert.equal(made.servers[0]!.seen.at(-1), line);
  }
  made.nothingLeft();
});

test('answers are told with status, flags, key and cas id, and quiet commands are quiet', () => {
  for (const [packet, reply, expected] of [
    [SET, 'HD c9\r\n', [STATUS.ok, '', '', '', 9n]],
    [SET, 'EX\r\n', [STATUS.exists, '', '', 'Data exists for key.', 0n]],
    [SET, 'NF\r\n', [STATUS.notFound, '', '', 'Not found', 0n]],
    [SET, 'SERVER_ERROR out of memory storing object\r\n', [STATUS.noMemory, '', '', 'Out of memory', 0n]],
    [SET, 'SERVER_ERROR object too large for cache\r\n', [STATUS.tooLarge, '', '', 'Too large.', 0n]],
    [SET, 'ERROR\r\n', [STATUS.unknownCommand, '', '', 'Unknown command', 0n]],
    [
      binaryPacket(OPCODE.add, { key: 'a', extras: uint32(0) + uint32(0) }),
      'NS\r\n',
      [STATUS.exists, '', '', 'Data exists for key.', 0n],
    ],
    [
      binaryPacket(OPCODE.replace, { key: 'a', extras: uint32(0) + uint32(0) }),
      'NS\r\n',
      [STATUS.notFound, '', '', 'Not found', 0n],
    ],
    [
      binaryPacket(OPCODE.append, { key: 'a', value: 'v' }),
      'NS\r\n',
      [STATUS.notStored, '', '', 'Not stored.', 0n],
    ],
    [
      binaryPacket(OPCODE.get, { key: 'a' }),
      'VA 3 f7 c18446744073709551615\r\nxyz\r\n',
      [STATUS.ok, uint32(7), '', 'xyz', 18446744073709551615n],
    ],
    [binaryPacket(OPCODE.getK, { key: 'a' }), 'VA 0 f0 c1\r\n\r\n', [STATUS.ok, uint32(0), 'a', '', 1n]],
    [binaryPacket(OPCODE.get, { key: 'a' }), 'EN\r\n', [STATUS.notFound, '', '', 'Not found', 0n]],
    [binaryPacket(OPCODE.getK, { key: 'a' }), 'EN\r\n', [STATUS.notFound, '', 'a', '', 0n]],
    [
      binaryPacket(OPCODE.touch, { key: 'a', extras: uint32(9) }),
      'HD f5 c2\r\n',
      [STATUS.ok, uint32(5), '', '', 2n],
    ],
    [
      binaryPacket(OPCODE.increment, { key: 'a', extras: bigEndian(1, 8).repeat(2) + uint32(0) }),
      'VA 21 c3\r\n18446744073709551615 \r\n',
      [STATUS.ok, '', '', '\xff'.repeat(8), 3n],
    ],
    [
      binaryPacket(OPCODE.increment, { key: 'a', extras: bigEndian(1, 8).repeat(2) + uint32(0) }),
      'CLIENT_ERROR cannot increment or decrement non-numeric value\r\n',
      [STATUS.nonNumeric, '', '', 'Non-numeric server-side value for incr or decr', 0n],
    ],
    [binaryPacket(OPCODE.getQ, { key: 'a' }), 'EN\r\n', null],
    [binaryPacket(OPCODE.setQ, { key: 'a', extras: uint32(0) + uint32(0) }), 'HD c1\r\n', null],
    [binaryPacket(OPCODE.deleteQ, { key: 'a' }), 'HD\r\n', null],
    [
      binaryPacket(OPCODE.incrementQ, { key: 'a', extras: bigEndian(1, 8).repeat(2) + uint32(0) }),
      'VA 1 c3\r\n5\r\n',
      null,
    ],
  ] as const) {
    const made = world(() => reply);
    const client = made.client();
    client.send(packet + binaryPacket(OPCODE.noop, { opaque: 77 }));
    made.run(20);
    const found = replies(client.take());
    assert.equal(found.pop()?.opaque, 77);
    const seen = found.map(({ status, extras, key, value, cas }) => [status, extras, key, value, cas]);
    assert.deepEqual(seen, expected === null ? [] : [expected], JSON.stringify(reply));
    made.nothingLeft();
  }
});

test('however requests and answers are cut, and whatever the size, it comes to the same', () => {
  for (const size of [0, 10, 40_000, 200_000]) {
    const value = 'v'.repeat(size);
    for (const piece of [1, 7, 5000]) {
      if (size / piece > 1000) continue;
      const made = world(
        (line) => (line.startsWith('mg') ? `VA ${size} f3 c4\r\n${value}\r\n` : 'HD c9\r\n'),
        (text) => text.match(new RegExp(`[\\s\\S]{1,${piece}}`, 'g')) ?? [],
      );
      const client = made.client();
      const set = binaryPacket(OPCODE.set, { key: 'a', extras: uint32(7) + uint32(100), value, opaque: 5 });
      const requests =
        set +
        binaryPacket(OPCODE.getK, { key: 'a', opaque: 6 }) +
        binaryPacket(OPCODE.get, { key: 'b', opaque: 7 }) +
        binaryPacket(OPCODE.noop, { opaque: 8 });
      for (let at = 0; at < requests.length; at += piece) client.send(requests.slice(at, at + piece));
      made.run(200);
      const found = replies(client.take());
      assert.deepEqual(
        found.map(({ opaque, key, value: got }) => [opaque, key, got.length]),
        [
          [5, '', 0],
          [6, 'a', size],
          [7, '', size],
          [8, '', 0],
        ],
        `${size} in pieces of ${piece}`,
      );
      assert.equal(made.servers[0]!.values.size, 0);
      made.nothingLeft();
    }
  }
});

test('what is not for proxies, what is too long, and dead servers', () => {
  const made = world(() => 'HD\r\n');
  const client = made.client();
  const status = (packet: string): number | undefined => {
    client.send(packet);
    made.run(50);
    return replies(client.take())[0]?.status;
  };
  assert.equal(status(binaryPacket(OPCODE.flush)), STATUS.unknownCommand);
  assert.equal(status(binaryPacket(OPCODE.saslList)), STATUS.unknownCommand);
  assert.equal(status(binaryPacket(0x60, { value: 'junk' })), STATUS.unknownCommand);
  assert.equal(status(binaryPacket(OPCODE.get, { key: '\0'.repeat(250) })), STATUS.invalidArguments);
  assert.equal(status(binaryPacket(OPCODE.get, { key: '\0'.repeat(180) })), STATUS.ok);
  client.send(binaryPacket(OPCODE.version) + binaryPacket(OPCODE.stat, { key: 'agent' }));
  made.run(10);
  const [version, figure, end] = replies(client.take());
  assert.equal(version?.value, 'memcached agent v0.5');
  assert.deepEqual([figure?.key, end?.key], ['agent_answer_ms_max', '']);
  made.servers[0]!.kill();
  made.run(50);
  client.send(binaryPacket(OPCODE.get, { key: 'a' }));
  made.run(50);
  const [failed] = replies(client.take());
  assert.deepEqual(
    [failed?.status, failed?.value],
    [STATUS.temporaryFailure, 'CAN NOT CONNECT TO BACKEND SERVER'],
  );
  client.send(binaryPacket(OPCODE.quit));
  made.run(10);
  assert.equal(replies(client.take()).length, 1);
  assert.equal(client.gone, true);
  const other = made.client();
  other.send(`\x80${'\x01'.repeat(23)}`);
  made.run(10);
  assert.equal(other.gone, true, 'lengths that cannot be right');
  made.nothingLeft();
});

test('statistics that cannot be had are refused in either protocol', () => {
  const made = new RouteWorld({ mains: 1, backups: 0, gatherStatistics: (_, done) => done(null) }).start();
  const reason = 'TOO MANY CLIENTS ASK FOR STATISTICS';
  assert.equal(made.ask(made.client(), 'stats servers\r\nmn\r\n'), `SERVER_ERROR ${reason}\r\nMN\r\n`);
  const packets = binaryPacket(OPCODE.stat, { opaque: 7 }) + binaryPacket(OPCODE.noop, {});
  const [refusal, noop] = replies(made.ask(made.client(), packets));
  assert.deepEqual(
    [refusal?.status, refusal?.opaque, refusal?.value, noop?.status],
    [STATUS.temporaryFailure, 7, reason, STATUS.ok],
  );
});

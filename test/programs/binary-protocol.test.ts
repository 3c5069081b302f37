import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPCODE } from '../../src/protocol/binary/opcodes.ts';
import { BinaryClient, bigEndian, binaryPacket } from '../../testing/binary-client.ts';
import { ReplicatedPair } from '../../testing/replicated-pair.ts';
import { startNode } from '../../testing/servers.ts';
import { until } from '../../testing/wait.ts';

const NO_EXTRAS = '\0'.repeat(8);
/** Delta 1, initial number 0. */
const ONE = bigEndian(1, 8) + bigEndian(0, 8) + bigEndian(0, 4);

test('counters that many clients make at once, on four threads, lose no increment', async () => {
  const node = await startNode(['-t', '4']);
  const clients = await Promise.all(Array.from({ length: 8 }, () => BinaryClient.connect(node.port)));
  try {
    for (let round = 0; round < 5; round++) {
      const keys = Array.from({ length: 3000 }, (_, i) => `n${round}.${i}`);
      const requests = keys.map((key) => binaryPacket(OPCODE.incrementQ, { key, extras: ONE })).join('');
      for (const replies of await Promise.all(clients.map((client) => client.ask(requests))))
        assert.deepEqual(replies, []);
      const values = await clients[0]?.ask(...keys.map((key) => binaryPacket(OPCODE.get, { key })));
      // The first of them made it with 0.
      assert.deepEqual(new Set(values?.map(({ value }) => value)), new Set([`${clients.length - 1}`]));
    }
  } finally {
    for (const client of clients) client.close();
    await node.process.kill();
  }
});

test('what is changed over the binary protocol arrives on the twin, cas ids included', async (t) => {
  const pair = await ReplicatedPair.make(['-m', '32', '-t', '2']);
  t.after(() => pair.dispose());
  pair.launch(0);
  pair.launch(1);
  const text = await pair.client(0);
  await pair.linked(text);
  text.close();
  (await pair.client(1)).close();
  const [first, second] = await Promise.all(
    [0, 1].map((i) => BinaryClient.connect(pair.ports[i] ?? 0, pair.hosts[i])),
  );
  assert.ok(first !== undefined && second !== undefined);
  const arrives = async (key: string, value: string | null, cas?: bigint): Promise<void> => {
    await until(`${key} is ${value} on the twin`, async () => {
      const [reply] = await second.ask(binaryPacket(OPCODE.get, { key }));
      return value === null
        ? reply?.status === 1
        : reply?.value === value && (cas === undefined || reply.cas === cas);
    });
  };
  const change = async (opcode: number, key: string, extras: string, value = ''): Promise<bigint> => {
    const [reply] = await first.ask(binaryPacket(opcode, { key, extras, value }));
    assert.equal(reply?.status, 0);
    return reply.cas;
  };
  const long = 'x'.repeat(100_000);
  await arrives('a', 'one', await change(OPCODE.set, 'a', NO_EXTRAS, 'one'));
  await arrives('long', long, await change(OPCODE.set, 'long', NO_EXTRAS, long));
  await arrives('b', 'two', await change(OPCODE.add, 'b', NO_EXTRAS, 'two'));
  await arrives('b', 'three', await change(OPCODE.replace, 'b', NO_EXTRAS, 'three'));
  await arrives('b', 'three!', await change(OPCODE.append, 'b', '', '!'));
  await arrives('b', '-three!', await change(OPCODE.prepend, 'b', '', '-'));
  await arrives('n', '0', await change(OPCODE.increment, 'n', ONE));
  await arrives('n', '1', await change(OPCODE.increment, 'n', ONE));
  await arrives('n', '0', await change(OPCODE.decrement, 'n', ONE));
  await change(OPCODE.delete, 'n', '');
  await arrives('n', null);
  await change(OPCODE.touch, 'a', bigEndian(2592001, 4));
  await arrives('a', null);
  await change(OPCODE.getAndTouch, 'b', bigEndian(2592001, 4));
  await arrives('b', null);
  await first.ask(binaryPacket(OPCODE.setQ, { key: 'quiet', extras: NO_EXTRAS, value: 'q' }));
  await arrives('quiet', 'q');
  await first.ask(binaryPacket(OPCODE.flushQ));
  await arrives('quiet', null);
  await arrives('long', null);
  first.close();
  second.close();
});

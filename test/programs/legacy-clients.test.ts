/** What a twin that is a repcached means to a node's clients and its operator. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BinaryClient, bigEndian, binaryPacket } from '../../testing/binary-client.ts';
import { DatagramClient } from '../../testing/datagrams.ts';
import { LegacyTwin } from '../../testing/legacy-twin.ts';
import { freePorts } from '../../testing/processes.ts';
import { RawSocket } from '../../testing/raw-socket.ts';
import { startNode, TRANSPORTS } from '../../testing/servers.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const SET = 0x01;
const DELETE = 0x04;
const INCREMENT = 0x05;
const FLUSH = 0x08;
const APPEND = 0x0e;
const TOUCH = 0x1c;
const GAT = 0x1d;
const word = (value: number): string => bigEndian(value, 4);

for (const transport of TRANSPORTS) {
  test(`what a repcached itself keeps from its twin arrives there from ours (${transport})`, async (t) => {
    const [twinPort = 0, datagramPort = 0] = await freePorts(2);
    const options = ['-m', '16', '-t', '2', '-X', `${twinPort}`, '-U', `${datagramPort}`];
    const { process, port } = await startNode(options, transport);
    t.after(() => process.kill());
    const binary = await BinaryClient.connect(port);
    t.after(() => binary.close());
    const text = await TextClient.connect(port);
    t.after(() => text.close());
    const datagrams = new DatagramClient(datagramPort);
    t.after(() => datagrams.close());
    const twin = await LegacyTwin.dial(twinPort);
    t.after(() => twin.close());
    const item = (key: string) => twin.items.get(key);
    const arrives = (what: string, condition: () => boolean): Promise<unknown> => until(what, condition);

    await binary.ask(binaryPacket(SET, { key: 'k', extras: word(0xfffffffe) + word(0), value: 'v' }));
    await arrives('set', () => item('k')?.value === 'v' && item('k')?.flags === 0xfffffffe);
    await binary.ask(binaryPacket(APPEND, { key: 'k', value: 'w' }));
    await arrives('append', () => item('k')?.value === 'vw');
    await binary.ask(binaryPacket(TOUCH, { key: 'k', extras: word(1000) }));
    await arrives('touch', () => (item('k')?.exptime ?? 0) > 0);
    await binary.ask(binaryPacket(GAT, { key: 'k', extras: word(0) }));
    await arrives('gat', () => item('k')?.exptime === 0);
    assert.match(await text.ask('gat 1000 k'), /^VALUE k /);
    await arrives('gat in text', () => (item('k')?.exptime ?? 0) > 0);
    const start = bigEndian(1, 8) + bigEndian(41, 8) + word(0);
    await binary.ask(binaryPacket(INCREMENT, { key: 'n', extras: start }));
    await arrives('increment that makes the item', () => item('n')?.value === '41');
    await binary.ask(binaryPacket(INCREMENT, { key: 'n', extras: start }));
    await arrives('increment', () => item('n')?.value === '42');
    const [, cas = ''] = /^VALUE n 0 2 (\d+)/.exec(await text.ask('gets n')) ?? [];
    assert.equal(await text.ask(`cas n 1 0 1 ${cas}\r\n7`), 'STORED\r\n');
    assert.equal(await text.ask(`cas n 1 0 1 ${cas}\r\n8`), 'EXISTS\r\n');
    await arrives('cas', () => item('n')?.value === '7');
    assert.equal(await datagrams.ask('set u 0 0 1\r\nx\r\n'), 'STORED\r\n');
    await arrives('UDP', () => item('u')?.value === 'x');
    await binary.ask(binaryPacket(DELETE, { key: 'n' }));
    await arrives('delete', () => item('n') === undefined);
    // An item of a key that no line can carry stays here alone, and harms nothing.
    await binary.ask(binaryPacket(SET, { key: 'two words', extras: word(0) + word(0), value: 'flush_all' }));
    await until(
      'it is counted',
      async () => (await text.stats('replication')).get('replication_refused_keys') === '1',
    );
    assert.equal(item('k')?.value, 'vw');
    await binary.ask(binaryPacket(FLUSH));
    await arrives('flush', () => twin.items.size === 0);
    await text.set('again', '1');
    await arrives('set', () => twin.items.size === 1);
    // The original sends the time of its own start here, and its twin keeps all that is newer.
    await text.ask('flush_all 0');
    await arrives('flush_all 0', () => twin.items.size === 0);
    assert.equal(twin.lines.at(-1), 'flush_all ');
  });

  test(`clients come in when the copy has ended, the log speaks repcached's words, a signal sends the rest (${transport})`, async (t) => {
    const [port = 0, twinPort = 0] = await freePorts(2);
    const twin = new LegacyTwin();
    t.after(() => twin.close());
    twin.set('k', 'v');
    await twin.listen(twinPort, '127.0.0.2', true);
    const options = ['-m', '16', '-p', `${port}`, '-x', '127.0.0.2', '-X', `${twinPort}`, '-v'];
    const starting = startNode(options, transport);
    t.after(async () => (await starting).process.kill());
    await until('the link', () => twin.isLinked);
    // Sockets of Node.js accept whenever they listen; who comes early waits there.
    const early = transport === 'portable' ? await TextClient.connect(port) : null;
    t.after(() => early?.close());
    const answer = early?.get('during');
    if (early === null) await assert.rejects(RawSocket.connect(port), /ECONNREFUSED/);
    twin.set('during', 'the copy');
    twin.endCopy();
    const { process } = await starting;
    const client = await TextClient.connect(port);
    t.after(() => client.close());
    assert.equal(await client.get('k'), 'v');
    assert.equal(await client.get('during'), 'the copy');
    if (answer !== undefined) assert.equal(await answer, 'the copy');
    const large = 'L'.repeat(100_000);
    for (let i = 0; i < 50; i++) await client.set(`k${i}`, large);
    assert.equal(await process.kill('SIGINT'), 0);
    await until('the rest', () => twin.items.get('k49')?.value === large);
    for (let i = 0; i < 50; i++) assert.equal(twin.items.get(`k${i}`)?.value, large);
    const said = process.stderr();
    for (const line of ['listen', 'marugoto copying', 'start', 'cleanup complete'])
      assert.match(said, new RegExp(`^replication: ${line}$`, 'm'));
    assert.match(said, /^replication: connect \(peer=127\.0\.0\.2:\d+\)$/m);
    assert.match(said, /^replication: close/m);
  });

  test(`the log of the one who is dialled (${transport})`, async (t) => {
    const [twinPort = 0] = await freePorts(1);
    const { process, port } = await startNode(['-m', '16', '-X', `${twinPort}`, '-v'], transport);
    t.after(() => process.kill());
    const client = await TextClient.connect(port);
    t.after(() => client.close());
    await client.set('a', '1');
    await client.set('b', '2');
    const twin = await LegacyTwin.dial(twinPort);
    assert.equal((await client.stats('replication')).get('replication_state'), 'linked');
    twin.close();
    await until('the end', () => process.stderr().includes('cleanup complete'));
    const words = [...process.stderr().matchAll(/^replication: ([a-z]+ ?(?:start|2|owari|complete)?)/gm)];
    assert.deepEqual(
      words.map(([, said = '']) => said.trim()),
      [
        'listen',
        'repcached',
        'accept',
        'marugoto start',
        'marugoto 2',
        'marugoto owari',
        'close',
        'cleanup complete',
      ],
    );
  });
}

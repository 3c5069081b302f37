import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { LegacyTwin } from '../../testing/legacy-twin.ts';
import { freePorts } from '../../testing/processes.ts';
import { RawSocket } from '../../testing/raw-socket.ts';
import { startNode, TRANSPORTS } from '../../testing/servers.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

async function node(
  t: TestContext,
  options: readonly string[],
  transport: 'reactor' | 'portable' | 'auto' = 'auto',
): Promise<TextClient> {
  const server = await startNode(['-m', '16', '-t', '2', ...options], transport);
  t.after(() => server.process.kill('SIGTERM'));
  const client = await TextClient.connect(server.port);
  t.after(() => client.close());
  return client;
}

/** What `gets` says of a key. */
async function shown(client: TextClient, key: string): Promise<string> {
  return (await client.ask(`gets ${key}`)).replace('END\r\n', '').trimEnd();
}

for (const transport of TRANSPORTS) {
  test(`a repcached that dials gets a copy and every change, and its own arrive (${transport})`, async (t) => {
    const [port = 0] = await freePorts(1);
    const client = await node(t, ['-X', `${port}`], transport);
    assert.equal(await client.ask('set before 4294967295 0 5\r\nvalue'), 'STORED\r\n');
    const twin = await LegacyTwin.dial(port);
    t.after(() => twin.close());
    const before = twin.items.get('before');
    assert.deepEqual([before?.flags, before?.value], [0xffffffff, 'value']);
    const [, cas = ''] = /^VALUE before 4294967295 5 (\d+)\r\n/.exec(await client.ask('gets before')) ?? [];
    assert.equal(before?.cas, Number(BigInt(cas) % 2n ** 32n), 'the cas id, cut to 32 bits');

    const value = (key: string): string | undefined => twin.items.get(key)?.value;
    const arrives = (what: string, condition: () => boolean): Promise<unknown> => until(what, condition);
    await client.ask('set k 1 0 1\r\na');
    await client.ask('append k 0 0 1\r\nb');
    await client.ask('prepend k 0 0 1\r\nc');
    await arrives('set, append, prepend', () => value('k') === 'cab');
    await client.ask('replace k 3 1000 2\r\n10');
    await client.ask('incr k 5');
    await arrives('replace, incr', () => value('k') === '15' && twin.items.get('k')?.flags === 3);
    await client.ask('touch k 0');
    await arrives('touch', () => twin.items.get('k')?.exptime === 0);
    await client.ask('ms meta 2\r\nmm');
    await client.ask('ma number N0 J7');
    await arrives('ms, ma', () => value('meta') === 'mm' && value('number') === '7');
    await client.ask('md meta');
    await client.ask('delete number noreply\r\nmn');
    await arrives('md, delete', () => !twin.items.has('meta') && !twin.items.has('number'));
    const [, large = ''] = [0, 'L'.repeat(900_000)];
    await client.set('large', large);
    await arrives('a large value', () => value('large') === large);
    const after = Math.floor(Date.now() / 1000) + 100;
    await client.ask('flush_all 100');
    await arrives('a flush to come', () =>
      twin.lines.some((line) => Math.abs(Number(/^flush_all (\d+)$/.exec(line)?.[1]) - after) <= 2),
    );
    await client.ask('flush_all');
    await arrives('a flush', () => twin.items.size === 0);

    twin.set('theirs', 'v', 2 ** 32 - 1, after);
    await until(
      'their set',
      async () => (await shown(client, 'theirs')) === 'VALUE theirs 4294967295 1 1\r\nv',
    );
    twin.set('theirs', 'w', 5);
    await until('their next', async () => (await shown(client, 'theirs')) === 'VALUE theirs 5 1 2\r\nw');
    assert.equal(await client.ask('cas theirs 0 0 1 1\r\nx'), 'EXISTS\r\n', 'a stale cas id of theirs');
    assert.equal(await client.ask('cas theirs 0 0 1 2\r\nx'), 'STORED\r\n', 'their cas id is good here');
    await arrives('what became of it', () => value('theirs') === 'x');
    twin.delete('theirs');
    await until('their delete', async () => (await client.get('theirs')) === null);
    await client.set('last', '1');
    twin.flush();
    await until('their flush', async () => (await client.get('last')) === null);
    const stats = await client.stats('replication');
    assert.equal(stats.get('replication_peer_0_protocol'), 'repcached');
    assert.equal((await client.stats()).get('replication'), 'MASTER');
    // Nothing that came from there went back.
    assert.equal(twin.lines.filter((line) => /^(rep|delete) theirs/.test(line)).length, 1);
  });

  test(`a repcached that listens fills a node before its clients come in, and is dialled again (${transport})`, async (t) => {
    const [port = 0] = await freePorts(1);
    const twin = new LegacyTwin();
    t.after(() => twin.close());
    for (let i = 0; i < 1000; i++) twin.set(`k${i}`, `v${i}`, i);
    await twin.listen(port, '127.0.0.2');
    const client = await node(t, ['-x', '127.0.0.2', '-X', `${port}`], transport);
    for (const i of [0, 500, 999]) assert.equal(await client.get(`k${i}`), `v${i}`, 'at the first look');
    await client.set('ours', '1');
    await until('ours', () => twin.items.get('ours')?.value === '1');
    // The link breaks; both go on; the original listens.
    twin.cut();
    await until(
      'it is noticed',
      async () => (await client.stats('replication')).get('replication_peers') === '0',
    );
    await client.set('ours', '2');
    await client.ask('delete k0');
    twin.set('k1', 'theirs meanwhile');
    await twin.listen(port, '127.0.0.2');
    await until('linked again', () => twin.isLinked);
    await until('theirs', async () => (await client.get('k1')) === 'theirs meanwhile');
    await until('ours', () => twin.items.get('ours')?.value === '2' && !twin.items.has('k0'));
    assert.equal(await client.get('k0'), null, 'their copy does not bring it back');
    assert.equal(await client.get('ours'), '2');
  });
}

test('a third node has what the repcached says, and the repcached what the third says to it through nobody', async (t) => {
  const [port = 0, otherPort = 0] = await freePorts(2);
  const first = await node(t, ['-X', `${port}`]);
  const second = await node(t, ['-x', `127.0.0.1:${port}`, '-X', `${otherPort}`]);
  const twin = await LegacyTwin.dial(port);
  t.after(() => twin.close());
  twin.set('k', 'from the old one', 9);
  await until('it goes through', async () => (await shown(second, 'k')).includes('from the old one'));
  assert.equal(await shown(first, 'k'), await shown(second, 'k'), 'with its cas id');
});

test('one that only looks gets nothing, a second repcached neither; nor any where it is not wanted', async (t) => {
  const [port = 0, strictPort = 0] = await freePorts(2);
  const client = await node(t, ['-X', `${port}`]);
  await client.set('secret', 'x');
  for (const said of ['', 'get secret\r\n', 'stats\r\n', 'touch secret 1\r\n']) {
    const probe = await RawSocket.connect(port);
    probe.push(said);
    if (said === '') {
      probe.vanish(false);
      continue;
    }
    assert.equal(await probe.readToEnd(), '');
  }
  const twin = await LegacyTwin.dial(port);
  t.after(() => twin.close());
  const second = await RawSocket.connect(port);
  assert.equal(await second.readToEnd(), '');
  await client.set('still', 'here');
  await until('the first goes on', () => twin.items.get('still')?.value === 'here');
  const strict = await node(t, ['-X', `${strictPort}`, '--no-legacy-twins']);
  await strict.set('secret', 'x');
  const refused = await RawSocket.connect(strictPort);
  assert.equal(await refused.readToEnd(), '');
});

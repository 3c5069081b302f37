import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { AS_ROOT, twincached } from '../../testing/processes.ts';
import { RawSocket } from '../../testing/raw-socket.ts';
import { type Server, startNode, TRANSPORTS } from '../../testing/servers.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const folder: string = mkdtempSync(join(tmpdir(), 'twincached-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));

async function stop({ process }: Server, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  process.child.kill(signal);
  assert.equal(await process.ended(), 0, process.stderr());
}

for (const transport of TRANSPORTS) {
  test(`${transport}: with no_maxconns_fast nobody is accepted while the node is full, and nobody is refused`, async () => {
    const node = await startNode(['-c', '3', '-t', '2', '-o', 'no_maxconns_fast'], transport);
    const clients = await Promise.all([1, 2, 3].map(() => TextClient.connect(node.port)));
    const [first] = clients;
    assert.ok(first !== undefined);
    await until('a full node', async () => (await first.stats()).get('accepting_conns') === '0');
    const waiting = await RawSocket.connect(node.port);
    await waiting.send('version\r\n');
    await until('all clients', async () => (await first.stats()).get('curr_connections') === '3');
    for (let i = 0; i < 20; i++) assert.equal((await first.stats()).get('curr_connections'), '3');
    assert.equal(waiting.received, '');
    const stats = await first.stats();
    assert.equal(stats.get('listen_disabled_num'), '1');
    assert.equal(stats.has('rejected_connections'), false);
    clients[2]?.close();
    await until('the client that waited', () => waiting.received.startsWith('VERSION'));
    await until('time without accepting', async () =>
      Number((await first.stats()).get('time_in_listen_disabled_us')) > 0 ? true : null,
    );
    // Full again, and open again when two have gone.
    waiting.vanish();
    clients[1]?.close();
    await until('accepting', async () => (await first.stats()).get('accepting_conns') === '1');
    const late = await TextClient.connect(node.port);
    assert.match(await late.ask('version'), /^VERSION/);
    late.close();
    first.close();
    await stop(node);
  });

  test(`${transport}: idle clients are closed, those that speak are not`, async () => {
    const node = await startNode(['-t', '2', '-o', 'idle_timeout=1'], transport, { MEMCACHED_DEBUG: '1' });
    const busy = await TextClient.connect(node.port);
    const idle = await RawSocket.connect(node.port);
    const halfway = await RawSocket.connect(node.port);
    await halfway.send('set k 0 0 5\r\nab');
    await idle.send('version\r\n');
    await until('an answer', () => idle.received !== '');
    assert.equal((await busy.stats()).get('idle_kicks'), '0');
    await until('the idle client closed', async () => {
      await busy.ask('version');
      return idle.isClosed;
    });
    assert.equal((await busy.stats()).get('idle_kicks'), '1');
    assert.equal(halfway.isClosed, false, 'a request that is under way is waited for');
    halfway.vanish();
    busy.close();
    await stop(node);
  });
}

test('a connection with many requests in flight gives way to others', async () => {
  const node = await startNode(['-R', '5', '-t', '1']);
  const clients = await Promise.all([1, 2, 3].map(() => RawSocket.connect(node.port)));
  await Promise.all(clients.map((client) => client.send('version\r\n'.repeat(500))));
  for (const client of clients)
    await until('all answers', () => client.received.split('VERSION').length === 501);
  const stats = await TextClient.connect(node.port);
  assert.ok(Number((await stats.stats()).get('conn_yields')) >= 100);
  stats.close();
  for (const client of clients) client.vanish();
  await stop(node);
});

test('the clock of a test is moved for all threads, and not where it is not a test', async () => {
  const node = await startNode(['-t', '3'], 'auto', { MEMCACHED_DEBUG: '1' });
  const clients = await Promise.all([1, 2, 3].map(() => TextClient.connect(node.port)));
  const [one, two, three] = clients;
  assert.ok(one !== undefined && two !== undefined && three !== undefined);
  assert.equal(await one.ask('debugtime p'), 'OK\r\n');
  assert.equal(await one.set('k', 'v', 100), 'STORED');
  assert.equal(await two.ask('debugtime 99'), 'OK\r\n');
  assert.equal(await three.get('k'), 'v');
  assert.equal(await two.ask('debugtime 1'), 'OK\r\n');
  for (const client of clients) assert.equal(await client.get('k'), null);
  assert.equal(await one.ask('debugtime r'), 'OK\r\n');
  assert.equal(await one.get('k'), null);
  assert.equal(await one.ask('debugtime x'), 'ERROR\r\n');
  for (const client of clients) client.close();
  await stop(node);
  const plain = await startNode([]);
  const client = await TextClient.connect(plain.port);
  assert.equal(await client.ask('debugtime 1'), 'ERROR\r\n');
  client.close();
  await stop(plain);
});

test('-vv traces on stderr, verbosity turns it on and off; signals say what they do', async () => {
  const node = await startNode(['-vv']);
  const client = await TextClient.connect(node.port);
  await client.get('k');
  await client.ask('verbosity 1');
  await client.get('unseen');
  client.close();
  node.process.child.kill('SIGHUP');
  await stop(node, 'SIGUSR1');
  assert.match(node.process.stderr(), /<(\d+) get k\n>\1 END\n<\1 verbosity 1\n>\1 OK\n/);
  assert.doesNotMatch(node.process.stderr(), /unseen/);
  assert.match(
    node.process.stderr(),
    /^slab class {3}1: chunk size {8}96 perslab {3}10922\nslab class {3}2: .*\n(slab.*\n){36}slab class {2}39: chunk size {4}524288 perslab {7}2\n/m,
  );
  assert.match(node.process.stderr(), /Gracefully stopping\n$/);
});

test('a dump that is longer than the kernel holds goes on as it is read', async () => {
  const node = await startNode(['-t', '1']);
  const client = await RawSocket.connect(node.port);
  const items = 40_000;
  let sets = '';
  for (let i = 0; i < items; i++) sets += `set key${i}${'x'.repeat(230)} 0 0 1 noreply\r\nx\r\n`;
  await client.send(`${sets}version\r\n`);
  await until('all stored', () => client.received.startsWith('VERSION'));
  client.stopReading();
  await client.send('lru_crawler metadump hash\r\n');
  const other = await TextClient.connect(node.port);
  await until(
    'a dump that cannot go on',
    async () => Number((await other.stats()).get('response_obj_bytes')) > 0,
  );
  client.readOn();
  await until('the whole dump', () => client.received.endsWith('END\r\n'));
  assert.equal(client.received.match(/^key=key/gm)?.length, items);
  other.close();
  client.vanish();
  await stop(node);
});

test('the port file has a line for each address, TCP first', async () => {
  const file = join(folder, 'ports');
  const words = ['memcached', ...AS_ROOT, '-l', '127.0.0.1,127.0.0.2', '-p', '-1', '-U', '-1'];
  const running = twincached(words, { MEMCACHED_PORT_FILENAME: file });
  await until('the port file', () => existsSync(file));
  assert.match(readFileSync(file, 'latin1'), /^(TCP INET: [1-9]\d*\n){2}(UDP INET: [1-9]\d*\n){2}$/);
  running.child.kill('SIGTERM');
  assert.equal(await running.ended(), 0);
});

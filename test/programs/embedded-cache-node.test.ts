/** A node within a process, as the package's users have it: by the package's name. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { CacheNode, StartError } from 'twincached';
import { certificatePath } from '../../testing/certificates.ts';
import { TRANSPORTS } from '../../testing/servers.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const MEBIBYTE = 1024 * 1024;

test('three lines to a running node', async () => {
  const node = new CacheNode();
  await node.start();
  const { address, port } = node;
  assert.equal(address, `127.0.0.1:${port}`);
  const client = await TextClient.connect(port);
  assert.equal(await client.set('k', 'v'), 'STORED');
  assert.equal(await client.get('k'), 'v');
  client.close();
  await node.stop();
  assert.equal(await node.ended, null);
  await assert.rejects(TextClient.connect(port), /ECONNREFUSED/);
});

test('two nodes replicate, started one after the other', async () => {
  const first = new CacheNode({ replicationPort: 0 });
  await first.start();
  const before = await TextClient.connect(first.port);
  await before.set('early', 'bird');
  const second = new CacheNode({ twins: [first.replicationAddress], threads: 2 });
  await second.start();
  const after = await TextClient.connect(second.port);
  assert.equal(await after.get('early'), 'bird');
  await after.set('late', 'owl');
  await until('the twin has it', async () => (await before.get('late')) === 'owl');
  before.close();
  after.close();
  await Promise.all([first.stop(), second.stop()]);
});

test('twins in one process, guarded by a secret and TLS; one that knows neither is not linked', async () => {
  const tls = {
    chainFile: certificatePath('twin.pem'),
    keyFile: certificatePath('twin-key.pem'),
    authoritiesFile: certificatePath('twins-authority.pem'),
  };
  const guarded = { secret: 'that twins must know', tls, compressBytesMin: 100 };
  const first = new CacheNode({ replicationPort: 0, replication: guarded });
  await first.start();
  const twins = [first.replicationAddress];
  const second = new CacheNode({ twins, replication: guarded });
  const stranger = new CacheNode({ twins, replication: { tls } });
  await Promise.all([second.start(), stranger.start()]);
  const [a, b, c] = await Promise.all([first, second, stranger].map((node) => TextClient.connect(node.port)));
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  assert.equal(await a.set('k', 'v'.repeat(1000)), 'STORED');
  await until('the twin has it', async () => (await b.get('k')) === 'v'.repeat(1000));
  await until('the stranger is refused', async () => {
    return Number((await a.stats('replication')).get('replication_refused_secret')) > 0;
  });
  assert.equal(await c.get('k'), null);
  for (const client of [a, b, c]) client.close();
  const short = new CacheNode({ replicationPort: 0, replication: { secret: 'short' } });
  await assert.rejects(short.start(), /the secret of the twins has 5 bytes; 16 are needed/);
  await Promise.all([first, second, stranger].map((node) => node.stop()));
});

test('other addresses: IPv6, a unix socket; options of a node', async () => {
  const v6 = new CacheNode({ host: '::1', itemBytesMax: 2048, memoryBytesMax: 4 * MEBIBYTE });
  await v6.start();
  assert.equal(v6.address, `[::1]:${v6.port}`);
  const client = await TextClient.connect(v6.port, '::1');
  assert.match(await client.set('k', 'x'.repeat(3000)), /^SERVER_ERROR object too large/);
  assert.equal((await client.stats()).get('limit_maxbytes'), String(4 * MEBIBYTE));
  assert.equal((await client.stats()).get('threads'), '1');
  client.close();
  await v6.stop();

  const folder = mkdtempSync(join(tmpdir(), 'twincached-test-'));
  const local = new CacheNode({ unixPath: join(folder, 'socket') });
  await local.start();
  assert.equal(local.address, join(folder, 'socket'));
  const socket = connect(local.address);
  const reply = await new Promise<string>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('data', (bytes) => resolve(bytes.toString('latin1')));
    socket.write('mn\r\n');
  });
  assert.equal(reply, 'MN\r\n');
  await local.stop();
  rmSync(folder, { recursive: true });
});

test('its life: refusals, twice, before the start, during it, again', async () => {
  const node = new CacheNode();
  assert.throws(() => node.port, /does not run/);
  assert.throws(() => node.address, /does not run/);
  await node.stop();
  await node.start();
  await assert.rejects(node.start(), /already/);
  assert.throws(() => node.replicationAddress, /replicationPort/);
  const other = new CacheNode({ port: node.port });
  await assert.rejects(other.start(), (error) => error instanceof StartError && /in use/.test(error.message));
  assert.ok((await other.ended) instanceof StartError);

  const { port } = node;
  await Promise.all([node.stop(), node.stop()]);
  await other.start();
  assert.equal(other.port, port);
  await other.stop();

  const starting = node.start();
  const stopped = node.stop();
  await Promise.all([starting, stopped]);
  assert.throws(() => node.port, /does not run/);
  assert.equal(await node.ended, null);
  // Not before the last life has come to its end.
  const again = node.start();
  await again;
  const client = await TextClient.connect(node.port);
  assert.equal(await client.get('k'), null);
  client.close();
  await node.stop();
});

test("a client's shutdown ends it where that is enabled", async () => {
  const node = new CacheNode({ shutdownEnabled: true });
  await node.start();
  const client = await TextClient.connect(node.port);
  client.ask('shutdown').catch(() => {});
  assert.equal(await node.ended, null);
  assert.throws(() => node.port, /does not run/);
});

/** What a process holds of things that a stopped node must give back. */
function held(): { threads: number; descriptors: number; residentBytes: number } {
  return {
    threads: readdirSync('/proc/self/task').length,
    descriptors: readdirSync('/proc/self/fd').length,
    residentBytes: process.memoryUsage.rss(),
  };
}

/** Rounds until thread pools, code and heap have their size, and rounds that must add nothing. */
const ROUNDS_FIRST = 8;
const ROUNDS = 25;

/** What each round writes. If a fifth of the rounds kept it, the process would be found too large. */
const VALUES = 8;
const VALUE_BYTES: number = MEBIBYTE - 1024;
const GROWTH_BYTES_MAX: number = (ROUNDS / 5) * VALUES * VALUE_BYTES;

for (const transport of TRANSPORTS) {
  const skip = process.platform === 'linux' ? false : 'there is no /proc here';
  test(`started and stopped ${ROUNDS} times without a leak (${transport})`, { skip }, async () => {
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    const value = 'x'.repeat(VALUE_BYTES);
    const round = async (number: number): Promise<void> => {
      const node = new CacheNode({ transport, replicationPort: 0 });
      await node.start();
      const client = await TextClient.connect(node.port);
      for (let i = 0; i < VALUES; i++) await client.set(`value${i}`, value);
      // Some nodes are stopped with a client that is still there.
      if (number % 2 === 0) client.close();
      await node.stop();
      client.close();
    };
    for (let i = 0; i < ROUNDS_FIRST; i++) await round(i);
    collect();
    const before = held();
    for (let i = 0; i < ROUNDS; i++) await round(i);
    await until('all is given back', () => {
      collect();
      const now = held();
      assert.equal(now.threads, before.threads, 'threads');
      assert.equal(now.descriptors, before.descriptors, 'descriptors');
      const grownBytes = now.residentBytes - before.residentBytes;
      assert.ok(grownBytes < GROWTH_BYTES_MAX, `${grownBytes} bytes more`);
      return true;
    });
  });
}

/** The client and the proxy within a process, as the package's users have them: by the package's name. */
import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { CacheError, CacheNode, Proxy as CacheProxy, Client, StartError } from 'twincached';
import { TRANSPORTS } from '../../testing/servers.ts';
import { until } from '../../testing/wait.ts';

describe('a client of a node', () => {
  const node = new CacheNode();
  let client: Client;
  before(async () => {
    await node.start();
    client = new Client(node.address);
  });
  after(async () => {
    client.close();
    await node.stop();
  });

  test('what is set is got, bytes and texts, also empty and long ones', async () => {
    for (const value of ['', 'grüß', 'END\r\n', 'x'.repeat(500_000)]) {
      await client.set('k', value);
      assert.equal((await client.get('k'))?.toString(), value);
    }
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    await client.set('bytes', bytes, { flags: 2 ** 32 - 1 });
    const item = await client.getItem('bytes');
    assert.deepEqual([item?.key, item?.flags, item?.value], ['bytes', 2 ** 32 - 1, Buffer.from(bytes)]);
    assert.equal(await client.get('nothing'), null);
    assert.equal(await client.getItem('nothing'), null);
  });

  test('every way to store says whether it did', async () => {
    assert.equal(await client.replace('s', '1'), false);
    assert.equal(await client.append('s', '1'), false);
    assert.equal(await client.add('s', '1'), true);
    assert.equal(await client.add('s', '2'), false);
    assert.equal(await client.append('s', '2'), true);
    assert.equal(await client.prepend('s', '0'), true);
    assert.equal((await client.get('s'))?.toString(), '012');
    assert.equal(await client.replace('s', '5', { exptime: 100 }), true);
    const { cas = '' } = (await client.getItem('s')) ?? {};
    assert.equal(await client.compareAndSet('s', '6', cas), 'stored');
    assert.equal(await client.compareAndSet('s', '7', cas), 'changed');
    assert.equal(await client.compareAndSet('nothing', '7', cas), 'missing');
    assert.equal(await client.touch('s', 100), true);
    assert.equal(await client.touch('nothing', 100), false);
    assert.equal(await client.delete('s'), true);
    assert.equal(await client.delete('s'), false);
    await client.set('gone', 'x', { exptime: -1 });
    assert.equal(await client.get('gone'), null);
  });

  test('numbers count in 64 bits', async () => {
    await client.set('n', '18446744073709551614');
    assert.equal(await client.increment('n'), 18446744073709551615n);
    assert.equal(await client.increment('n', 3n), 2n);
    assert.equal(await client.decrement('n', 5), 0n);
    assert.equal(await client.increment('nothing'), null);
    await client.set('n', 'x');
    await assert.rejects(client.increment('n'), {
      name: 'CacheError',
      kind: 'refused',
      message: /non-numeric/,
    });
    await client.set('n', '1');
    assert.equal(await client.decrement('n'), 0n, 'the connection goes on after a refusal');
  });

  test('requests are sent without waiting, and answered in their order', async () => {
    const keys = Array.from({ length: 500 }, (_, i) => `many${i}`);
    const results = keys.map((key, i) => client.set(key, `${i}`).then(() => client.get(key)));
    assert.deepEqual(
      (await Promise.all(results)).map(String),
      keys.map((_, i) => `${i}`),
    );
    const many = await client.getMany([...keys, 'nothing']);
    assert.equal(many.size, 500);
    assert.equal(many.get('many7')?.toString(), '7');
    assert.equal((await client.getMany([])).size, 0);
  });

  test('statistics, version and flush_all', async () => {
    assert.match((await client.stats()).get('pid') ?? '', /^\d+$/);
    assert.equal((await client.stats('reset')).size, 0);
    await assert.rejects(client.stats('nonsense'), { kind: 'refused' });
    assert.match(await client.version(), /^\d+\./);
    await client.set('k', 'v');
    await client.flushAll();
    assert.equal(await client.get('k'), null);
  });

  test('what the protocol cannot say is thrown, and nothing is sent', async () => {
    for (const key of ['', 'a b', 'a\r\nflush_all', 'a\0', 'k'.repeat(251), 'ü'.repeat(126)])
      await assert.rejects(client.get(key), RangeError, JSON.stringify(key));
    await assert.rejects(client.set('k', 'v', { flags: 2 ** 32 }), RangeError);
    await assert.rejects(client.set('k', 'v', { flags: -1 }), RangeError);
    await assert.rejects(client.set('k', 'v', { exptime: 1.5 }), RangeError);
    await assert.rejects(client.increment('k', -1), RangeError);
    await assert.rejects(client.increment('k', 2n ** 64n), RangeError);
    await assert.rejects(client.compareAndSet('k', 'v', '1 noreply'), RangeError);
    await assert.rejects(client.stats('items\r\nflush_all'), RangeError);
    assert.throws(() => new Client('[::1'), /no address/);
    assert.throws(() => new Client('127.0.0.1', { timeoutMs: 0 }), RangeError);
    await client.set('k'.repeat(250), 'v');
    assert.equal((await client.get('k'.repeat(250)))?.toString(), 'v');
  });

  test('a server that is gone is an error, and one that is back is dialled again', async () => {
    const other = new CacheNode();
    await other.start();
    const { port, address } = other;
    const one = new Client(address);
    await one.set('k', 'v');
    await other.stop();
    await assert.rejects(one.get('k'), (error) => error instanceof CacheError && error.kind === 'lost');
    const again = new CacheNode({ port });
    await again.start();
    const found = await until('it is dialled again', async () => ({ value: await one.get('k') }));
    assert.equal(found.value, null);
    one.close();
    await again.stop();
  });
});

describe('a client of servers that are none', () => {
  let server: Server | null = null;
  const sockets: Socket[] = [];
  /** A server that does with each connection what is said; its address. */
  const listen = (onConnection: (socket: Socket) => void): Promise<string> =>
    new Promise((resolve) => {
      const listening = createServer((socket) => {
        sockets.push(socket);
        socket.on('error', () => {});
        onConnection(socket);
      });
      server = listening;
      listening.listen(0, '127.0.0.1', () => {
        const bound = listening.address();
        resolve(typeof bound === 'object' && bound !== null ? `127.0.0.1:${bound.port}` : '');
      });
    });
  after(() => server?.close());

  test('no answer: all that wait are lost when the first one has waited long enough', async () => {
    const client = new Client(await listen(() => {}), { timeoutMs: 50 });
    const asked = await Promise.allSettled([client.get('a'), client.get('b')]);
    for (const outcome of asked) {
      assert.ok(outcome.status === 'rejected' && outcome.reason instanceof CacheError);
      assert.match(outcome.reason.message, /no answer within 50 ms/);
    }
    for (const socket of sockets) socket.destroy();
    server?.close();
  });

  test('an answer that is none, and an end in the middle', async () => {
    for (const [answer, reason] of [
      ['VALUE k 0 x\r\n', /no reply of a memcached/],
      ['VALUE k 0 5\r\nab', /closed before an answer/],
    ] as const) {
      const client = new Client(await listen((socket) => socket.once('data', () => socket.end(answer))));
      await assert.rejects(client.get('k'), { name: 'CacheError', kind: 'lost', message: reason });
      for (const socket of sockets) socket.destroy();
      server?.close();
    }
  });

  test('an answer that nobody asked for ends the connection, so that it is not taken for a later one', async () => {
    const client = new Client(
      await listen((socket) => {
        socket.once('data', () => socket.write('VALUE a 0 1\r\n1\r\nEND\r\nVALUE b 0 1\r\n2\r\nEND\r\n'));
      }),
    );
    assert.equal((await client.get('a'))?.toString(), '1');
    await until('the connection has ended', () =>
      sockets.every(({ destroyed, readableEnded }) => destroyed || readableEnded),
    );
    assert.equal((await client.get('b'))?.toString(), '1', 'the next one begins anew');
    client.close();
    for (const socket of sockets) socket.destroy();
    server?.close();
  });

  test('as many requests may wait as the bound says, and not one more', async () => {
    const client = new Client(await listen(() => {}), { requestsMax: 3 });
    const waiting = [client.get('a'), client.get('b'), client.get('c')];
    await assert.rejects(client.get('d'), { name: 'CacheError', kind: 'busy' });
    client.close();
    for (const outcome of await Promise.allSettled(waiting)) assert.equal(outcome.status, 'rejected');
    for (const socket of sockets) socket.destroy();
    server?.close();
  });
});

for (const transport of TRANSPORTS) {
  test(`a proxy in front of twins, ${transport}`, async () => {
    const first = new CacheNode({ replicationPort: 0, transport });
    await first.start();
    const second = new CacheNode({ twins: [first.replicationAddress], transport });
    await second.start();
    const proxy = new CacheProxy({
      servers: [first.address],
      backups: [second.address],
      transport,
      threads: 2,
    });
    assert.throws(() => proxy.port, /does not run/);
    await proxy.start();
    await assert.rejects(proxy.start(), /started already/);
    const client = new Client(proxy.address);
    await client.set('k', 'v');
    await first.stop();
    assert.equal((await client.get('k'))?.toString(), 'v');
    assert.deepEqual([...(await client.stats()).keys()], ['memcached', 'matrix']);
    await proxy.stop();
    assert.equal(await proxy.ended, null);
    await proxy.start();
    const later = new Client(proxy.address);
    assert.equal((await later.get('k'))?.toString(), 'v');
    later.close();
    client.close();
    await proxy.stop();
    await second.stop();
  });
}

test('a proxy with a configuration, and what is wrong with one', async () => {
  const node = new CacheNode();
  await node.start();
  const proxy = new CacheProxy({
    configuration: { pools: { all: { servers: [node.address] } }, route: { type: 'shard', pool: 'all' } },
  });
  await proxy.start();
  const client = new Client(proxy.address);
  await client.set('k', 'v');
  assert.equal((await client.get('k'))?.toString(), 'v');
  client.close();
  await proxy.stop();
  await node.stop();
  for (const [options, message] of [
    [{}, /at least one server/],
    [{ servers: ['a b'] }, /"a b": a server/],
    [{ configuration: { pools: {}, route: 'none' } }, /^configuration:\d+:\d+: /],
    [{ servers: ['127.0.0.1:1'], host: '192.0.2.1' }, /192\.0\.2\.1/],
  ] as const)
    await assert.rejects(new CacheProxy(options).start(), (error) => {
      assert.ok(error instanceof StartError);
      assert.match(error.message, message);
      return true;
    });
});

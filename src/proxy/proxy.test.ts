import assert from 'node:assert/strict';
import dns from 'node:dns';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { after, test } from 'node:test';
import { AS_ROOT, freePorts, MEMCACHED, type Running, run } from '../../testing/processes.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';
import { StartError } from '../base/start-error.ts';
import { type RunningProxy, startProxy } from './main-thread.ts';
import {
  POOL_DEFAULT,
  PROXY_OPTIONS_DEFAULT,
  type ProxyOptions,
  type ProxyPool,
  type ProxyServer,
} from './options.ts';

const NO_MEMCACHED = MEMCACHED === null ? 'memcached is not installed' : false;
const CONNECT = 'SERVER_ERROR CAN NOT CONNECT TO BACKEND SERVER\r\n';

const proxies: RunningProxy[] = [];
const servers: Running[] = [];
const clients: TextClient[] = [];

after(async () => {
  for (const client of clients) client.close();
  await Promise.all(proxies.map((proxy) => proxy.stop()));
  await Promise.all(servers.map((server) => server.kill('SIGKILL')));
});

async function memcached(port: number, host = '127.0.0.1'): Promise<Running> {
  assert.ok(MEMCACHED !== null);
  const server = run(MEMCACHED, [...AS_ROOT, '-l', host, '-p', String(port), '-t', '1']);
  servers.push(server);
  await until(`memcached on ${port}`, async () => {
    const client = await TextClient.connect(port, host);
    // Asked for its pid, lest it be somebody else's who was quicker to take the port.
    const stats = await client.stats();
    client.close();
    assert.equal(server.child.exitCode, null, `memcached on ${port} ended: ${server.stderr()}`);
    return stats.get('pid') === String(server.pid);
  });
  return server;
}

function at(port: number): ProxyServer {
  return { host: '127.0.0.1', port, text: `127.1:${port}` };
}

function poolOver(mains: readonly number[], backups: readonly number[]): ProxyPool {
  return {
    ...POOL_DEFAULT,
    listen: [{ host: '127.0.0.1', port: 0 }],
    servers: [...mains, ...backups].map(at),
    routing: { kind: 'magent', mains: mains.length, distribution: 'modulo' },
  };
}

async function proxyOver(
  mains: readonly number[],
  backups: readonly number[],
  options: Partial<ProxyOptions> = {},
  pool: Partial<ProxyPool> = {},
): Promise<number> {
  const proxy = await startProxy({
    ...PROXY_OPTIONS_DEFAULT,
    pools: [{ ...poolOver(mains, backups), ...pool }],
    ...options,
  });
  proxies.push(proxy);
  return proxy.port;
}

async function clientOf(port: number): Promise<TextClient> {
  const client = await TextClient.connect(port);
  clients.push(client);
  return client;
}

/** Longest time without a byte; a machine on which other tests run is slow. */
const SILENCE_MS_MAX = 20_000;

/**
 * Sends text and collects what comes until there are so many bytes, or the connection closes, or nothing has come for long: a
 * shorter answer than expected (an error in the place of a value) shows as such.
 */
function exchange(port: number, text: string, bytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    let length = 0;
    const done = (): void => {
      socket.destroy();
      resolve(Buffer.concat(chunks).toString('latin1'));
    };
    socket.setTimeout(SILENCE_MS_MAX, done);
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= bytes) done();
    });
    socket.on('close', done);
    socket.write(text, 'latin1');
  });
}

for (const transport of ['reactor', 'portable'] as const)
  test(`${transport}: the main is killed and the client notices nothing`, {
    skip: NO_MEMCACHED,
  }, async () => {
    const [main, backup] = await freePorts(2);
    const [first, second] = [await memcached(main!), await memcached(backup!)];
    // On a busy machine a second is soon over.
    const timeouts = { ...POOL_DEFAULT.timeouts, requestTimeoutMs: 20_000, connectTimeoutMs: 20_000 };
    const client = await clientOf(
      await proxyOver([main!], [backup!], { transport, threads: 2 }, { timeouts }),
    );
    for (let i = 0; i < 50; i++) assert.equal(await client.set(`u${i}`, `value ${i}`), 'STORED');
    assert.equal(await client.ask('incr none 1'), 'NOT_FOUND\r\n');
    // Kept busy while the server dies.
    const during = Promise.all(
      Array.from({ length: 2000 }, (_, i) =>
        client.get(`u${i % 50}`).then((value) => value === `value ${i % 50}`),
      ),
    );
    await first!.kill('SIGKILL');
    assert.ok((await during).every((right) => right));
    for (let i = 0; i < 50; i++) assert.equal(await client.get(`u${i}`), `value ${i}`);
    assert.equal(await client.set('u1', 'new'), 'STORED');
    assert.equal(await client.get('u1'), 'new');
    await memcached(main!);
    const direct = await clientOf(main!);
    // Back but empty: the backup is read, and fills the main.
    await until('the main is filled', async () => {
      assert.equal(await client.get('u1'), 'new');
      return (await direct.get('u1')) === 'new';
    });
    await second!.kill('SIGKILL');
    assert.equal(await client.get('u1'), 'new');
  });

test('a stopped main is given up after the timeout, and when it goes on it is written again and not believed', {
  skip: NO_MEMCACHED,
}, async () => {
  const [main, backup] = await freePorts(2);
  const first = await memcached(main!);
  await memcached(backup!);
  const port = await proxyOver(
    [main!],
    [backup!],
    {},
    // So long may the backup need for an answer on a busy machine.
    { timeouts: { requestTimeoutMs: 3000, connectTimeoutMs: 3000 } },
  );
  const client = await clientOf(port);
  await client.set('a', '1');
  await client.set('gone', 'x');
  process.kill(first.pid, 'SIGSTOP');
  try {
    assert.deepEqual(await Promise.all([client.get('a'), client.set('b', '2'), client.get('b')]), [
      '1',
      'STORED',
      '2',
    ]);
    assert.equal(await client.get('a'), '1');
    const direct = await clientOf(backup!);
    await direct.ask('delete gone');
    assert.equal(await client.get('gone'), null);
  } finally {
    process.kill(first.pid, 'SIGCONT');
  }
  const stopped = await clientOf(main!);
  await until('the main is written again', async () => {
    await client.set('c', '3');
    return (await stopped.get('c')) === '3';
  });
  assert.equal(await stopped.get('gone'), 'x');
  assert.equal(await client.get('gone'), null, 'it missed what was changed meanwhile');
});

test('two layers, with a spare pair: whatever is dead, there is an answer', {
  skip: NO_MEMCACHED,
}, async () => {
  const ports = await freePorts(6);
  const nodes = await Promise.all(ports.map((port) => memcached(port)));
  const inner = [
    await proxyOver([ports[0]!], [ports[1]!]),
    await proxyOver([ports[2]!], [ports[3]!]),
    await proxyOver([ports[4]!], [ports[5]!]),
  ];
  const users = await clientOf(await proxyOver([inner[0]!, inner[1]!], []));
  const spared = await clientOf(await proxyOver([inner[0]!], [inner[2]!]));
  for (let i = 1; i <= 6; i++) assert.equal(await users.set(`u${i}`, `v${i}`), 'STORED');
  assert.equal(await spared.set('s', 'kept'), 'STORED');
  const spread = await Promise.all([0, 2].map(async (i) => (await clientOf(ports[i]!)).stats()));
  assert.ok(spread.every((stats) => Number(stats.get('curr_items')) > 1));
  await nodes[0]!.kill('SIGKILL');
  assert.match(await users.ask('get u1 u2 u3 u4 u5 u6'), /^(VALUE u\d 0 2\r\nv\d\r\n){6}END\r\n$/);
  await nodes[1]!.kill('SIGKILL');
  assert.equal(await spared.get('s'), 'kept');
  assert.equal(await spared.set('s', 'again'), 'STORED');
  const keys = Array.from({ length: 6 }, (_, i) => `u${i + 1}`);
  const replies = await Promise.all(keys.map((key) => users.ask(`get ${key}`)));
  assert.ok(replies.some((reply) => reply === CONNECT) && replies.some((reply) => reply.endsWith('END\r\n')));
});

test('without servers every request is refused at once', async () => {
  const [nobody] = await freePorts(1);
  const port = await proxyOver([nobody!], [nobody!]);
  const client = await clientOf(port);
  assert.equal(await client.ask('get a'), CONNECT);
  assert.equal(await client.ask('get a b c'), CONNECT);
  assert.equal(await client.ask('set a 0 0 1\r\nx'), CONNECT);
  assert.equal(await client.ask('version'), 'VERSION memcached agent v0.5\r\n');
});

test('large values in both directions at once do not block each other', { skip: NO_MEMCACHED }, async () => {
  const [main] = await freePorts(1);
  await memcached(main!);
  // The machine may be slow; that is not what is tested.
  const port = await proxyOver(
    [main!],
    [],
    {},
    {
      timeouts: { requestTimeoutMs: 60_000, connectTimeoutMs: 10_000 },
    },
  );
  const value = 'v'.repeat(900_000);
  // More than all socket buffers hold, and less than a client may leave unread: beyond that it is dropped if it reads too slowly.
  const rounds = 4;
  const set = (key: string): string => `set ${key} 0 0 ${value.length}\r\n${value}\r\n`;
  const texts = ['a', 'b', 'c'].map((key) => (set(key) + `get ${key}\r\n`.repeat(2)).repeat(rounds));
  const answer = (key: string): string =>
    `STORED\r\n${`VALUE ${key} 0 ${value.length}\r\n${value}\r\nEND\r\n`.repeat(2)}`.repeat(rounds);
  const replies = await Promise.all(
    texts.map((text, i) => exchange(port, text, answer(['a', 'b', 'c'][i]!).length)),
  );
  for (const [i, reply] of replies.entries()) {
    const errors = reply.match(/^[A-Z]+_ERROR .*$/gm) ?? [];
    assert.ok(reply === answer(['a', 'b', 'c'][i]!), `client ${i}: ${reply.length} bytes, ${errors}`);
  }
  const tooLarge = `set a 0 0 1100000\r\n${'x'.repeat(1_100_000)}\r\nmn\r\n`;
  assert.equal(await exchange(port, tooLarge, 45), 'SERVER_ERROR object too large for cache\r\nMN\r\n');
});

test('many threads, many clients: each gets its own values', { skip: NO_MEMCACHED }, async () => {
  const ports = await freePorts(3);
  await Promise.all(ports.map((port) => memcached(port)));
  const port = await proxyOver(ports, [], { threads: 3 });
  const many = await Promise.all(Array.from({ length: 30 }, () => clientOf(port)));
  await Promise.all(
    many.map(async (client, i) => {
      for (let round = 0; round < 20; round++) {
        assert.equal(await client.set(`k${i}`, `${i}:${round}`), 'STORED');
        assert.equal(await client.get(`k${i}`), `${i}:${round}`);
      }
    }),
  );
  const keys = many.map((_, i) => `k${i}`);
  const all = await many[0]!.ask(`get ${keys.join(' ')}`);
  assert.deepEqual(
    [...all.matchAll(/VALUE (\S+)/g)].map((match) => match[1]),
    keys,
  );
});

test('one client too many is told so, and there is room again when another leaves', async () => {
  const [nobody] = await freePorts(1);
  const port = await proxyOver([nobody!], [], { connectionsMax: 2, threads: 2 });
  const [first, second] = [await clientOf(port), await clientOf(port)];
  // The kernel connects clients before the threads know of them; who was answered is known.
  for (const client of [first!, second!]) assert.equal(await client.ask('mn'), 'MN\r\n');
  assert.equal(await exchange(port, 'mn\r\n', 1000), 'SERVER_ERROR OUT OF CONNECTION\r\n');
  first!.close();
  await until('there is room', async () => (await exchange(port, 'mn\r\n', 4)) === 'MN\r\n');
});

test('a client that ends its side gets the answers that are owed', { skip: NO_MEMCACHED }, async () => {
  const [main] = await freePorts(1);
  await memcached(main!);
  const port = await proxyOver([main!], []);
  const reply = await new Promise<string>((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let text = '';
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    socket.on('end', () => {
      socket.end();
      resolve(text);
    });
    socket.end('set a 0 0 1\r\nx\r\nget a\r\n');
  });
  assert.equal(reply, 'STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n');
});

test('a unix socket, and its stale file', async () => {
  const directory = mkdtempSync(`${tmpdir()}/twincached-`);
  try {
    const [nobody] = await freePorts(1);
    const unixPath = `${directory}/agent.sock`;
    await proxyOver([nobody!], [], {}, { listen: [], unixPath });
    assert.ok(existsSync(unixPath));
    const reply = await new Promise<string>((resolve, reject) => {
      const socket = connect(unixPath, () => socket.write('version\r\n'));
      socket.on('error', reject);
      socket.on('data', (chunk: Buffer) => {
        socket.destroy();
        resolve(chunk.toString('latin1'));
      });
    });
    assert.equal(reply, 'VERSION memcached agent v0.5\r\n');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a port that is taken, and a host that is unknown: one line', async () => {
  const [nobody] = await freePorts(1);
  const port = await proxyOver([nobody!], []);
  const listening = (host: string, onPort: number): ProxyOptions => ({
    ...PROXY_OPTIONS_DEFAULT,
    pools: [{ ...poolOver([nobody!], []), listen: [{ host, port: onPort }] }],
  });
  await assert.rejects(
    startProxy(listening('127.0.0.1', port)),
    (error: unknown) =>
      error instanceof StartError &&
      error.message === `cannot listen on 127.0.0.1:${port}: Address already in use`,
  );
  await assert.rejects(
    startProxy(listening('no-such-host.invalid', 0)),
    (error: unknown) =>
      error instanceof StartError && /^cannot listen on no-such-host\.invalid: /.test(error.message),
  );
});

for (const transport of ['reactor', 'portable'] as const)
  test(`${transport}: a reload that is refused for an address changes nothing, and the next one is taken`, async () => {
    const [taken, other, first, second] = await freePorts(4);
    const busy = createServer().listen(taken!, '127.0.0.1').unref();
    // The portable transport has one.
    const threads = transport === 'reactor' ? 2 : 1;
    const named = (name: string, listen: readonly number[], server: number): ProxyPool => ({
      ...poolOver([server], []),
      name,
      listen: listen.map((port) => ({ host: '127.0.0.1', port })),
      backlog: 5 + (server % 2),
    });
    const options = { ...PROXY_OPTIONS_DEFAULT, threads, transport };
    const proxy = await startProxy({
      ...options,
      pools: [named('a', [first!], 1), named('b', [second!], 2)],
    });
    proxies.push(proxy);
    // Which servers all threads know.
    const routes = async (port: number): Promise<string> => {
      const answers = new Set<string>();
      await until('all threads have answered', async () => {
        const client = await TextClient.connect(port);
        const thread = await client.ask('get __mcrouter__.thread');
        const pools = await client.ask('get __mcrouter__.pools');
        client.close();
        answers.add(`${thread} ${pools}`);
        return answers.size >= threads;
      });
      assert.equal(answers.size, threads);
      return /VALUE __mcrouter__.pools \d+ \d+\r\n(.*)\r\n/.exec([...answers].join())?.[1] ?? '';
    };
    const before = await routes(first!);
    const changed = [named('b', [other!, second!], 3), named('a', [taken!], 4)];
    await assert.rejects(
      proxy.usePools(changed),
      (error: unknown) =>
        error instanceof StartError &&
        error.message === `cannot listen on 127.0.0.1:${taken}: Address already in use`,
    );
    const shown = async (): Promise<[string, number][]> =>
      (await proxy.figures()).pools.map(({ pool: { name, servers: one }, byThread }) => [
        `${name} ${one[0]?.port}`,
        byThread.length,
      ]);
    assert.deepEqual(await shown(), [
      ['a 1', threads],
      ['b 2', threads],
    ]);
    assert.equal(await routes(first!), before);
    assert.deepEqual(proxy.ports, [first, second]);
    // What could have been had was let go of.
    await assert.rejects(TextClient.connect(other!));
    busy.close();
    await new Promise((resolve) => busy.once('close', resolve));
    // Addresses may change their pools.
    await proxy.usePools([...changed, named('c', [first!], 5)]);
    assert.deepEqual(proxy.ports, [other, second, taken, first]);
    assert.equal(await routes(first!), 'c: 127.1:5');
    assert.equal(await routes(taken!), 'a: 127.1:4');
    assert.equal(await routes(other!), 'b: 127.1:3');
  });

test('a server with an unknown name counts as dead', async () => {
  const port = await proxyOver(
    [1],
    [],
    {},
    {
      servers: [{ host: 'no-such-host.invalid', port: 11211, text: 'no-such-host.invalid' }],
    },
  );
  assert.equal(await (await clientOf(port)).ask('get a'), CONNECT);
});

test('names are looked up again: a server is found that nobody knew, and one that has moved', {
  skip: NO_MEMCACHED,
}, async (t) => {
  const { lookup } = dns.promises;
  let address: string | null = null;
  const fake = (host: string): Promise<dns.LookupAddress[]> => {
    assert.equal(host, 'moving.test');
    return address === null
      ? Promise.reject(Object.assign(new Error('unknown'), { code: 'ENOTFOUND' }))
      : Promise.resolve([{ address, family: 4 }]);
  };
  const look = (value: unknown): void => {
    Object.defineProperty(dns.promises, 'lookup', { value, configurable: true, writable: true });
    syncBuiltinESMExports();
  };
  t.after(() => look(lookup));
  look(fake);
  const [main = 0] = await freePorts(1);
  const port = await proxyOver(
    [1],
    [],
    {},
    { servers: [{ host: 'moving.test', port: main, text: `moving.test:${main}` }] },
  );
  const client = await clientOf(port);
  assert.equal(await client.ask('get a'), CONNECT);
  const first = await memcached(main);
  address = '127.0.0.1';
  await until('it is found', async () => (await client.ask('set a 0 0 1\r\n1')) === 'STORED\r\n');
  await first.kill('SIGKILL');
  await memcached(main, '127.0.0.2');
  address = '127.0.0.2';
  await until(
    'it is found where it is now',
    async () => (await client.ask('set b 0 0 1\r\n2')) === 'STORED\r\n',
  );
  const direct = await TextClient.connect(main, '127.0.0.2');
  assert.equal(await direct.get('b'), '2');
  direct.close();
});

test('stopping answers what is under way, and leaves nothing', { skip: NO_MEMCACHED }, async () => {
  const [main] = await freePorts(1);
  const server = await memcached(main!);
  const proxy = await startProxy({
    ...PROXY_OPTIONS_DEFAULT,
    pools: [poolOver([main!], [])],
  });
  process.kill(server.pid, 'SIGSTOP');
  let stopped: Promise<void> | null = null;
  const text = await new Promise<string>((resolve, reject) => {
    const socket = connect(proxy.port, '127.0.0.1', () => socket.write('mn\r\nget a\r\n'));
    let received = '';
    socket.on('error', reject);
    socket.on('close', () => resolve(received));
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
      if (stopped !== null) return;
      // Both requests came in one piece, so the second one is under way.
      stopped = proxy.stop();
      process.kill(server.pid, 'SIGCONT');
    });
  });
  assert.equal(text, 'MN\r\nEND\r\n');
  await stopped;
  await assert.rejects(TextClient.connect(proxy.port));
});

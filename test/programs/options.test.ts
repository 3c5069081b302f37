import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { CommandFolder } from '../../testing/daemons.ts';
import { AS_ROOT, freePorts, MEMCACHED, run, twincached } from '../../testing/processes.ts';
import { RawSocket } from '../../testing/raw-socket.ts';
import { startNode, TRANSPORTS } from '../../testing/servers.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const folder: string = mkdtempSync(join(tmpdir(), 'twincached-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a command line that must fail: exit code and what it said. */
async function refusal(words: string): Promise<readonly [number | NodeJS.Signals, string]> {
  const [command = '', ...args] = words.split(' ');
  const user = command === 'memcached' && !words.includes('-u ') ? AS_ROOT : [];
  const running = twincached([command, ...user, ...args]);
  const timer = setTimeout(() => running.child.kill('SIGKILL'), 60_000);
  const outcome = await running.ended();
  clearTimeout(timer);
  assert.equal(running.stdout(), '');
  return [outcome, running.stderr()];
}

test('what cannot be is refused with one line and an exit code', async (t) => {
  const busy = createServer();
  t.after(() => busy.close());
  busy.listen(0, '127.0.0.1');
  await until('listening', () => busy.listening);
  const address = busy.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const inUse = 'Address already in use\n';
  const taken = `bind errno = 98: Address already in use (127.0.0.1:${port})\n`;
  const cases: readonly (readonly [string, number, string])[] = [
    [`memcached -l 127.0.0.1 -p ${port}`, 71, `failed to listen on TCP port ${port}: ${inUse}`],
    [`memcached -d -l 127.0.0.1 -p ${port}`, 71, `failed to listen on TCP port ${port}: ${inUse}`],
    [
      `memcached -l 127.0.0.1 -p -1 -X ${port}`,
      1,
      `replication: failed to listen on 127.0.0.1:${port}: ${inUse}`,
    ],
    [`magent -D -l 127.0.0.1 -p ${port} -s 127.1:5`, 1, taken],
    [`magent -l 127.0.0.1 -p ${port} -s 127.1:5`, 1, taken],
    ['memcached -l 192.0.2.1 -p -1', 71, 'failed to listen on TCP port 0: Cannot assign requested address\n'],
    ['memcached -l 999.1.1.1', 71, 'cannot listen on 999.1.1.1: Name or service not known\n'],
    ['memcached -p 70000', 64, 'ERROR: Invalid port number 70000.\n'],
    ['memcached -t 0', 1, 'Number of threads must be greater than 0\n'],
    [
      'memcached -s /nonexistent/x',
      71,
      'failed to listen on unix socket /nonexistent/x: No such file or directory\n',
    ],
    [`memcached -d -s ${file}/x`, 71, `failed to listen on unix socket ${file}/x: Not a directory\n`],
    [
      'magent -D -p 0 -f /nonexistent/x -s 127.1:5',
      1,
      'bind errno = 2: No such file or directory (/nonexistent/x)\n',
    ],
    ['memcached -x 127.0.0.1:abc -l 127.0.0.1 -p -1', 1, 'Illegal address: 127.0.0.1:abc\n'],
    ['memcached -m 1', 64, 'Cannot set item size limit higher than 1/2 of memory max.\n'],
  ];
  const outcomes = await Promise.all(cases.map(([words]) => refusal(words)));
  for (const [index, [words, code, text]] of cases.entries())
    assert.deepEqual(outcomes[index], [code, text], words);
  assert.equal((await refusal('memcached -u nosuchuser'))[0], process.getuid?.() === 0 ? 67 : 0);
});

test('-d returns when the port is open; its pid file; SIGTERM and SIGINT leave nothing behind', async () => {
  const commands = await CommandFolder.make();
  try {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const [port = 0, proxyPort = 0] = await freePorts(2);
      const pidFile = commands.file('m.pid');
      const pid = await commands.daemon(
        `memcached -d -l 127.0.0.1 -p ${port} ${AS_ROOT.join(' ')} -P ${pidFile}`,
      );
      // At once, without another try.
      const client = await TextClient.connect(port);
      assert.equal((await client.stats()).get('pid'), String(pid));
      client.close();
      const proxy = run(commands.file('magent'), [
        '-D',
        '-l',
        '127.0.0.1',
        '-p',
        `${proxyPort}`,
        '-s',
        `127.1:${port}`,
      ]);
      await until('the proxy', async () => (await TextClient.connect(proxyPort)).close() === undefined);
      assert.equal(await proxy.kill(signal), 0);
      await commands.kill(pid, signal);
      assert.equal(existsSync(pidFile), false);
    }
  } finally {
    await commands.dispose();
  }
});

for (const transport of TRANSPORTS)
  test(`${transport}: a unix socket, its access mode, and the place of a stale one`, async () => {
    const path = join(folder, `${transport}.sock`);
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      const node = twincached(['memcached', ...AS_ROOT, '-s', path, '-a', '750'], {
        TWINCACHED_TRANSPORT: transport,
      });
      const socket = await until('the socket', () => RawSocket.connect(path));
      await socket.send('set a 0 0 1\r\nx\r\nget a\r\n');
      const expected = 'STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n';
      assert.equal(await socket.read(expected.length), expected);
      assert.equal(statSync(path).mode & 0o777, 0o750);
      socket.vanish(false);
      await node.kill(signal);
      // The file of the killed one is in the way of the next.
      if (signal === 'SIGKILL') assert.equal(existsSync(path), true);
    }
  });

test('-l: IPv6, a name with all its addresses, an address with its port, several', async () => {
  const [own = 0] = await freePorts(1);
  const reach = async (port: number, host: string): Promise<void> => {
    const client = await TextClient.connect(port, host);
    assert.match(await client.ask('version'), /^VERSION/);
    client.close();
  };
  // startNode listens on 127.0.0.1 too: -l is repeatable.
  const six = await startNode(['-l', '::1']).catch(() => null);
  if (six !== null) {
    await reach(six.port, '127.0.0.1');
    await six.process.kill();
  }
  const several = await startNode(['-l', `127.0.0.2:${own},127.0.0.3:${own}`]);
  for (const host of ['127.0.0.2', '127.0.0.3']) await reach(own, host);
  await reach(several.port, '127.0.0.1');
  await assert.rejects(reach(own, '127.0.0.1'));
  await several.process.kill();

  const [port = 0] = await freePorts(1);
  const named = twincached(['memcached', ...AS_ROOT, '-l', 'localhost', '-p', `${port}`]);
  await until('localhost', () => reach(port, 'localhost').then(() => true));
  const { lookup } = await import('node:dns/promises');
  for (const { address } of await lookup('localhost', { all: true })) await reach(port, address);
  await named.kill();
});

test('clients are spread over the threads, and all of them see one cache', async () => {
  const node = await startNode(['-t', '4']);
  const clients = await Promise.all(Array.from({ length: 16 }, () => TextClient.connect(node.port)));
  for (const [index, client] of clients.entries())
    assert.equal(await client.set(`k${index}`, `${index}`), 'STORED');
  for (const client of clients)
    for (let index = 0; index < clients.length; index++)
      assert.equal(await client.get(`k${index}`), `${index}`);
  const stats = await clients[0]!.stats();
  assert.equal(stats.get('threads'), '4');
  assert.equal(stats.get('curr_items'), '16');
  assert.equal(stats.get('cmd_set'), '16');
  // What is counted by threads is summed up.
  const results = await Promise.all(clients.map((client) => client.ask('incr k0 1')));
  assert.deepEqual(
    results.map(Number).sort((a, b) => a - b),
    Array.from({ length: 16 }, (_, i) => i + 1),
  );
  for (const client of clients) client.close();
  await node.process.kill();
});

test('-M: when memory is full, sets are refused and nothing is lost', async () => {
  const node = await startNode(['-m', '4', '-M', '-t', '2']);
  const client = await TextClient.connect(node.port);
  const value = 'x'.repeat(8000);
  let stored = 0;
  let reply = 'STORED';
  for (; reply === 'STORED' && stored < 2000; stored++) reply = await client.set(`k${stored}`, value);
  assert.equal(reply, 'SERVER_ERROR out of memory storing object');
  for (let i = 0; i < stored - 1; i++) assert.equal((await client.get(`k${i}`)) === value, true);
  const stats = await client.stats();
  assert.equal(stats.get('evictions'), '0');
  assert.ok(stored > 300, `${stored} of 8000 bytes went into 4 MiB`);
  // Room that is given back is used again.
  assert.equal(await client.ask('delete k0'), 'DELETED\r\n');
  assert.equal(await client.set('again', value), 'STORED');
  client.close();
  await node.process.kill();
});

test('-I: the largest item', async () => {
  const node = await startNode(['-I', '2m', '-m', '64']);
  const client = await TextClient.connect(node.port);
  assert.equal(await client.set('a', 'x'.repeat(2 * 1024 * 1024)), 'SERVER_ERROR object too large for cache');
  const value = 'y'.repeat(2 * 1024 * 1024 - 600);
  assert.equal(await client.set('a', value), 'STORED');
  assert.equal((await client.get('a')) === value, true);
  client.close();
  await node.process.kill();
});

test('slab classes are those of the installed memcached', {
  skip: MEMCACHED === null ? 'memcached is not installed' : false,
}, async () => {
  const sizes = async (port: number): Promise<string[]> => {
    const client = await TextClient.connect(port);
    // One item in each class: lengths that grow slower than any factor used here.
    for (let bytes = 1; bytes < 520_000; bytes = Math.ceil(bytes * 1.03) + 3) {
      assert.equal(await client.set(`k${bytes}`, 'x'.repeat(bytes)), 'STORED');
    }
    const found: string[] = [];
    for (const [name, value] of await client.stats('slabs'))
      if (/:(chunk_size|chunks_per_page)$/.test(name)) found.push(`${name} ${value}`);
    client.close();
    return found;
  };
  for (const options of [[], ['-f', '1.1'], ['-n', '200'], ['-f', '2', '-n', '10'], ['-I', '4m']]) {
    const [port = 0] = await freePorts(1);
    const theirs = run(MEMCACHED ?? '', [
      ...AS_ROOT,
      '-l',
      '127.0.0.1',
      '-p',
      `${port}`,
      '-m',
      '256',
      ...options,
    ]);
    const ours = await startNode(['-m', '256', ...options]);
    try {
      const expected = await until('memcached', () => TextClient.connect(port)).then(async (client) => {
        client.close();
        return sizes(port);
      });
      const actual = await sizes(ours.port);
      assert.ok(expected.length > 20);
      assert.deepEqual(actual, expected, `memcached ${options.join(' ')}`);
    } finally {
      await theirs.kill();
      await ours.process.kill();
    }
  }
});

/*
 * A proxy before servers that let in only whom they know, ours and the installed memcached: it logs in on every connection, tells what is refused, and takes a
 * password that has been renewed.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AS_ROOT, freePorts, MEMCACHED, run, twincached } from '../../testing/processes.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const SECRETS = ['p:ssword', 'wr0ng'];

for (const [name, start, skip] of [
  ['ours', (args: readonly string[]) => twincached(['memcached', ...args]), false],
  [
    'the installed memcached',
    (args: readonly string[]) => run(MEMCACHED ?? '', args),
    MEMCACHED === null ? 'memcached is not installed' : false,
  ],
] as const)
  test(`a proxy logs in to ${name}`, { skip }, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'twincached-login-'));
    const users = join(directory, 'users');
    const login = join(directory, 'login');
    const path = join(directory, 'proxy.yml');
    const [port = 0, proxyPort = 0] = await freePorts(2);
    writeFileSync(users, 'ann:other\nshop:p:ssword\n');
    writeFileSync(login, 'shop:wr0ng\n');
    chmodSync(login, 0o600);
    writeFileSync(
      path,
      `listen: 127.0.0.1:${proxyPort}
defaults: { request-timeout: 20s, connect-timeout: 20s, return-wait: 20s, login-file: login }
pools: { a: { servers: ["127.0.0.1:${port}"] } }
`,
    );
    const server = start([...AS_ROOT, '-p', `${port}`, '-U', '0', '-l', '127.0.0.1', '-Y', users]);
    const proxy = twincached(['proxy', '-c', path]);
    t.after(async () => {
      await proxy.kill('SIGKILL');
      await server.kill('SIGKILL');
      rmSync(directory, { recursive: true });
    });
    const client = await until('the proxy', () => TextClient.connect(proxyPort));
    const stats = async (): Promise<Map<string, string>> => client.stats('servers');
    await until('the login to be refused', async () => {
      assert.equal(server.child.exitCode, null, server.stderr());
      return (await stats()).get('server_0_state') === 'refused';
    });
    assert.ok(Number((await stats()).get('server_0_refusals')) >= 1);
    await until('the line', () => proxy.stderr().includes('is down: cannot log in by '));
    assert.match(
      proxy.stderr(),
      new RegExp(
        `127.0.0.1:${port} is down: cannot log in by ${login}: CLIENT_ERROR authentication failure\n`,
      ),
    );
    // Nobody needs to tell the proxy.
    writeFileSync(login, 'shop:p:ssword\n');
    await until('an answer', async () => (await client.set('key', 'value')) === 'STORED');
    assert.equal(await client.get('key'), 'value');
    assert.equal((await stats()).get('server_0_state'), 'up');
    const told = [
      proxy.stderr(),
      proxy.stdout(),
      JSON.stringify([...(await stats()), ...(await client.stats())]),
      readFileSync(`/proc/${proxy.child.pid}/cmdline`, 'latin1'),
    ].join('\n');
    for (const secret of SECRETS) assert.ok(!told.includes(secret), secret);
    client.close();
  });

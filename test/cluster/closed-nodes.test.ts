/*
 * Nodes of a cluster file that want a login, or TLS with certificates on both sides: the monitor logs in and speaks TLS, so the page, `status` and the
 * metrics know of them what they know of all others, and twins are restarted one after the other.
 */
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { LookupResult } from '../../src/dashboard/key-lookup.ts';
import type { ServerAccess } from '../../src/net/server-door.ts';
import { askServer } from '../../src/net/server-exchange.ts';
import { certificatePath } from '../../testing/certificates.ts';
import { freePorts, twincached } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';

const PATIENCE_MS = 30_000;

interface Shown {
  readonly services: readonly {
    readonly name: string;
    readonly state: string;
    readonly pid: number;
    readonly stats: { readonly replication: Readonly<Record<string, string>> } | null;
  }[];
}

interface Slabs {
  readonly classes: readonly unknown[] | null;
}

test('what wants a login or TLS is known as well as all others', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'twincached-closed-'));
  const environment = { XDG_STATE_HOME: directory };
  const users = join(directory, 'users');
  writeFileSync(users, 'monitor:p:ssword\nann:other\n');
  chmodSync(users, 0o600);
  const certificate = (name: string): string => {
    const path = join(directory, name);
    copyFileSync(certificatePath(name), path);
    return path;
  };
  const tls = {
    chainFile: certificate('server.pem'),
    client: { keyFile: certificate('server-key.pem') },
    authoritiesFile: certificate('authority.pem'),
  };
  const [l1 = 0, l2 = 0, lr = 0, t1 = 0, t2 = 0, tr = 0, page = 0] = await freePorts(7);
  const words = `ssl_chain_cert=${tls.chainFile},ssl_key=${tls.client.keyFile},ssl_ca_cert=${tls.authoritiesFile},ssl_verify_mode=2`;
  const path = join(directory, 'closed.yml');
  /** @param more options of the nodes that shall have TLS */
  const write = (more: string): void =>
    writeFileSync(
      path,
      `name: closed
warm-start: false
defaults: { memory: 32M }
shards:
  - { name: login, replication-port: ${lr}, twins: [{ port: ${l1} }, { port: ${l2} }], options: [-B, ascii, --auth-file, "${users}"] }
  - { name: tls, replication-port: ${tr}, twins: [{ port: ${t1} }, { port: ${t2} }], options: [-B, ascii${more}] }
proxies: []
page: { port: ${page} }
`,
    );
  write('');
  const up = twincached(['up', path], environment);
  t.after(async () => {
    up.child.kill('SIGINT');
    up.child.kill('SIGINT');
    await up.ended();
    rmSync(directory, { recursive: true });
  });
  await until('the welcome', () => up.stdout().includes('Your cluster runs'), 60_000);
  const asked = async <T>(what: string): Promise<T> =>
    // Cast: our own program's answer; a wrong shape fails the assertions that follow.
    (await (await fetch(`http://127.0.0.1:${page}${what}`)).json()) as T;
  const services = async (): Promise<Shown['services']> => (await asked<Shown>('/status.json')).services;
  await until('all nodes tell of themselves', async () =>
    (await services()).every(({ stats }) => stats?.replication['replication_in_sync'] === '1'),
  );

  // They are restarted one after the other: meanwhile one of the two speaks TLS, and the other one does not.
  write(`, -Z, -o, "${words}"`);
  const reload = twincached(['reload', path], environment);
  assert.equal(await reload.ended(), 0, reload.stderr());
  assert.match(reload.stdout(), /tls-b is restarted, in sync/);

  const login: ServerAccess = { tls: null, authFile: users };
  const ask = (port: number, access: ServerAccess | undefined, request: string): Promise<string | null> =>
    askServer(`127.0.0.1:${port}`, request, (text) => text.endsWith('\r\n'), PATIENCE_MS, access);
  assert.equal(await ask(l1, undefined, 'get k\r\n'), 'CLIENT_ERROR unauthenticated\r\n');
  for (const [name, port, access] of [
    ['login', l1, login],
    ['tls', t1, { tls, authFile: null }],
  ] as const) {
    assert.equal(await ask(port, access, `set of-${name} 0 0 2\r\nhi\r\n`), 'STORED\r\n');
    await until(`${name} is found on both twins`, async () => {
      const { nodes } = await asked<LookupResult>(`/lookup.json?key=of-${name}`);
      const own = nodes.filter(({ group }) => group === name);
      return own.length === 2 && own.every(({ state, bytes }) => state === 'found' && bytes === 2);
    });
    const { nodes, verdict, group } = await asked<LookupResult>(`/lookup.json?key=of-${name}`);
    assert.deepEqual([verdict, group], ['equal', null]);
    assert.ok(nodes.every((node) => node.group === name || node.state === 'missing'));
    const { classes } = await asked<Slabs>(`/slabs.json?service=${name}-b`);
    assert.equal(classes?.length, 1);
  }
  const metrics = await (await fetch(`http://127.0.0.1:${page}/metrics`)).text();
  for (const port of [l1, l2, t1, t2])
    assert.ok(metrics.includes(`memcached_current_items{instance="127.0.0.1:${port}"} 1\n`), `${port}`);
  assert.ok(!metrics.includes('ssword'));
  assert.ok(!JSON.stringify(await services()).includes('server-key'));

  const pidsOf = async (): Promise<number[]> =>
    (await services()).flatMap(({ name, pid }) => (name.startsWith('login-') ? [pid] : []));
  const pids = await pidsOf();
  const restart = twincached(['restart', '--rolling', 'login', '--cluster', path], environment);
  assert.equal(await restart.ended(), 0, restart.stderr());
  assert.ok((await pidsOf()).every((pid) => !pids.includes(pid)));
  assert.match((await ask(t2, { tls, authFile: null }, 'mg of-tls s\r\n')) ?? '', /^HD s2/);
});

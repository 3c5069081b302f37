/*
 * Nodes of a cluster file that want a login, or TLS with certificates on both sides, behind proxies: twins are killed under load, and TLS and logins come and go while
 * clients are served. No client sees an error; those whose proxy is restarted, because it has to begin to speak TLS, or need not do so any more, dial again.
 */
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { certificatePath } from '../../testing/certificates.ts';
import { freePorts, twincached } from '../../testing/processes.ts';
import { SteadyLoad } from '../../testing/steady-load.ts';
import { until } from '../../testing/wait.ts';

/** Between two rounds of a client. */
const PAUSE_MS = 2;

interface Service {
  readonly name: string;
  readonly state: string;
  readonly pid: number;
  readonly stats: { readonly replication: Readonly<Record<string, string>> } | null;
  readonly proxy: { readonly servers: readonly { readonly name: string; readonly state: string }[] } | null;
}

test('nodes with a login and with TLS serve behind proxies, and begin and cease to want them, without an error', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'twincached-behind-'));
  const environment = { XDG_STATE_HOME: directory };
  const users = join(directory, 'users');
  writeFileSync(users, 'shop:p:ssword\nann:other\n');
  chmodSync(users, 0o600);
  const certificate = (name: string): string => {
    const path = join(directory, name);
    copyFileSync(certificatePath(name), path);
    return path;
  };
  const tls = [
    `ssl_chain_cert=${certificate('server.pem')}`,
    `ssl_key=${certificate('server-key.pem')}`,
    `ssl_ca_cert=${certificate('authority.pem')}`,
    'ssl_verify_mode=2',
  ].join();
  const [l1 = 0, l2 = 0, lr = 0, t1 = 0, t2 = 0, tr = 0, page = 0, first = 0, second = 0] =
    await freePorts(9);
  const path = join(directory, 'behind.yml');
  const write = (ofLogin: string, ofTls: string): void =>
    writeFileSync(
      path,
      `name: behind
defaults: { memory: 32M }
limits: { proxies: { request-timeout: 20s, connect-timeout: 20s } }
shards:
  - { name: login, replication-port: ${lr}, twins: [{ port: ${l1} }, { port: ${l2} }], options: [-B, ascii${ofLogin}] }
  - { name: tls, replication-port: ${tr}, twins: [{ port: ${t1} }, { port: ${t2} }], options: [-B, ascii${ofTls}] }
proxies:
  - { name: users-1, port: ${first}, return-wait: 60s }
  - { name: users-2, port: ${second}, return-wait: 60s }
page: { port: ${page} }
`,
    );
  write('', '');
  const up = twincached(['up', '-v', path], environment);
  const loads: SteadyLoad[] = [];
  t.after(async () => {
    await Promise.all(loads.map((load) => load.stop()));
    up.child.kill('SIGINT');
    up.child.kill('SIGINT');
    await up.ended();
    rmSync(directory, { recursive: true });
  });
  await until('the welcome', () => up.stdout().includes('Your cluster runs'), 60_000);
  const services = async (): Promise<readonly Service[]> => {
    const answer = await fetch(`http://127.0.0.1:${page}/status.json`);
    // Cast: our own program's answer; a wrong shape fails the assertions that follow.
    return ((await answer.json()) as { services: readonly Service[] }).services;
  };
  const goesOn = async (): Promise<void> => {
    const before = loads.map(({ answered }) => answered);
    await until('the load goes on', () =>
      loads.every(({ answered }, index) => answered > (before[index] ?? 0) + 50),
    );
  };
  const nothingLost = async (when: string): Promise<void> => {
    await goesOn();
    for (const report of await Promise.all(loads.splice(0).map((load) => load.stop())))
      assert.deepEqual([report.errors, report.lost], [[], []], when);
  };
  const reload = async (): Promise<string> => {
    const command = twincached(['reload', path], environment);
    assert.equal(await command.ended(), 0, command.stderr() + command.stdout());
    return command.stdout();
  };
  /** Until everything is in sync, and every proxy has a connection to every node. */
  const settled = (): Promise<unknown> =>
    until('all to be up', async () =>
      (await services()).every(
        ({ state, stats, proxy }) =>
          state === 'running' &&
          (stats === null || stats.replication['replication_in_sync'] === '1') &&
          (proxy === null || (proxy.servers.length === 4 && proxy.servers.every((of) => of.state === 'up'))),
      ),
    );

  loads.push(SteadyLoad.dialing([first, second]), SteadyLoad.dialing([second, first], 'second'));
  await goesOn();
  write(`, -Y, "${users}"`, `, -Z, -o, "${tls}"`);
  const told = await reload();
  assert.match(told, /restart users-1: with transport: portable; its clients have to dial again/);
  await settled();
  await nothingLost('TLS and a login came');

  loads.push(await SteadyLoad.start(first, '127.0.0.1', 'kept', PAUSE_MS));
  // Other passwords and certificates, which nobody tells the proxies.
  writeFileSync(users, 'shop:n3wword\n');
  copyFileSync(certificatePath('renewed.pem'), join(directory, 'server.pem'));
  copyFileSync(certificatePath('renewed-key.pem'), join(directory, 'server-key.pem'));
  for (const { name, pid } of await services()) if (/^(login|tls)-/.test(name)) process.kill(pid, 'SIGHUP');
  for (const name of ['login-a', 'tls-a']) {
    await goesOn();
    const pid = (await services()).find((service) => service.name === name)?.pid ?? 0;
    process.kill(pid, 'SIGKILL');
    await until(`another ${name}`, async () =>
      (await services()).some((service) => service.name === name && service.pid !== pid),
    );
    await settled();
  }
  await nothingLost('nodes with TLS and a login were killed');

  const shown = [up.stdout(), up.stderr(), JSON.stringify(await services())];
  for (const { pid } of await services()) shown.push(readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
  for (const text of shown) assert.ok(!/p:ssword|n3wword/.test(text), text);

  loads.push(SteadyLoad.dialing([first, second], 'again'));
  write('', '');
  await reload();
  await settled();
  await nothingLost('they wanted nothing any more');
});

/*
 * A cluster of two pairs, a proxy for each pair, and one proxy in front that serves two pools: every process of it is killed under load. No client
 * sees an error but those of the proxy in front, who dial again, and no acknowledged value is lost. Then a pool comes.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { freePorts, twincached } from '../../testing/processes.ts';
import { runningCluster } from '../../testing/running-cluster.ts';
import { SteadyLoad } from '../../testing/steady-load.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const directory = mkdtempSync(join(tmpdir(), 'twincached-pools-'));
after(() => rmSync(directory, { recursive: true }));
const ENVIRONMENT = { XDG_STATE_HOME: directory };
const path = join(directory, 'pools.yml');

/** Between two rounds of a client. */
const PAUSE_MS = 2;

interface Service {
  readonly name: string;
  readonly state: string;
  readonly pid: number;
  readonly pools: readonly {
    readonly name: string;
    readonly stats: { readonly requests: number; readonly servers: readonly unknown[] } | null;
  }[];
}

test('any one process of a cluster is killed under load, and a pool comes', async (t) => {
  const [a = 0, b = 0, c = 0, d = 0, r1 = 0, r2 = 0, ...more] = await freePorts(12);
  const [first = 0, second = 0, layered = 0, direct = 0, third = 0, page = 0] = more;
  const fileOf = (pools: string, names: string): string => `name: pools
defaults: { memory: 32M }
limits: { proxies: { request-timeout: 20s, connect-timeout: 20s } }
shards:
  - { name: one, replication-port: ${r1}, twins: [{ port: ${a} }, { port: ${b} }] }
  - { name: two, replication-port: ${r2}, twins: [{ port: ${c} }, { port: ${d} }] }
pools:
  - { name: layered, port: ${layered}, to: [first, second], return-wait: 60s }
  - { name: direct, port: ${direct}, to: [one, two], hash: md5, hash-tag: "{}" }
${pools}proxies:
  - { name: first, port: ${first}, to: [one], return-wait: 60s }
  - { name: second, port: ${second}, to: [two], return-wait: 60s }
  - { name: users, pools: [layered, direct${names}] }
page: { port: ${page} }
`;
  writeFileSync(path, fileOf('', ''));
  await runningCluster(t, path, ENVIRONMENT);
  const services = async (): Promise<readonly Service[]> => {
    const answer = await fetch(`http://127.0.0.1:${page}/status.json`);
    // Cast: our own program's answer; a wrong shape fails the assertions that follow.
    return ((await answer.json()) as { services: readonly Service[] }).services;
  };
  const pidOf = async (name: string): Promise<number> =>
    (await services()).find((service) => service.name === name)?.pid ?? 0;

  const loads: SteadyLoad[] = [];
  t.after(() => Promise.all(loads.map((load) => load.stop())));
  const goesOn = async (): Promise<void> => {
    const before = loads.map(({ answered }) => answered);
    await until('the load goes on', () =>
      loads.every(({ answered }, index) => answered > (before[index] ?? 0) + 50),
    );
  };
  const nothingLost = async (when: string): Promise<void> => {
    for (const report of await Promise.all(loads.splice(0).map((load) => load.stop())))
      assert.deepEqual([report.errors, report.lost], [[], []], when);
  };
  /** Kills a process and waits until its like is there, in sync with its twin. */
  const killed = async (name: string, ports: readonly number[]): Promise<void> => {
    await goesOn();
    const pid = await pidOf(name);
    process.kill(pid, 'SIGKILL');
    await goesOn();
    await until(`${name} is back`, async () => {
      const service = (await services()).find((other) => other.name === name);
      return service !== undefined && service.pid !== pid && service.state === 'running';
    });
    for (const port of ports)
      await until(`${name} and its twin are in sync`, async () => {
        const client = await TextClient.connect(port);
        const stats = await client.stats('replication');
        client.close();
        return stats.get('replication_state') === 'linked' && stats.get('replication_in_sync') === '1';
      });
    await goesOn();
  };

  loads.push(await SteadyLoad.start(layered, '127.0.0.1', 'layered', PAUSE_MS));
  loads.push(await SteadyLoad.start(direct, '127.0.0.1', 'direct', PAUSE_MS));
  for (const [name, ports] of [
    ['one-a', [a, b]],
    ['one-b', [a, b]],
    ['two-a', [c, d]],
    ['two-b', [c, d]],
    ['first', []],
    ['second', []],
  ] as const)
    await killed(name, ports);
  await nothingLost('nodes and inner proxies were killed');

  loads.push(SteadyLoad.dialing([layered], 'layered-again'), SteadyLoad.dialing([direct], 'direct-again'));
  await killed('users', []);
  await nothingLost('the proxy of the clients was killed');

  // Another pool, over servers as if they were none of the cluster: the process stays, and so do connections.
  const pid = await pidOf('users');
  const held = await TextClient.connect(direct);
  assert.equal(await held.set('{k}1', 'held'), 'STORED');
  writeFileSync(
    path,
    fileOf(`  - { name: old, port: ${third}, servers: ["127.0.0.1:${a}", "127.0.0.1:${c}*2"] }\n`, ', old'),
  );
  const reload = twincached(['reload', path], ENVIRONMENT);
  assert.equal(await reload.ended(), 0, reload.stderr());
  assert.match(reload.stdout(), /users has its routes\ndone: /);
  const client = await TextClient.connect(third);
  assert.equal(await client.set('new', '1'), 'STORED');
  assert.equal(await client.get('new'), '1');
  assert.equal(await held.get('{k}1'), 'held');
  assert.equal(await pidOf('users'), pid);
  let shown: Service['pools'] = [];
  await until('the monitor has asked all three pools', async () => {
    shown = (await services()).find(({ name }) => name === 'users')?.pools ?? [];
    return shown.length === 3 && shown.every(({ stats }) => stats !== null && stats.requests > 0);
  });
  assert.deepEqual(
    shown.map(({ name, stats }) => [name, stats?.servers.length]),
    [
      ['layered', 2],
      ['direct', 4],
      ['old', 2],
    ],
  );
  client.close();
  held.close();
});

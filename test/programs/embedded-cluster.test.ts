/** A cluster and a monitor that belong to a process, as the package's users have them: by the package's name. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { Client, Cluster, DEFAULT_POLICY, type LogEvent, Monitor, StartError } from 'twincached';
import { isAlive } from '../../testing/daemons.ts';
import { AS_ROOT, freePorts, TWINCACHED } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';

const folders = (): string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith('twincached-cluster-'));

test('three lines to a cluster, of which any process may die', async () => {
  const before = folders();
  const events: LogEvent[] = [];
  const cluster = new Cluster({ onEvent: (event) => events.push(event) });
  assert.throws(() => cluster.address, /does not run/);
  await cluster.start();
  const { services, state } = cluster.status();
  assert.deepEqual(
    services.map(({ name }) => name),
    ['pair-1-a', 'pair-1-b', 'pair-2-a', 'pair-2-b', 'proxy'],
  );
  assert.equal(state, 'ok');
  const client = new Client(cluster.address);
  await client.set('k', 'v');
  const [first] = services;
  const pid = first?.pid ?? 0;
  process.kill(pid, 'SIGKILL');
  assert.equal((await client.get('k'))?.toString(), 'v');
  await until('it runs again', () => {
    const again = cluster.status().services.find(({ name }) => name === 'pair-1-a');
    return again?.state === 'running' && again.pid !== pid;
  });
  assert.ok(events.some(({ service, text }) => service === 'pair-1-a' && /SIGKILL/.test(text)));
  const pids = cluster.status().services.map((service) => service.pid ?? 0);
  await cluster.stop();
  client.close();
  assert.deepEqual(pids.filter(isAlive), []);
  assert.deepEqual(folders(), before);
});

test('a cluster by its description, and what is wrong with one', async () => {
  const cluster = new Cluster({
    description: {
      name: 'small',
      shards: [{ name: 'one', 'replication-port': 0, twins: [{ port: 0 }], memory: '8M' }],
      proxies: [{ name: 'front', port: 0 }],
    },
  });
  await cluster.start();
  const client = new Client(cluster.address);
  await client.set('k', 'v');
  assert.equal((await client.get('k'))?.toString(), 'v');
  client.close();
  await cluster.stop();

  const [port = 0] = await freePorts(1);
  const shards = (ports: readonly number[]): object => ({
    shards: ports.map((port, i) => ({ name: `s${i}`, 'replication-port': 0, twins: [{ port }] })),
    proxies: [],
  });
  for (const [options, message] of [
    [{ file: '/no/such/file' }, /\/no\/such\/file: cannot be read/],
    [{ file: 'x', description: {} }, /not both/],
    [{ description: { ...shards([0]), nonsense: 1 } }, /^description:\d+:\d+: .*nonsense/s],
    [{ description: { name: 'x', ...shards([port, port]) } }, /./],
  ] as const)
    await assert.rejects(new Cluster(options).start(), (error) => {
      assert.ok(error instanceof StartError, String(error));
      assert.match(error.message, message);
      return true;
    });
});

test('a monitor of a program of its own', async () => {
  const [port = 0] = await freePorts(1);
  const argv = [process.execPath, TWINCACHED, 'memcached', ...AS_ROOT, '-l', '127.0.0.1', '-p', `${port}`];
  const monitor = new Monitor({
    cluster: 'mine',
    services: [
      {
        name: 'node',
        role: 'node',
        group: 'node',
        title: 'the only one',
        argv,
        after: [],
        probe: { host: '127.0.0.1', port, stats: true },
        policy: { ...DEFAULT_POLICY, probeIntervalMs: 100 },
        twins: [],
      },
    ],
  });
  monitor.startAll();
  const running = (): number => {
    const [service] = monitor.status().services;
    return service?.state === 'running' ? (service.pid ?? 0) : 0;
  };
  const pid = await until('it runs', () => running() || null);
  process.kill(pid, 'SIGKILL');
  await until('it runs again', () => running() !== pid && running() > 0);
  await monitor.stopAll();
});

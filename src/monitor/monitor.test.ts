/* The monitor with real processes: stand-ins that answer like a node and misbehave on demand. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isAlive } from '../../testing/daemons.ts';
import { freePorts } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';
import { seededRandom } from '../base/random.ts';
import type { ServiceStatus } from '../checks/cluster-status.ts';
import { DEFAULT_POLICY, type ServicePolicy } from '../checks/service-policy.ts';
import { readThreadLooks } from '../system/proc-threads.ts';
import { Monitor } from './monitor.ts';
import { OUTPUT_LINES_PER_SECOND_MAX } from './service-runner.ts';

const STAND_IN = fileURLToPath(new URL('../../testing/stand-in-service.js', import.meta.url));

interface Spec {
  readonly name: string;
  readonly misbehaviour?: string;
  readonly after?: readonly string[];
  readonly policy?: Partial<ServicePolicy>;
  readonly argv?: readonly string[];
  /** The one before it in the list is its twin. */
  readonly hasTwin?: boolean;
}

/** A monitor over stand-ins on free ports; whatever a failing test leaves is killed. */
async function monitorOf(t: TestContext, specs: readonly Spec[]): Promise<Monitor> {
  const ports = await freePorts(specs.length);
  const monitor = new Monitor({
    cluster: 'test',
    clock: { monotonicMs: () => performance.now(), wallMs: () => Date.now() },
    random: seededRandom(1),
    services: specs.map((spec, index) => ({
      name: spec.name,
      role: 'node',
      group: spec.name,
      title: spec.name,
      after: spec.after ?? [],
      argv: spec.argv ?? [
        '/usr/bin/env',
        `STAND_IN=${spec.misbehaviour ?? ''}`,
        process.execPath,
        STAND_IN,
        '-p',
        String(ports[index]),
      ],
      probe: { host: '127.0.0.1', port: ports[index] ?? 0, stats: true },
      policy: { ...DEFAULT_POLICY, ...spec.policy },
      twins: spec.hasTwin === true ? [{ name: 'twin', host: '127.0.0.1', port: ports[index - 1] ?? 0 }] : [],
    })),
  });
  t.after(async () => {
    monitor.killAll();
    await monitor.stopAll();
  });
  return monitor;
}

function service(monitor: Monitor, name: string): ServiceStatus {
  const found = monitor.status().services.find((candidate) => candidate.name === name);
  assert.ok(found);
  return found;
}

async function running(monitor: Monitor, name: string): Promise<number> {
  return until(`${name} runs`, () => {
    const { state, pid } = service(monitor, name);
    return state === 'running' ? pid : null;
  });
}

test('a killed process is back, as another process, and the log says so', async (t) => {
  const monitor = await monitorOf(t, [{ name: 'a' }, { name: 'b' }]);
  monitor.startAll();
  const pid = await running(monitor, 'a');
  const other = await running(monitor, 'b');
  process.kill(pid, 'SIGKILL');
  const next = await until('a is back', () => {
    const { state, pid: present } = service(monitor, 'a');
    return state === 'running' && present !== pid ? present : null;
  });
  assert.ok(isAlive(next) && !isAlive(pid));
  assert.equal(service(monitor, 'a').restarts, 1);
  assert.equal(service(monitor, 'b').pid, other, 'the other service was left alone');
  assert.ok(monitor.status().events.some(({ service: name, text }) => name === 'a' && /SIGKILL/.test(text)));
  await monitor.stopAll();
  assert.ok(!isAlive(next) && !isAlive(other));
  assert.equal(monitor.status().state, 'stopped');
});

test('what keeps dying is started again and again, ever more slowly', async (t) => {
  const monitor = await monitorOf(t, [{ name: 'a', misbehaviour: 'dies' }]);
  monitor.startAll();
  await until('three restarts', () => service(monitor, 'a').restarts >= 3);
  await until('backing off', () => service(monitor, 'a').state === 'backing-off');
  assert.match(service(monitor, 'a').reason, /exited with code 3/);
  assert.equal(monitor.status().state, 'failing');
});

test('a bad option makes the service give up with the words of the program', async (t) => {
  const monitor = await monitorOf(t, [
    { name: 'a', misbehaviour: 'bad-option' },
    { name: 'b', argv: ['/no/such/program'] },
  ]);
  monitor.startAll();
  await until('both gave up', () => monitor.status().services.every(({ state }) => state === 'gave-up'));
  assert.equal(service(monitor, 'a').reason, "exited with code 64: stand-in: invalid option -- 'z'");
  assert.match(service(monitor, 'b').reason, /cannot be started: .*ENOENT/);
});

test('a suspended process is found by its silence, killed and replaced', async (t) => {
  const policy = { probeIntervalMs: 20, probeTimeoutMs: 100 };
  const monitor = await monitorOf(t, [{ name: 'a', policy }]);
  monitor.startAll();
  const pid = await running(monitor, 'a');
  process.kill(pid, 'SIGSTOP');
  await until('a successor runs', () => {
    const { state, pid: present } = service(monitor, 'a');
    return state === 'running' && present !== pid;
  });
  assert.ok(!isAlive(pid));
  assert.ok(monitor.status().events.some(({ text }) => text.startsWith('hangs (')));
});

test('a suspended process is found by the state that the kernel gives it, long before its probe is over', async (t) => {
  const policy = { probeIntervalMs: 20, probeTimeoutMs: 60_000, lookMs: 20 };
  const monitor = await monitorOf(t, [{ name: 'a', policy }]);
  monitor.startAll();
  const pid = await running(monitor, 'a');
  process.kill(pid, 'SIGSTOP');
  await until('a successor runs', () => {
    const { state, pid: present } = service(monitor, 'a');
    return state === 'running' && present !== pid;
  });
  assert.ok(!isAlive(pid));
  assert.ok(monitor.status().events.some(({ text }) => text.includes('stopped by a signal')));
});

test('a process that computes for ever is found by what the kernel says of its threads', {
  skip: readThreadLooks(process.pid) === null ? 'the kernel does not count waiting' : false,
}, async (t) => {
  const policy = { probeIntervalMs: 20, probeTimeoutMs: 60_000, lookMs: 100 };
  const monitor = await monitorOf(t, [{ name: 'a', misbehaviour: 'hangs', policy }]);
  monitor.startAll();
  const pid = await running(monitor, 'a');
  const socket = connect(Number(service(monitor, 'a').address.split(':')[1]), '127.0.0.1');
  socket.on('error', () => {});
  socket.write('hang\r\n');
  await until('a successor runs', () => {
    const { state, pid: present } = service(monitor, 'a');
    return state === 'running' && present !== pid;
  });
  assert.ok(!isAlive(pid));
  assert.ok(monitor.status().events.some(({ text }) => text.includes('nothing keeps it from answering')));
});

test('a suspended process can be stopped, and one that ignores SIGTERM is killed in the end', async (t) => {
  const monitor = await monitorOf(t, [
    { name: 'suspended' },
    { name: 'stubborn', misbehaviour: 'ignores-term', policy: { stopTimeoutMs: 100 } },
  ]);
  monitor.startAll();
  const suspended = await running(monitor, 'suspended');
  const stubborn = await running(monitor, 'stubborn');
  process.kill(suspended, 'SIGSTOP');
  await monitor.stopAll();
  assert.ok(!isAlive(suspended) && !isAlive(stubborn));
  assert.ok(
    monitor.status().events.some(({ service: name, text }) => name === 'stubborn' && /, killed/.test(text)),
  );
});

test('of a node that lets nobody in yet its twin is asked how much of the copy it has sent', async (t) => {
  const silent = [process.execPath, '-e', 'setInterval(() => {}, 1e9)'];
  const monitor = await monitorOf(t, [
    { name: 'a', misbehaviour: 'copies' },
    { name: 'b', argv: silent, hasTwin: true },
  ]);
  monitor.startAll();
  await until('progress', () => service(monitor, 'b').reason === 'gets its copy from a twin, 42 % sent');
  assert.equal(service(monitor, 'b').state, 'starting');
});

test('services are stopped before those that they send requests to', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'twincached-test-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const stopLog = join(directory, 'stops');
  const misbehaviour = `logs-stop=${stopLog}`;
  const monitor = await monitorOf(t, [
    { name: 'node-a', misbehaviour },
    { name: 'node-b', misbehaviour },
    { name: 'inner', misbehaviour, after: ['node-a', 'node-b'] },
    { name: 'outer', misbehaviour, after: ['inner'] },
  ]);
  monitor.startAll();
  await until('all run', () => monitor.status().state === 'ok');
  await monitor.stopAll();
  const names = new Map(monitor.status().services.map(({ name, address }) => [address.split(':')[1], name]));
  const order = readFileSync(stopLog, 'utf8')
    .trim()
    .split('\n')
    .map((port) => names.get(port));
  assert.deepEqual([order[0], order[1], order.slice(2).sort()], ['outer', 'inner', ['node-a', 'node-b']]);
});

test('operators stop, start and restart one service; after stopAll nobody does', async (t) => {
  const monitor = await monitorOf(t, [{ name: 'a' }]);
  assert.equal(monitor.command('nobody', 'stop', 'a test'), false);
  monitor.startAll();
  const first = await running(monitor, 'a');
  assert.ok(monitor.command('a', 'stop', 'a test'));
  await until('stopped', () => service(monitor, 'a').state === 'stopped');
  assert.ok(!isAlive(first));
  monitor.command('a', 'start', 'a test');
  const second = await running(monitor, 'a');
  monitor.command('a', 'restart', 'a test');
  await until(
    'restarted',
    () => service(monitor, 'a').pid !== second && service(monitor, 'a').state === 'running',
  );
  assert.equal(service(monitor, 'a').restarts, 0);
  await monitor.stopAll();
  assert.equal(monitor.command('a', 'start', 'a test'), false);
});

test('killAll ends what is just being started, too', async (t) => {
  const monitor = await monitorOf(t, [{ name: 'a', misbehaviour: 'ignores-term' }, { name: 'b' }]);
  monitor.startAll();
  monitor.killAll();
  await monitor.stopAll();
  assert.ok(monitor.status().services.every(({ state, pid }) => state === 'stopped' && pid === null));
});

test('the status holds what the process and the node say, and a chatty child is bounded', async (t) => {
  const monitor = await monitorOf(t, [
    { name: 'a', misbehaviour: 'chatty', policy: { probeIntervalMs: 20 } },
  ]);
  const changes: number[] = [];
  const unsubscribe = monitor.onChange(() => changes.push(1));
  monitor.startAll();
  const stats = await until('statistics', () => service(monitor, 'a').stats);
  assert.equal(stats.currItems, 7);
  assert.deepEqual(stats.replication, { replication_state: 'linked' });
  const usage = await until('two samples', () => {
    const { process: present } = service(monitor, 'a');
    return present?.cpuPercent === null ? null : present;
  });
  assert.ok(usage.residentBytes > 1_000_000 && usage.threads >= 1);
  assert.ok(monitor.status().output.length > 0);
  await until('dropped lines are told', () =>
    monitor.status().events.some(({ text }) => /^wrote too much: \d+ lines dropped$/.test(text)),
  );
  assert.ok(OUTPUT_LINES_PER_SECOND_MAX < 5000);
  assert.ok(changes.length > 0);
  unsubscribe();
});

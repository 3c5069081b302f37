import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open, realpath, stat, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { controlTree } from '../../testing/control-entries.ts';
import { until } from '../../testing/wait.ts';
import { seededRandom } from '../base/random.ts';
import { BoundedReads } from '../system/bounded-reads.ts';
import { AlertSender } from './alert-sender.ts';
import { ControlMonitor } from './control-monitor.ts';
import { type FileCalls, type FileReader, fileReader } from './file-reader.ts';
import { runProgram } from './program-run.ts';

const folder = mkdtempSync(join(tmpdir(), 'twincached-control-monitor-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const monitors: ControlMonitor[] = [];
afterEach(() => {
  for (const monitor of monitors.splice(0)) monitor.stop();
});

/** A monitor of the entries of a text, not started; `log` has a line for whatever it says. */
function monitorOf(
  text: string,
  reader?: FileReader,
): {
  readonly monitor: ControlMonitor;
  readonly ownChildren: Set<number>;
  readonly log: string[];
} {
  const tree = controlTree(text);
  const ownChildren = new Set<number>();
  const log: string[] = [];
  const monitor = new ControlMonitor({
    tree,
    facts: {
      ...{ id: 'id', hostName: 'host', controlFile: '/x', logFile: '-', pidFile: '/x', stateFile: '/x' },
      ...{ idFile: '/x', httpd: null },
      platform: {
        ...{ name: '', release: '', version: '', machine: '', cores: 1, memoryBytes: 1, swapBytes: 0 },
      },
    },
    clock: { monotonicMs: () => performance.now(), wallMs: () => Date.now() },
    random: seededRandom(1),
    cycleSeconds: 60,
    startDelaySeconds: 0,
    bootId: 'boot',
    saved: null,
    ownChildren,
    adoption: null,
    alerts: new AlertSender({ settings: tree.settings, log: () => {} }),
    log: (_, service, line) => log.push(`${service}: ${line}`),
    save: () => {},
    ...(reader === undefined ? {} : { reader }),
  });
  monitors.push(monitor);
  return { monitor, ownChildren, log };
}

test('what was under way when the watching ended has no consequences', async () => {
  const [started, goOn, acted] = ['started', 'go-on', 'acted'].map((name) => join(folder, name));
  const { monitor, ownChildren, log } = monitorOf(
    `check program p with path "/bin/sh -c 'touch ${started}; while ! test -e ${goOn}; do sleep 0.01; done; exit 1'"
       if status != 0 then exec "/bin/touch ${acted}"`,
  );
  monitor.start();
  await until('the program runs', () => existsSync(started ?? ''));
  monitor.stop();
  const touch = { argv: ['/bin/touch', goOn ?? ''], user: null, group: null, timeoutMs: null };
  const options = { outputBytesMax: 0, timeoutMs: null, environment: {}, onChild: () => {} };
  await runProgram(touch, options).ended;
  await until('it has ended', () => ownChildren.size === 0);
  // One that ends later has been judged later, too.
  await runProgram(touch, options).ended;
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(log, []);
  assert.equal(ownChildren.size, 0);
});

test('a monitor that is started twice watches once', () => {
  const { monitor } = monitorOf('check system here');
  const before = process.listenerCount('SIGCHLD');
  monitor.start();
  monitor.start();
  assert.equal(process.listenerCount('SIGCHLD'), before + 1);
  monitor.stop();
  assert.equal(process.listenerCount('SIGCHLD'), before);
});

test('a mount that hangs is told of, holds up nobody else, and nothing is done because of it', async () => {
  const far = join(folder, 'far');
  const near = join(folder, 'near');
  mkdirSync(far);
  for (const path of [join(far, 'file'), near]) writeFileSync(path, '');
  writeFileSync(join(far, 'pid'), `${process.pid}\n`);
  let isAnswering = false;
  let looks = 0;
  const calls: string[] = [];
  // A call on the mount comes back when it answers again, as in the system.
  const answer = async (path: string): Promise<void> => {
    if (!path.startsWith(far)) return;
    calls.push(path);
    await until('the mount answers', () => isAnswering, 60_000);
  };
  const fileCalls: FileCalls = {
    stat: async (path) => {
      await answer(path);
      if (path === near) looks += 1;
      return stat(path);
    },
    statfs: (path) => answer(path).then(() => statfs(path)),
    realpath: (path) => answer(path).then(() => realpath(path)),
    open: (path) => answer(path).then(() => open(path)),
  };
  const servedMount = (path: string): string | null => (path.startsWith(far) ? far : null);
  const reader = fileReader(1000, new BoundedReads({ threads: () => 4, servedMount }), fileCalls);
  const { monitor, log } = monitorOf(
    `check process p with pidfile ${far}/pid start program = "/bin/touch ${folder}/was-started"
     check file f with path ${far}/file if not exist then exec "/bin/touch ${folder}/has-acted"
     check filesystem s with path ${far}
     check file n with path ${near}`,
    reader,
  );
  const states = (): string[] => monitor.entries().map(({ statusText }) => statusText);
  const reason = (name: string): string | undefined =>
    monitor.entries().find(({ entry }) => entry.name === name)?.reason;
  monitor.start();
  await until('all are told of', () => {
    monitor.wake();
    return states().filter((state) => state === 'Data access error').length === 3;
  });
  assert.deepEqual(states().slice(0, 4), [...Array(3).fill('Data access error'), 'OK']);
  assert.equal(reason('f'), `${far}/file does not answer`);
  assert.equal(reason('p'), `pid file ${far}/pid does not answer`);
  const before = looks;
  await until('the others are looked at', () => {
    monitor.wake();
    return looks >= before + 3;
  });
  assert.equal(calls.length, 1);
  const told = (text: string): string[] =>
    log.filter((line) => line.endsWith(text)).map(([name = '']) => name);
  assert.deepEqual(told('does not answer').sort(), ['f', 'p', 's']);
  // Who begins to watch it again is told again.
  for (const command of ['unmonitor', 'monitor'] as const) monitor.command(['p'], command);
  assert.notEqual(states()[0], 'Data access error');
  await until('it is told of again', () => {
    monitor.wake();
    return states()[0] === 'Data access error';
  });
  isAnswering = true;
  await until('it answers again', () => {
    monitor.wake();
    return states().slice(0, 4).join() === 'OK,OK,OK,OK';
  });
  assert.deepEqual([...new Set(told('answers again'))].sort(), ['f', 'p', 's']);
  assert.equal(monitor.entries()[0]?.pid, process.pid);
  for (const name of ['was-started', 'has-acted']) assert.ok(!existsSync(join(folder, name)), name);
});

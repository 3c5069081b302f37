import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { controlTree } from '../../testing/control-entries.ts';
import { until } from '../../testing/wait.ts';
import { seededRandom } from '../base/random.ts';
import { AlertSender } from './alert-sender.ts';
import { ControlMonitor } from './control-monitor.ts';
import { runProgram } from './program-run.ts';

const folder = mkdtempSync(join(tmpdir(), 'twincached-control-monitor-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const monitors: ControlMonitor[] = [];
afterEach(() => {
  for (const monitor of monitors.splice(0)) monitor.stop();
});

/** A monitor of the entries of a text, not started; `log` has a line for whatever it says. */
function monitorOf(text: string): {
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

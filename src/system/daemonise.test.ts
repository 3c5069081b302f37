import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { until } from '../../testing/wait.ts';
import { type DaemonOutcome, daemonReporter, launchDaemon } from './daemonise.ts';

const MODULE = new URL('./daemonise.js', import.meta.url).href;

/** Starts a stand-in program, given as its text, as a daemon. `reporter` is there for it. */
async function launch(
  program: string,
  settings: { readonly timeoutMs?: number; readonly onWarning?: () => void } = {},
): Promise<{ outcome: DaemonOutcome; warnings: string[] }> {
  const warnings: string[] = [];
  const outcome = await launchDaemon({
    command: process.execPath,
    words: [
      '--input-type=module',
      '-e',
      `import { daemonReporter } from ${JSON.stringify(MODULE)};
       const reporter = daemonReporter(process.env, process.ppid);
       ${program}`,
    ],
    environment: process.env,
    keepOutput: false,
    ...settings,
    onWarning: (message) => {
      warnings.push(message);
      settings.onWarning?.();
    },
  });
  return { outcome, warnings };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Waits until a process is gone. */
async function gone(pid: number): Promise<void> {
  await until(`process ${pid} has ended`, () => !isRunning(pid));
}

test('the parent hears of readiness, and the daemon is in a session of its own', async () => {
  const { outcome, warnings } = await launch(`
    import { readFileSync } from 'node:fs';
    const session = readFileSync('/proc/self/stat', 'latin1').split(') ')[1].split(' ')[3];
    reporter.warn('session ' + (Number(session) === process.pid));
    reporter.warn('marker ' + Object.keys(process.env).some((name) => name.startsWith('TWINCACHED')));
    reporter.ready();
    setTimeout(() => {}, 60_000);`);
  assert.equal(outcome.kind, 'serving');
  assert.deepEqual(warnings, ['session true', 'marker false']);
  assert.ok(outcome.kind === 'serving' && isRunning(outcome.pid));
  process.kill(outcome.pid, 'SIGKILL');
  await gone(outcome.pid);
});

test('a slow daemon is waited for', async () => {
  const { outcome } = await launch(`
    setTimeout(() => { reporter.ready(); }, 300);`);
  assert.equal(outcome.kind, 'serving');
});

test('a failing daemon hands over its line and its exit code', async () => {
  const { outcome } = await launch(`reporter.failed('port 1: in use', 71); process.exit(71);`);
  assert.deepEqual(outcome, { kind: 'failed', message: 'port 1: in use', exitCode: 71 });
});

test('a daemon that dies without a word is told of', async () => {
  assert.deepEqual((await launch('process.exit(3);')).outcome, {
    kind: 'failed',
    message: 'the background process ended with exit code 3 before it was ready',
    exitCode: 3,
  });
  assert.deepEqual((await launch('process.exit(0);')).outcome, {
    kind: 'failed',
    message: 'the background process ended with exit code 0 before it was ready',
    exitCode: 1,
  });
  assert.deepEqual((await launch("process.kill(process.pid, 'SIGKILL');")).outcome, {
    kind: 'failed',
    message: 'the background process ended by signal SIGKILL before it was ready',
    exitCode: 1,
  });
});

test('a daemon that hangs is killed', async () => {
  const { outcome, warnings } = await launch(
    `reporter.warn(String(process.pid)); setTimeout(() => {}, 60_000);`,
    { timeoutMs: 5000 },
  );
  assert.deepEqual(outcome, {
    kind: 'failed',
    message: 'the background process did not get ready in time',
    exitCode: 1,
  });
  const pid = Number(warnings[0]);
  assert.ok(pid > 0, 'the stand-in had time to start');
  await gone(pid);
});

test('a stop signal while waiting is passed on to the daemon', async () => {
  // Keeps this process alive in any case; the launcher has a handler of its own.
  const ignore = (): void => {};
  process.on('SIGTERM', ignore);
  const { outcome } = await launch(
    `process.on('SIGTERM', () => { reporter.failed('told to stop', 15); process.exit(); });
     reporter.warn('armed');
     setTimeout(() => {}, 60_000);`,
    { onWarning: () => process.kill(process.pid, 'SIGTERM') },
  );
  process.off('SIGTERM', ignore);
  assert.deepEqual(outcome, { kind: 'failed', message: 'told to stop', exitCode: 15 });
});

test('a program that cannot be started is told of', async () => {
  const outcome = await launchDaemon({
    command: '/nonexistent/program',
    words: [],
    environment: {},
    keepOutput: false,
    onWarning: () => {},
  });
  assert.equal(outcome.kind, 'failed');
  assert.match(outcome.kind === 'failed' ? outcome.message : '', /ENOENT/);
});

test("a marker that is another process's, or comes without a pipe, makes no daemon", () => {
  const leaked = { TWINCACHED_DAEMON_OF: '1' };
  assert.equal(daemonReporter(leaked, process.ppid), null);
  assert.deepEqual(leaked, {});
  assert.equal(daemonReporter({}, process.ppid), null);

  const program = `
    import { daemonReporter } from ${JSON.stringify(MODULE)};
    console.log(daemonReporter(process.env, process.ppid) === null ? 'ordinary' : 'daemon');`;
  const run = (marker: number, pipe: boolean): string => {
    const stdio: ('ignore' | 'pipe')[] = ['ignore', 'pipe', 'pipe', ...(pipe ? ['pipe' as const] : [])];
    const env = { ...process.env, TWINCACHED_DAEMON_OF: String(marker) };
    const words = ['--input-type=module', '-e', program];
    return spawnSync(process.execPath, words, { encoding: 'utf8', stdio, env }).stdout.trim();
  };
  assert.equal(run(process.pid, true), 'daemon');
  assert.equal(run(process.pid, false), 'ordinary');
  assert.equal(run(process.ppid, true), 'ordinary');
});

/* Spares of a stand-in; see testing/stand-in-service.ts. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isAlive } from '../../testing/daemons.ts';
import { freePorts } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';
import { spareArguments } from '../system/spare-words.ts';
import { type ChildListener, type SupervisedChild, startChild } from './child-process.ts';
import { probe } from './probe.ts';
import { SpareProcess } from './spare-process.ts';

const STAND_IN = fileURLToPath(new URL('../../testing/stand-in-service.js', import.meta.url));
const COMMAND = [process.execPath, STAND_IN];

/** What a child tells, as words. */
function listener(told: string[]): ChildListener {
  return {
    onSpawned: (pid) => told.push(`spawned ${pid}`),
    onSpawnFailed: () => told.push('failed'),
    onLine: (line) => told.push(line),
    onExit: (code, signal) => told.push(`exit ${code} ${signal}`),
  };
}

function spareOf(
  t: TestContext,
  stamp: () => string,
  command: readonly string[] = COMMAND,
): [SpareProcess, string[]] {
  const warnings: string[] = [];
  const spare = new SpareProcess({ command, stamp }, (text) => warnings.push(text));
  t.after(() => spare.close());
  spare.keep();
  return [spare, warnings];
}

/** Polls until one is ready. */
async function take(
  t: TestContext,
  spare: SpareProcess,
  argv: readonly string[],
  told: string[],
): Promise<number> {
  let pid: number | null = null;
  const child: SupervisedChild = await until('a spare is ready', () => {
    pid = spare.pid;
    const taken = spare.take(argv, listener(told));
    assert.deepEqual(told, [], 'who asks is told of the start when he has his answer');
    return taken;
  });
  t.after(() => child.signal('SIGKILL'));
  await until('the start', () => told.length > 0);
  assert.equal(told[0], `spawned ${pid}`);
  return pid ?? 0;
}

test('a spare becomes what is asked for, tells what it does, and another one waits in its place', async (t) => {
  const [spare] = spareOf(t, () => 'same');
  const [port = 0] = await freePorts(1);
  const told: string[] = [];
  const pid = await take(t, spare, [...COMMAND, '-p', String(port)], told);
  await until(
    'it answers',
    async () => (await probe({ host: '127.0.0.1', port, stats: false }, 1000, 'node')).ok,
  );
  await until('it tells', () => told.includes(`listening on ${port}`));
  const next = await until('the next one', () => spare.pid);
  assert.notEqual(next, pid);
  process.kill(pid, 'SIGTERM');
  await until('the end', () => told.at(-1) === 'exit 0 null');
  spare.close();
  await until('the one that waited has gone', () => !isAlive(next));
  assert.equal(spare.take([...COMMAND, '-p', String(port)], listener([])), null);
});

test('another program, a line too long for it, or other files than it was started from: it is not used', async (t) => {
  let release = 'old';
  const [spare] = spareOf(t, () => release);
  const long = [...COMMAND, '-p', '0', 'x'.repeat(1000)];
  // A spare that is ready has been taken by the second of these if it can be.
  const told: string[] = [];
  await until('it is used once all fits', () => {
    assert.equal(spare.take(['/bin/true'], listener(told)), null);
    assert.equal(spare.take(long, listener(told)), null);
    const child = spare.take([...COMMAND, '-p', '0'], listener(told));
    child?.signal('SIGKILL');
    return child;
  });
  const old = await until('the next one', () => spare.pid);
  release = 'new';
  await until('the one of the old release is ended', () => {
    assert.ok(spare.pid !== old || spare.take([...COMMAND, '-p', '0'], listener([])) === null);
    return !isAlive(old);
  });
  await take(t, spare, [...COMMAND, '-p', '0'], []);
});

test('one that still loads is used, too, unless the one before could not', async (t) => {
  const [spare] = spareOf(t, () => 'same');
  const [port = 0] = await freePorts(1);
  // Taken with the first look at its process, long before it can have loaded anything.
  const pid = await until('it starts', () => spare.pid);
  const child = spare.take([...COMMAND, '-p', String(port)], listener([]));
  t.after(() => child?.signal('SIGKILL'));
  await until(
    'it answers',
    async () => (await probe({ host: '127.0.0.1', port, stats: false }, 1000, 'node')).ok,
  );
  assert.ok(isAlive(pid));

  const failing = ['/usr/bin/env', 'STAND_IN=bad-option', ...COMMAND];
  const [bad] = spareOf(t, () => 'same', failing);
  const told: string[] = [];
  await until('it starts', () => bad.pid);
  assert.ok(bad.take([...failing, '-p', '0'], listener(told)) !== null);
  await until('its end', () => told.at(-1)?.startsWith('exit '));
  await until('the next one', () => bad.pid);
  assert.equal(bad.take([...failing, '-p', '0'], listener([])), null);
});

test('a program that cannot be one is tried three times', async (t) => {
  const failing = ['/usr/bin/env', 'STAND_IN=bad-option', ...COMMAND];
  const [spare, warnings] = spareOf(t, () => 'same', failing);
  await until('it is given up', () => warnings.length > 0);
  assert.equal(spare.pid, null);
});

test('a spare ends when its monitor has gone', async () => {
  const told: string[] = [];
  const child = startChild([...COMMAND, ...spareArguments()], listener(told), true);
  child.pipe?.once('data', () => child.pipe?.end());
  child.pipe?.resume();
  await until('its end', () => told.at(-1) === 'exit 0 null');
});

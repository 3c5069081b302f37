import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { run } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';
import { commandLine, processIds, readProcessEntry } from '../system/proc-table.ts';
import { orphansOf } from './orphans.ts';
import type { BusyPort } from './port-check.ts';

const SKIP = process.platform === 'linux' ? false : 'there is no /proc';
const COMMAND = ['/bin/sleep'];

/** A sleep that a shell has started and left behind. @returns its number */
async function left(t: TestContext, seconds: string, how: string): Promise<number> {
  const line = `/bin/sleep ${seconds}`;
  const shell = run('/bin/sh', ['-c', `${how} ${line} >/dev/null 2>&1 &`]);
  assert.equal(await shell.ended(), 0);
  const pid = await until('it runs', () => processIds().find((id) => commandLine(id) === line) ?? null);
  t.after(() => process.kill(pid, 'SIGKILL'));
  await until('its shell has gone', () => readProcessEntry(pid)?.parentPid !== shell.child.pid);
  return pid;
}

function busy(pid: number): BusyPort {
  return {
    port: 1,
    wantedBy: 'one (clients)',
    code: 'EADDRINUSE',
    holder: { pid, command: commandLine(pid) },
  };
}

function service(seconds: string): { name: string; argv: string[]; ports: [] } {
  return { name: `sleeps ${seconds}`, argv: [...COMMAND, seconds], ports: [] };
}

test('what a monitor has left is found by its very command line', { skip: SKIP }, async (t) => {
  const pid = await left(t, '71001', 'setsid');
  const services = [service('7100'), service('71001')];
  assert.deepEqual([...orphansOf(services, [busy(pid), busy(pid)], COMMAND)], [['sleeps 71001', pid]]);
  assert.deepEqual([...orphansOf([service('7100')], [busy(pid)], COMMAND)], []);
  assert.deepEqual([...orphansOf(services, [{ ...busy(pid), holder: null }], COMMAND)], []);
});

test('what somebody else has started, or a monitor that lives, is left alone', { skip: SKIP }, async (t) => {
  const stray = await left(t, '71002', '');
  assert.notEqual(readProcessEntry(stray)?.groupId, stray);
  assert.deepEqual([...orphansOf([service('71002')], [busy(stray)], COMMAND)], []);
  // This process is one that Node.js runs, too.
  const child = run('setsid', ['/bin/sleep', '71003']);
  t.after(() => child.kill('SIGKILL'));
  const pid = child.child.pid ?? 0;
  await until('it leads a group', () => {
    const entry = readProcessEntry(pid);
    return commandLine(pid) === '/bin/sleep 71003' && entry?.groupId === pid;
  });
  assert.deepEqual([...orphansOf([service('71003')], [busy(pid)], COMMAND)], []);
});

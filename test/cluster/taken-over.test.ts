/*
 * A monitor is killed: what it had started serves on, and the next one takes it over, without a request that fails and without a process that is
 * started anew.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readProcessEntry } from '../../src/system/proc-table.ts';
import { freePorts, type Running, twincached } from '../../testing/processes.ts';
import { SteadyLoad } from '../../testing/steady-load.ts';
import { until } from '../../testing/wait.ts';

const PAUSE_MS = 5;

interface Service {
  readonly name: string;
  readonly state: string;
  readonly pid: number;
  readonly restarts: number;
}

test('the next monitor takes over what a killed one has left', async (t) => {
  const [a = 0, b = 0, replication = 0, proxy = 0, page = 0] = await freePorts(5);
  const directory = mkdtempSync(join(tmpdir(), 'twincached-taken-over-'));
  const path = join(directory, 'shop.yml');
  writeFileSync(
    path,
    `name: shop
defaults: { memory: 32M }
limits: { proxies: { request-timeout: 20s, connect-timeout: 20s } }
shards:
  - { name: one, replication-port: ${replication}, twins: [{ port: ${a} }, { port: ${b} }] }
proxies:
  - { name: front, port: ${proxy} }
page: { port: ${page} }
`,
  );
  const environment = { XDG_STATE_HOME: directory };
  const started: Running[] = [];
  const up = async (): Promise<Running> => {
    const running = twincached(['up', path], environment);
    started.push(running);
    await until('the welcome', () => running.stdout().includes('Your cluster runs'), 60_000);
    return running;
  };
  const services = async (): Promise<Service[]> => {
    const answer = await fetch(`http://127.0.0.1:${page}/status.json`);
    // Cast: our own program's answer; a wrong shape fails the assertions that follow.
    return ((await answer.json()) as { services: Service[] }).services;
  };
  let left: readonly number[] = [];
  t.after(async () => {
    for (const running of started) running.child.kill('SIGINT');
    await Promise.all(started.map((running) => running.ended()));
    for (const pid of left) if (readProcessEntry(pid) !== null) process.kill(pid, 'SIGKILL');
    rmSync(directory, { recursive: true });
  });

  const first = await up();
  const before = await services();
  left = before.map(({ pid }) => pid);
  const load = await SteadyLoad.start(proxy, '127.0.0.1', 'on', PAUSE_MS);
  t.after(() => load.stop());
  const goesOn = async (): Promise<void> => {
    const answered = load.answered;
    await until('the load goes on', () => load.answered > answered + 100);
  };
  await goesOn();
  const ordered = async (...words: readonly string[]): Promise<void> => {
    const order = twincached([...words, '--cluster', 'shop'], environment);
    assert.equal(await order.ended(), 0, order.stderr());
  };
  await ordered('take-out', 'one-b');
  first.child.kill('SIGKILL');
  await first.ended();
  await goesOn();

  const second = await up();
  assert.deepEqual(
    (await services()).map(({ name, pid }) => [name, pid]),
    before.map(({ name, pid }) => [name, pid]),
  );
  // What an operator has taken out of a proxy is no better for the monitor's end.
  assert.match(second.stdout(), new RegExp(`front does not ask 127.0.0.1:${b}: taken out before`));
  await goesOn();
  await ordered('put-back', 'one-b');
  await goesOn();

  // What was taken over is watched as what was started is.
  const victim = before.find(({ name }) => name === 'one-a')?.pid ?? 0;
  assert.ok(second.stdout().includes(`one-a runs already, process ${victim}: taken over\n`));
  process.kill(victim, 'SIGKILL');
  const again = await until('it is replaced', async () => {
    const now = await services();
    return now.every(({ state, pid }) => state === 'running' && pid !== victim) ? now : null;
  });
  assert.equal(again.filter(({ restarts }) => restarts === 1).length, 1);
  left = again.map(({ pid }) => pid);
  await goesOn();
  const report = await load.stop();
  assert.deepEqual([report.errors, report.lost], [[], []]);

  second.child.kill('SIGINT');
  assert.equal(await second.ended(), 0, second.stderr());
  // Who takes in orphans may be slow to clear them away.
  for (const pid of left) assert.equal(readProcessEntry(pid)?.state ?? 'Z', 'Z', `process ${pid} is left`);
});

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { until } from '../../testing/wait.ts';
import { SYSLOG_BACKLOG_MAX, Syslog } from './syslog.ts';

const folder = mkdtempSync(join(tmpdir(), 'twincached-syslog-'));
after(() => rmSync(folder, { recursive: true, force: true }));
process.env['PATH'] = `${folder}:${process.env['PATH'] ?? ''}`;

/** What is found as logger(1) from now on. */
function standIn(script: string): void {
  const path = join(folder, 'logger');
  rmSync(path, { force: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

/** With the processes that it has. */
function syslogOf(facility: string | null): { readonly syslog: Syslog; readonly alive: Set<number> } {
  const alive = new Set<number>();
  const syslog = new Syslog(facility, (pid, isAlive) => {
    if (isAlive) alive.add(pid);
    else alive.delete(pid);
  });
  return { syslog, alive };
}

test('lines go to a logger for each level, which is started anew when it has ended, and ends at last', async () => {
  const heard = join(folder, 'heard');
  standIn(`echo "$*" >> ${heard}\nexec cat >> ${heard}`);
  const { syslog, alive } = syslogOf('LOG_LOCAL3');
  const untilHeard = (lines: readonly string[]): Promise<unknown> =>
    until('the lines', () => readFileSync(heard, 'utf8') === `${lines.join('\n')}\n`);
  syslog.write('error', 'first\nof two');
  await untilHeard(['-t monit -p local3.err', 'first of two']);
  syslog.write('error', 'second');
  await untilHeard(['-t monit -p local3.err', 'first of two', 'second']);
  const [pid = 0] = alive;
  process.kill(pid, 'SIGKILL');
  await until('its end is told', () => alive.size === 0);
  syslog.write('error', 'third');
  await untilHeard([
    ...['-t monit -p local3.err', 'first of two', 'second'],
    ...['-t monit -p local3.err', 'third'],
  ]);
  syslog.write('info', 'fourth');
  syslog.close();
  await until('all have ended', () => alive.size === 0);
  assert.ok(readFileSync(heard, 'utf8').endsWith('-t monit -p local3.info\nfourth\n'));
});

test('what is said behind the end arrives, and leaves no process', async () => {
  const heard = join(folder, 'late');
  standIn(`exec cat >> ${heard}`);
  const { syslog, alive } = syslogOf(null);
  syslog.close();
  syslog.write('error', 'late');
  await until('it has ended', () => alive.size === 0);
  assert.equal(readFileSync(heard, 'utf8'), 'late\n');
});

test('a logger that hangs keeps no more than a bound, and is told how much it has lost', async () => {
  const [goOn, heard] = [join(folder, 'go-on'), join(folder, 'much')];
  standIn(`while ! test -e ${goOn}; do sleep 0.01; done\nexec cat >> ${heard}`);
  const { syslog, alive } = syslogOf(null);
  const line = 'x'.repeat(SYSLOG_BACKLOG_MAX / 4 - 1);
  for (let count = 0; count < 100; count++) syslog.write('info', line);
  writeFileSync(goOn, '');
  let written = 100;
  await until('it takes more', () => {
    syslog.write('info', 'later');
    written += 1;
    return readFileSync(heard, 'utf8').includes('later');
  });
  syslog.close();
  await until('it has ended', () => alive.size === 0);
  const lines = readFileSync(heard, 'utf8').trimEnd().split('\n');
  const lost = lines.flatMap(
    (one) => /^(\d+) lines were lost, which syslog did not take$/.exec(one)?.[1] ?? [],
  );
  const kept = lines.filter((one) => one === line).length;
  // What the pipe has taken is not in the bound.
  assert.ok(kept >= 4 && kept < 50, String(kept));
  assert.equal(
    lost.reduce((sum, count) => sum + Number(count), lines.length - lost.length),
    written,
  );
});

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { until } from '../../testing/wait.ts';
import { Syslog } from './syslog.ts';

const folder = mkdtempSync(join(tmpdir(), 'twincached-syslog-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('lines go to a logger for each level, which is started anew when it has ended, and ends at last', async () => {
  const path = join(folder, 'logger');
  const heard = join(folder, 'heard');
  writeFileSync(path, `#!/bin/sh\necho "$*" >> ${heard}\nexec cat >> ${heard}\n`);
  chmodSync(path, 0o755);
  process.env['PATH'] = `${folder}:${process.env['PATH'] ?? ''}`;
  const alive = new Set<number>();
  const syslog = new Syslog('LOG_LOCAL3', (pid, isAlive) => {
    if (isAlive) alive.add(pid);
    else alive.delete(pid);
  });
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

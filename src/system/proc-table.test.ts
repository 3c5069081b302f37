import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { run } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';
import { bootId, PAGE_BYTES, pageBytesOf, parseCpuTimes, parseMemory, readHost } from './host-figures.ts';
import {
  commandLine,
  hasEnvironment,
  isZombie,
  parseProcessEntry,
  readDiskUse,
  readingOnce,
  readOpenFiles,
  readOpenFilesLimit,
  readProcessEntry,
  readProcessOwner,
  readProcessTable,
} from './proc-table.ts';

const SKIP = process.platform === 'linux' ? false : 'there is no /proc';

test('a line of stat is read from its last bracket on', () => {
  const line =
    '42 (a) b (c) S 7 42 42 0 -1 4194304 1 0 0 0 150 50 0 0 20 0 9 0 12345 1000 250 18446744073709551615 0 0';
  assert.deepEqual(parseProcessEntry(line), {
    pid: 42,
    state: 'S',
    parentPid: 7,
    groupId: 42,
    cpuMs: 2000,
    threads: 9,
    startedAfterBootMs: 123450,
    residentPages: 250,
  });
  const zombie = parseProcessEntry(line.replace(' S ', ' Z '));
  assert.ok(zombie !== null && !isZombie(zombie), 'eight more threads have not ended');
  assert.ok(isZombie({ ...zombie, threads: 1 }));
  assert.equal(parseProcessEntry('nonsense'), null);
  assert.equal(parseProcessEntry(''), null);
});

test('memory and CPU times are read from their files', () => {
  const memory = parseMemory(
    'MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 400 kB\nSwapTotal: 50 kB\nSwapFree: 20 kB\n',
  );
  assert.deepEqual(memory, {
    memoryTotalBytes: 1_024_000,
    memoryUsedBytes: 614_400,
    swapTotalBytes: 51_200,
    swapUsedBytes: 30_720,
  });
  assert.equal(parseCpuTimes('cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 1 1 1\n')?.idle, 4);
  assert.equal(parseCpuTimes(''), null);
});

test('the size of a page is found among what the kernel tells', { skip: SKIP }, () => {
  const auxv = (...numbers: readonly bigint[]): Uint8Array =>
    new Uint8Array(new BigUint64Array(numbers).buffer);
  assert.equal(pageBytesOf(auxv(33n, 6n, 6n, 65536n, 0n, 0n)), 65536);
  assert.equal(pageBytesOf(auxv(33n, 6n, 0n, 0n)), null);
  assert.equal(pageBytesOf(new Uint8Array()), null);
  assert.equal(
    pageBytesOf(readFileSync('/proc/self/auxv')),
    Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'latin1' })),
  );
  const pages = readProcessEntry(process.pid)?.residentPages ?? 0;
  const ratio = (pages * PAGE_BYTES) / process.memoryUsage.rss();
  assert.ok(ratio > 0.5 && ratio < 2, `${pages} pages of ${PAGE_BYTES} bytes`);
});

test('this very process and its child are seen', { skip: SKIP }, async () => {
  const child = run('/bin/sleep', ['1000'], { MARK: 'here' });
  const entry = await until('its program is loaded', () =>
    commandLine(child.pid) === '/bin/sleep 1000' ? readProcessEntry(child.pid) : null,
  );
  assert.equal(entry.parentPid, process.pid);
  assert.ok(readProcessTable().some(({ pid }) => pid === child.pid));
  assert.ok(hasEnvironment(child.pid, 'MARK', 'here'));
  assert.ok(!hasEnvironment(child.pid, 'MARK', 'her'));
  assert.ok(!hasEnvironment(child.pid, 'ARK', 'here'));
  assert.equal(readProcessOwner(child.pid)?.uid, process.getuid?.());
  assert.ok((readOpenFiles(child.pid) ?? 0) >= 3);
  assert.ok(readOpenFilesLimit(child.pid).soft >= 3);
  assert.ok(readDiskUse(child.pid) !== null);
  assert.equal(isZombie(entry), false);
  await child.kill('SIGKILL');
  assert.equal(readProcessEntry(child.pid), null);
  assert.equal(readProcessOwner(child.pid), null);
  assert.equal(readOpenFiles(child.pid), null);
  assert.ok(readHost().memoryTotalBytes > 0 && bootId().length > 10);
});

test('while one reads once, a process stays what it was', { skip: SKIP }, async () => {
  const child = run('/bin/sleep', ['1010']);
  await until('it is there', () => readProcessEntry(child.pid) !== null);
  let isSeen = false;
  readingOnce(() => {
    const entry = readProcessEntry(child.pid);
    isSeen = entry !== null && readProcessEntry(child.pid) === entry;
  });
  assert.ok(isSeen);
  assert.notEqual(readProcessEntry(child.pid), readProcessEntry(child.pid));
  await child.kill('SIGKILL');
  assert.equal(readProcessEntry(child.pid), null);
});

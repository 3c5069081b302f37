import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProcessSample, readProcessSample } from './proc-process.ts';

const STATUS = 'Name:\tx\nVmRSS:\t  4567 kB\nRssAnon:\t 1 kB\nThreads:\t11\n';

test('the CPU time is found behind a name full of blanks and brackets', () => {
  const stat =
    '17 (a) 1 (b c)) S 1 17 17 0 -1 4194304 100 0 0 0 250 50 7 8 20 0 11 0 12345 1000 20 18446744073709551615';
  assert.deepEqual(parseProcessSample(stat, STATUS), {
    cpuMs: 3000,
    residentBytes: 4567 * 1024,
    threads: 11,
  });
});

test('a process that has ended has no memory, and nonsense is refused', () => {
  const stat = '17 (x) Z 1 17 17 0 -1 4194304 100 0 0 0 1 1 0 0 20 0 1 0 1 0 0 0';
  assert.equal(parseProcessSample(stat, 'State:\tZ (zombie)\nThreads:\t1\n')?.residentBytes, 0);
  assert.equal(parseProcessSample('', ''), null);
  assert.equal(parseProcessSample(stat, ''), null);
});

test('this process can be sampled, one that does not exist cannot', {
  skip: process.platform !== 'linux',
}, () => {
  const sample = readProcessSample(process.pid);
  assert.ok(sample !== null && sample.residentBytes > 10_000_000 && sample.threads > 1);
  assert.equal(readProcessSample(0), null);
});

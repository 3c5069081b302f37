import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProcessEntry } from '../system/proc-table.ts';
import { descendants } from './process-sample.ts';

function entry(pid: number, parentPid: number): ProcessEntry {
  const nothing = { state: 'S', groupId: 1, cpuMs: 0, threads: 1, startedAfterBootMs: 0, residentPages: 0 };
  return { pid, parentPid, ...nothing };
}

test('all below a process are found, each once, also where its table shows a circle', () => {
  const table = [entry(1, 0), entry(2, 1), entry(3, 2), entry(4, 3), entry(5, 1), entry(6, 7), entry(7, 6)];
  const below = (pid: number): number[] =>
    descendants(pid, table)
      .map((one) => one.pid)
      .sort((one, other) => one - other);
  assert.deepEqual(below(1), [2, 3, 4, 5]);
  assert.deepEqual(below(3), [4]);
  assert.deepEqual(below(5), []);
  assert.deepEqual(below(6), [6, 7]);
});

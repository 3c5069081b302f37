import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readStats } from './node-stats.ts';

const lines = (entries: Record<string, string>): Map<string, string> => new Map(Object.entries(entries));

test('counters are read, what is missing or no number is 0, replication lines are kept as they are', () => {
  const { stats } = readStats(
    lines({ version: '1.6', curr_items: '5', bytes: 'x', replication: 'MASTER', repcached_qi_free: '8' }),
    0,
    null,
  );
  assert.equal(stats.currItems, 5);
  assert.equal(stats.bytes, 0);
  assert.equal(stats.evictions, 0);
  assert.equal(stats.requestsPerSecond, null);
  assert.deepEqual(stats.replication, { replication: 'MASTER', repcached_qi_free: '8' });
});

test('the rate is the difference of two readings of one process', () => {
  const first = readStats(lines({ pid: '7', cmd_get: '10', cmd_set: '5' }), 1000, null);
  const second = readStats(lines({ pid: '7', cmd_get: '100', cmd_set: '15', delete_hits: '2' }), 3000, first);
  assert.equal(second.stats.requestsPerSecond, 51);
  const restarted = readStats(lines({ pid: '8', cmd_get: '200' }), 4000, second);
  assert.equal(restarted.stats.requestsPerSecond, null);
  const reset = readStats(lines({ pid: '8', cmd_get: '0' }), 5000, restarted);
  assert.equal(reset.stats.requestsPerSecond, null);
});

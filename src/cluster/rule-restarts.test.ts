import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../../testing/wait.ts';
import { RULE_RESTART_PAUSE_MS, RuleRestarts } from './rule-restarts.ts';

test('restarts come one after the other, when nothing else is under way, and once a minute at most', async () => {
  const restarted: string[] = [];
  let isBusy = true;
  let nowMs = 0;
  const restarts = new RuleRestarts({
    isBusy: () => isBusy,
    restart: async (service, by) => {
      restarted.push(`${service} by ${by}`);
      // It is under way until the test says that it has ended.
      isBusy = true;
      return { kind: 'plan', lines: [] };
    },
    nowMs: () => nowMs,
  });
  restarts.want('one', 'too many items');
  restarts.want('two', 'too many items');
  restarts.want('one', 'still too many');
  assert.deepEqual(restarted, []);
  isBusy = false;
  await until('the first', () => restarted.length === 1);
  isBusy = false;
  await until('the second', () => restarted.length === 2);
  isBusy = false;
  assert.deepEqual(restarted, ['one by a rule (too many items)', 'two by a rule (too many items)']);
  nowMs = RULE_RESTART_PAUSE_MS - 1;
  restarts.want('one', 'again');
  assert.equal(restarted.length, 2);
  nowMs = RULE_RESTART_PAUSE_MS;
  restarts.want('one', 'again');
  await until('after a minute', () => restarted.length === 3);
  // What was wanted while the monitor ends is forgotten.
  restarts.want('three', 'late');
  restarts.stop();
  isBusy = false;
  nowMs += RULE_RESTART_PAUSE_MS;
  restarts.want('four', 'later');
  await new Promise(setImmediate);
  assert.equal(restarted.length, 3);
});

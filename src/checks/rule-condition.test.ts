import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CONDITION_PATTERN,
  type Condition,
  conditionText,
  judgeCondition,
  parseCondition,
} from './rule-condition.ts';
import { figure } from './sample.ts';
import { FIGURE_KINDS, FIGURE_NAMES } from './service-figures.ts';

function parsed(text: string): Condition {
  const condition = parseCondition(text);
  assert.ok(typeof condition !== 'string', String(condition));
  assert.match(text, CONDITION_PATTERN);
  return condition;
}

test('every figure can be written as its example says', () => {
  for (const name of FIGURE_NAMES) assert.equal(parsed(FIGURE_KINDS[name].example).figure, name);
});

test('limits have units', () => {
  const limits = [
    'memory > 2G',
    'memory>=1.5M',
    'lag > 250ms',
    'lag > 2m',
    'connections = 10',
    'evictions > 5/s',
  ];
  assert.deepEqual(
    limits.map((text) => parsed(text).limit),
    [2 * 1024 ** 3, 1.5 * 1024 ** 2, 250, 120_000, 10, 5],
  );
  assert.equal(conditionText(parsed('bytes > 95%')), 'bytes > 95.0%');
  assert.equal(conditionText(parsed('not in-sync')), 'not in-sync');
});

test('what is wrong is said with what to write', () => {
  for (const [text, message] of [
    ['', /is no condition; write a figure/],
    ['memory', /is no condition/],
    ['hunger > 3', /there is no figure "hunger"; write one of memory, cpu/],
    ['in-sync = 1', /in-sync is yes or no; write "not in-sync"/],
    ['memory => 3M', /"=>" is no comparison; write one of < <= > >= = !=/],
    ['memory > 3', /"3" is no limit of memory; write it as in "memory > 2G"/],
    ['memory > 3%', /"3%" is no limit of memory/],
    ['lag > 3M', /"3M" is no limit of lag/],
    ['cpu > 90%%', /"90%%" is no limit of cpu/],
  ] as const) {
    const wrong = parseCondition(text);
    assert.ok(typeof wrong === 'string', text);
    assert.match(wrong, message);
  }
});

test('a condition is judged by what is known, and says so with figures', () => {
  const memory = parsed('memory > 1M');
  assert.equal(judgeCondition(memory, {}).result, 'unknown');
  assert.deepEqual(judgeCondition(memory, { memory: figure(2 * 1024 ** 2) }), {
    result: 'matched',
    text: 'memory of 2.0 MB matches the limit [memory > 1.0 MB]',
  });
  assert.equal(judgeCondition(memory, { memory: figure(1024 ** 2) }).result, 'not-matched');
  assert.deepEqual(judgeCondition(parsed('not in-sync'), { 'in-sync': figure(0) }), {
    result: 'matched',
    text: 'is not in sync',
  });
  assert.deepEqual(judgeCondition(parsed('errors > 1/s'), { errors: figure(null, null, 2) }), {
    result: 'matched',
    text: 'errors of 2.0/s matches the limit [errors > 1.0/s]',
  });
  // A percentage of what has no bound is not known.
  assert.equal(judgeCondition(parsed('connections > 90%'), { connections: figure(5) }).result, 'unknown');
});

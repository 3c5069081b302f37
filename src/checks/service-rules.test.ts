import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCondition } from './rule-condition.ts';
import { figure } from './sample.ts';
import type { ServiceFigures } from './service-figures.ts';
import { type RuleFinding, type ServiceRule, ServiceRules } from './service-rules.ts';

function rule(text: string, cycles: number, kind: 'alert' | 'restart' = 'alert'): ServiceRule {
  const condition = parseCondition(text);
  assert.ok(typeof condition !== 'string');
  return { condition, times: cycles, cycles, action: { kind } };
}

const threads = (count: number): ServiceFigures => ({ threads: figure(count) });

/** `failed`, `succeeded`, with `restart` where that is due, of one look. */
function words(findings: readonly RuleFinding[]): string {
  return findings
    .map(({ event, action, isNew }) => `${isNew ? event.state : 'again'} ${action.kind}`)
    .join(', ');
}

test('a rule is told when it has held so long, once, and when it holds no more', () => {
  const rules = new ServiceRules([rule('threads > 5', 3)]);
  const look = (count: number): string => words(rules.judge(threads(count)));
  assert.deepEqual([9, 9, 1, 9, 9].map(look), ['', '', '', '', '']);
  assert.deepEqual(rules.findings, []);
  assert.equal(look(9), 'failed alert');
  assert.deepEqual(rules.findings, ['threads > 5']);
  assert.deepEqual([9, 9, 9, 9].map(look), ['', '', '', '']);
  // What is not known counts for nothing.
  assert.equal(words(rules.judge({})), '');
  assert.equal(look(5), 'succeeded alert');
  assert.deepEqual(rules.findings, []);
  assert.equal(look(5), '');
});

test('a restart is due again after the whole time, and what the process before did does not count', () => {
  const rules = new ServiceRules([rule('threads > 5', 2, 'restart')]);
  const look = (count: number): string => words(rules.judge(threads(count)));
  assert.deepEqual([9, 9, 9, 9, 9, 9].map(look), [
    '',
    'failed restart',
    '',
    'again restart',
    '',
    'again restart',
  ]);
  assert.equal(look(9), '');
  rules.startedAnew();
  assert.deepEqual([9, 9].map(look), ['', 'again restart']);
});

test('so many times within so many looks: told once, and over when it was so fewer times', () => {
  const rules = new ServiceRules([{ ...rule('threads > 5', 5), times: 3 }]);
  const look = (count: number): string => words(rules.judge(threads(count)));
  assert.deepEqual([9, 1, 9, 1, 1, 9, 1].map(look), ['', '', '', '', '', '', '']);
  assert.deepEqual([9, 9].map(look), ['', 'failed alert']);
  assert.deepEqual(rules.findings, ['threads > 5']);
  // 9 1 9 9 1, and on: three of five are so still.
  assert.deepEqual([1, 9, 9, 1].map(look), ['', '', '', '']);
  assert.equal(look(1), 'succeeded alert');
  assert.deepEqual([1, 9, 9].map(look), ['', '', '']);
});

test('so many times within so many looks: a restart is due again after as many', () => {
  const rules = new ServiceRules([{ ...rule('threads > 5', 4, 'restart'), times: 2 }]);
  const look = (count: number): string => words(rules.judge(threads(count)));
  assert.deepEqual([9, 1, 9, 9, 1, 9].map(look), ['', '', 'failed restart', '', '', 'again restart']);
});

test('other rules: those that stay remember, those that go and held are over', () => {
  const kept = rule('threads > 5', 2);
  const rules = new ServiceRules([kept, rule('threads > 6', 1)]);
  assert.equal(words(rules.judge(threads(9))), 'failed alert');
  assert.equal(words(rules.use([rule('threads > 5', 2), rule('threads > 7', 1)])), 'succeeded alert');
  assert.equal(words(rules.judge(threads(9))), 'failed alert, failed alert');
  rules.forget();
  assert.deepEqual(rules.findings, []);
});

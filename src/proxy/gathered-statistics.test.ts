import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Timers } from '../net/timers.ts';
import { GATHER_MS_MAX, GATHERED_MAX, GatheredStatistics } from './gathered-statistics.ts';

/** A thread that asks `others` more. */
function asking(others: number): {
  timers: Timers;
  asked: number[];
  gathered: GatheredStatistics;
  answers: (readonly string[])[];
  gather: () => void;
} {
  const timers = new Timers();
  const loop = {
    schedule: (delayMs: number, callback: () => void) => timers.add(delayMs, callback),
    cancel: (handle: number) => timers.cancel(handle),
  };
  const asked: number[] = [];
  const answers: (readonly string[])[] = [];
  const gathered = new GatheredStatistics(loop, others, ({ question }) => asked.push(question));
  return {
    timers,
    asked,
    gathered,
    answers,
    gather: () => gathered.gather(0, 'servers', (texts) => answers.push(texts)),
  };
}

test('what the others say is told when all have answered, and nothing is left of the question', () => {
  const { timers, asked, gathered, answers, gather } = asking(2);
  gather();
  gather();
  const [first = 0, second = 0] = asked;
  gathered.told(second, 'b');
  gathered.told(first, 'a');
  gathered.told(first, '');
  assert.deepEqual(answers, [['a']], 'a thread that does not know the pool has nothing to say');
  gathered.told(second, 'c');
  assert.deepEqual(answers[1], ['b', 'c']);
  assert.equal(timers.count, 0);
  gathered.told(first, 'late');
  assert.equal(answers.length, 2);
});

test('who does not answer in time is left out', () => {
  const { timers, asked, gathered, answers, gather } = asking(2);
  gather();
  gathered.told(asked[0] ?? 0, 'a');
  timers.run(GATHER_MS_MAX - 1);
  assert.equal(answers.length, 0);
  timers.run(GATHER_MS_MAX);
  gathered.told(asked[0] ?? 0, 'late');
  assert.deepEqual(answers, [['a']]);
});

test('beyond the bound, and where there are no others, a thread answers for itself', () => {
  const many = asking(1);
  for (let i = 0; i < GATHERED_MAX; i++) many.gather();
  assert.equal(many.answers.length, 0);
  many.gather();
  assert.deepEqual(many.answers, [[]]);
  many.gathered.told(many.asked[0] ?? 0, 'a');
  many.gather();
  assert.equal(many.asked.length, GATHERED_MAX + 1);
  const alone = asking(0);
  alone.gather();
  assert.deepEqual(alone.answers, [[]]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Timers } from '../net/timers.ts';
import {
  GATHER_MS_MAX,
  GATHERED_MAX,
  GATHERED_WAITING_MAX,
  GatheredStatistics,
} from './gathered-statistics.ts';

/** A thread that asks `others` more. */
function asking(others: number): {
  timers: Timers;
  asked: number[];
  gathered: GatheredStatistics;
  answers: (readonly string[] | null)[];
  gather: (subject?: string) => void;
} {
  const timers = new Timers();
  const loop = {
    schedule: (delayMs: number, callback: () => void) => timers.add(delayMs, callback),
    cancel: (handle: number) => timers.cancel(handle),
  };
  const asked: number[] = [];
  const answers: (readonly string[] | null)[] = [];
  const gathered = new GatheredStatistics(loop, others, ({ question }) => asked.push(question));
  return {
    timers,
    asked,
    gathered,
    answers,
    gather: (subject = 'servers') =>
      gathered.gather(0, subject, (others) =>
        answers.push(
          others === null ? null : [...others.texts, ...Array.from({ length: others.missing }, () => '-')],
        ),
      ),
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

test('who does not answer in time is left out, and that is told', () => {
  const { timers, asked, gathered, answers, gather } = asking(2);
  gather();
  gathered.told(asked[0] ?? 0, 'a');
  timers.run(GATHER_MS_MAX - 1);
  assert.equal(answers.length, 0);
  timers.run(GATHER_MS_MAX);
  gathered.told(asked[0] ?? 0, 'late');
  assert.deepEqual(answers, [['a', '-']]);
});

test('beyond the bound questions wait, those alike for one answer, and beyond the next one they are refused', () => {
  const { asked, answers, gathered, gather, timers } = asking(1);
  for (let i = 0; i < GATHERED_MAX; i++) gather();
  gather('pools');
  for (let i = 2; i < GATHERED_WAITING_MAX; i++) gather();
  gather('pools');
  assert.deepEqual([asked.length, answers.length], [GATHERED_MAX, 0]);
  gather();
  assert.deepEqual(answers.splice(0), [null]);
  gathered.told(asked[0] ?? 0, 'a');
  assert.deepEqual(answers.splice(0), [['a']]);
  assert.equal(asked.length, GATHERED_MAX + 1);
  // What was asked for last, and there is room for it: two wait no more.
  gather();
  gather();
  assert.deepEqual(answers, []);
  gather();
  assert.deepEqual(answers.splice(0), [null]);
  gathered.told(asked.at(-1) ?? 0, 'pools');
  assert.deepEqual(answers.splice(0), [['pools'], ['pools']]);
  for (const question of asked.slice(1, -1)) gathered.told(question, 'b');
  assert.equal(asked.length, GATHERED_MAX + 2);
  for (const question of asked.slice(-2)) gathered.told(question, 'c');
  assert.equal(answers.filter((texts) => texts?.[0] === 'b').length, GATHERED_MAX - 1);
  assert.equal(answers.filter((texts) => texts?.[0] === 'c').length, GATHERED_WAITING_MAX);
  assert.equal(timers.count, 0);
});

test('where there are no others, a thread answers for itself', () => {
  const { answers, gather } = asking(0);
  gather();
  assert.deepEqual(answers, [[]]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { couldHaveAnswered, parseThreadLook, readThreadLooks, type ThreadLook } from './proc-threads.ts';

test('a thread is read from its two lines, whatever its name is', () => {
  const stat = '77 (a) R (b) S 1 77 77 0 -1 4194560 1 0 0 0 12 34 0 0 20 0 11 0 5 1 2 3';
  assert.deepEqual(parseThreadLook(stat, '5000000 2500000 17\n'), {
    id: 77,
    state: 'S',
    userMs: 120,
    systemMs: 340,
    waitedMs: 2.5,
  });
  assert.equal(parseThreadLook(stat, '0 0 0\n'), null, 'a kernel that does not count');
  assert.equal(parseThreadLook('', '5 5 1'), null);
});

test('the threads of this process are found, and none of a process that is not there', {
  skip: process.platform !== 'linux',
}, () => {
  const looks = readThreadLooks(process.pid);
  assert.ok(looks === null || looks.some(({ id, userMs }) => id === process.pid && userMs >= 0));
  assert.equal(readThreadLooks(2 ** 30), null);
});

/** Two looks at one thread or more, a second apart: what each has done meanwhile. */
function couldAnswer(...done: readonly Partial<ThreadLook>[]): boolean {
  const before = done.map((_, id) => ({ id, state: 'S', userMs: 1000, systemMs: 1000, waitedMs: 1000 }));
  const after = done.map(({ state = 'S', userMs = 0, systemMs = 0, waitedMs = 0 }, id) => ({
    id,
    state,
    userMs: 1000 + userMs,
    systemMs: 1000 + systemMs,
    waitedMs: 1000 + waitedMs,
  }));
  return couldHaveAnswered(before, after, 1000);
}

test('who sleeps, or computes without end, could have answered', () => {
  assert.ok(couldAnswer({}));
  assert.ok(couldAnswer({ userMs: 5, systemMs: 5, waitedMs: 150 }, {}));
  assert.ok(couldAnswer({ state: 'R', userMs: 990, systemMs: 10 }, {}));
  assert.ok(couldAnswer({ state: 'R', userMs: 250, waitedMs: 750 }, {}), 'on a busy machine, too');
});

test('of who was kept from it, or serves others, nothing is said', () => {
  assert.ok(!couldAnswer({ state: 'R', userMs: 50, waitedMs: 900 }, {}), 'starved');
  assert.ok(!couldAnswer({}, { state: 'R', waitedMs: 300 }), 'one thread of it');
  assert.ok(!couldAnswer({ state: 'D' }, {}), 'a disk');
  assert.ok(!couldAnswer({ state: 't' }, {}), 'a debugger');
  assert.ok(!couldAnswer({ state: 'R', userMs: 400, systemMs: 500 }, {}), 'reads and writes all the time');
  assert.ok(!couldAnswer({ userMs: 900 }, { userMs: 200, systemMs: 100 }), 'one thread does');
});

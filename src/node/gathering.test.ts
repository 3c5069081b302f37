import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GatheredRow } from '../engine/administration.ts';
import { Gathering, GatheringDesk } from './gathering.ts';
import { SharedFigures } from './shared-figures.ts';
import type { FromNodeThread, ToNodeThread } from './thread-messages.ts';
import { SharedWalkClaim } from './walk-claim.ts';

test('each question is answered once, with the rows of all threads, to the thread that asked', () => {
  const threads = 3;
  const desk = new GatheringDesk();
  const toDesk: [FromNodeThread, number][] = [];
  const toThreads: [number, ToNodeThread][] = [];
  const all = Array.from(
    { length: threads },
    (_, index) =>
      new Gathering(
        false,
        (message) => toDesk.push([message, index]),
        (what) => [[what, index]],
      ),
  );
  const answers: [string, readonly GatheredRow[]][] = [];
  all[1]?.ask('connections', (rows) => answers.push(['one', rows]));
  all[2]?.ask('prefixes', (rows) => answers.push(['two', rows]));
  all[1]?.ask('prefixes', (rows) => answers.push(['three', rows]));
  // What is newest is delivered first: no order of messages is relied upon.
  for (let i = 0; i < 100; i++) {
    const up = toDesk.pop();
    if (up !== undefined) desk.receive(up[0], up[1], threads, (to, message) => toThreads.push([to, message]));
    const down = toThreads.pop();
    if (down !== undefined) all[down[0]]?.receive(down[1]);
  }
  const found = new Map(answers);
  assert.equal(answers.length, 3);
  const sorted = (name: string): unknown => [...(found.get(name) ?? [])].sort();
  assert.deepEqual(sorted('one'), [
    ['connections', 0],
    ['connections', 1],
    ['connections', 2],
  ]);
  assert.deepEqual(sorted('two'), sorted('three'));
  assert.equal(found.get('two')?.length, 3);
});

test('a thread that is alone answers itself at once', () => {
  const alone = new Gathering(
    true,
    () => assert.fail('nobody is asked'),
    (what) => [[what]],
  );
  let rows: readonly GatheredRow[] = [];
  alone.ask('prefixes', (found) => {
    rows = found;
  });
  assert.deepEqual(rows, [['prefixes']]);
});

test('one claim at a time; one that is not renewed for a minute may be taken', () => {
  const figures = new SharedFigures(SharedFigures.allocate(2));
  let now = 1_800_000_000;
  const one = new SharedWalkClaim(figures, () => now);
  const other = new SharedWalkClaim(figures, () => now);
  assert.ok(one.take());
  assert.ok(!other.take() && !one.take() && other.isTaken);
  now += 59;
  assert.ok(!other.take());
  one.renew();
  now += 59;
  assert.ok(!other.take());
  now += 1;
  assert.ok(other.take());
  other.release();
  assert.ok(!one.isTaken && one.take());
});

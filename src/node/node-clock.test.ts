import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NodeClock } from './node-clock.ts';
import { SharedFigures } from './shared-figures.ts';

test('the clock is moved, stopped and let go on, for all threads', () => {
  const memory = SharedFigures.allocate(2);
  let wallMs = 1_700_000_000_500;
  const wall = { monotonicMs: () => 0, wallMs: () => wallMs };
  const clock = new NodeClock(wall, new SharedFigures(memory));
  const other = new NodeClock(wall, new SharedFigures(memory));
  assert.equal(other.wallMs(), wallMs);
  clock.move(5);
  assert.equal(other.wallMs(), 1_700_000_005_500);
  other.hold();
  wallMs += 60_000;
  assert.equal(clock.wallMs(), 1_700_000_005_000, 'it stands');
  clock.move(2);
  assert.equal(other.wallMs(), 1_700_000_007_000);
  clock.hold();
  clock.release();
  clock.release();
  assert.equal(Math.floor(other.wallMs() / 1000), 1_700_000_007, 'and goes on from there');
  wallMs += 3000;
  assert.equal(Math.floor(other.wallMs() / 1000), 1_700_000_010);
});

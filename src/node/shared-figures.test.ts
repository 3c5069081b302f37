import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedFigures } from './shared-figures.ts';

test('a reset begins the totals anew, for every view, and leaves what is open now', () => {
  const memory = SharedFigures.allocate(2);
  const one = new SharedFigures(memory);
  const other = new SharedFigures(memory);
  assert.ok(one.connectionOpened(1));
  assert.ok(!other.connectionOpened(1));
  one.setBytes(0, 100, 1000);
  other.setBytes(1, 20, 200);
  assert.deepEqual([one.bytesRead, one.bytesWritten], [120, 1200]);
  one.reset();
  assert.deepEqual([other.bytesRead, other.bytesWritten], [0, 0]);
  assert.deepEqual([other.connectionsTotal, other.connectionsRejected, other.connections], [0, 0, 1]);
  one.setBytes(0, 101, 1001);
  other.reset();
  one.setBytes(0, 103, 1003);
  assert.deepEqual([one.bytesRead, one.bytesWritten], [2, 2]);
});

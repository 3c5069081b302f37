import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SampleRequest } from './sample-request.ts';

const PATIENCE_MS = 5000;

test('one sample is under way at a time, and only the answer to the last question counts', () => {
  const request = new SampleRequest(PATIENCE_MS);
  assert.equal(request.end(0), false, 'nothing was asked');
  assert.equal(request.cycle(0), true);
  const first = request.begin(0);
  assert.equal(request.cycle(10), false);
  request.forget();
  assert.equal(request.end(first), false, 'it is of before');
  assert.equal(request.cycle(20), true);
  const second = request.begin(20);
  assert.equal(request.end(first), false);
  assert.equal(request.end(second), true);
  assert.equal(request.end(second), false, 'it has been answered');
  assert.equal(request.cycle(30), true);
});

test('a sample that never comes is asked for again: after twenty cycles, and not before it is overdue', () => {
  const slow = new SampleRequest(PATIENCE_MS);
  slow.begin(0);
  for (let cycle = 1; cycle < 30; cycle++) assert.equal(slow.cycle(PATIENCE_MS - 1), false, `cycle ${cycle}`);
  assert.equal(slow.cycle(PATIENCE_MS), true);
  const quick = new SampleRequest(PATIENCE_MS);
  quick.begin(0);
  for (let cycle = 1; cycle < 20; cycle++) assert.equal(quick.cycle(60_000), false, `cycle ${cycle}`);
  assert.equal(quick.cycle(60_000), true);
});

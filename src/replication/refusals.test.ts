import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LinkEnding } from './link-ending.ts';
import { Refusals } from './refusals.ts';

const QUIET = { dialled: true, lacksSecret: false, isMisunderstood: false, ending: new LinkEnding() };

test('what an operator must see is told without -v, each reason once a minute; the rest is not', () => {
  let nowMs = 1000;
  const told: [number, string][] = [];
  const refusals = new Refusals({ monotonicMs: () => nowMs, wallMs: () => 0 }, (verbosity, message) =>
    told.push([verbosity, message]),
  );
  const levels = (): number[] => told.splice(0).map(([verbosity]) => verbosity);
  const stranger = { ...QUIET, dialled: false };
  refusals.ended(stranger, '10.0.0.2:1', 'it does not speak our link protocol');
  assert.deepEqual(told, [[2, 'no link (peer=10.0.0.2:1, it does not speak our link protocol)']]);
  assert.deepEqual([levels(), refusals.strangers], [[2], 1]);
  const other = { ...QUIET, isMisunderstood: true };
  for (let i = 0; i < 3; i++) refusals.ended(other, '10.0.0.2:1', 'it speaks link version 2 to 3');
  refusals.ended({ ...QUIET, lacksSecret: true }, '10.0.0.2:1', 'another secret');
  assert.deepEqual([levels(), refusals.strangers, refusals.forSecret], [[0, 2, 2, 0], 1, 1]);
  nowMs += 60_000;
  refusals.ended(other, '10.0.0.2:1', 'it speaks link version 2 to 3');
  for (let i = 0; i < 9; i++) refusals.ended(other, '10.0.0.2:1', `reason ${i}`);
  assert.deepEqual(levels(), [0, 0, 0, 0, 0, 0, 0, 0, 2, 2], 'not more than eight');
});

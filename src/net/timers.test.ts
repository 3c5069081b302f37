import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Timers } from './timers.ts';

test('timers run in order of time, then of setting, and cancelled ones never', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), delayMs: fc.integer({ min: 0, max: 50 }) }),
    fc.record({ kind: fc.constant('cancel' as const), which: fc.nat(200) }),
    fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 20 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const timers = new Timers();
      const handles: number[] = [];
      let model: { readonly id: number; readonly dueMs: number }[] = [];
      const ran: number[] = [];
      const expected: number[] = [];
      let nowMs = 1000;
      for (const action of steps) {
        if (action.kind === 'add') {
          const id = handles.length;
          model.push({ id, dueMs: nowMs + action.delayMs });
          handles.push(timers.add(nowMs + action.delayMs, () => ran.push(id)));
        } else if (action.kind === 'cancel') {
          // Also of timers that have run, and twice.
          const id = action.which % (handles.length + 1);
          timers.cancel(handles[id] ?? 0);
          model = model.filter((timer) => timer.id !== id);
        } else {
          nowMs += action.ms;
          timers.run(nowMs);
          const due = model.filter((timer) => timer.dueMs <= nowMs);
          model = model.filter((timer) => timer.dueMs > nowMs);
          expected.push(...due.sort((a, b) => a.dueMs - b.dueMs || a.id - b.id).map((timer) => timer.id));
        }
        const first = Math.min(...model.map((timer) => timer.dueMs));
        assert.equal(timers.waitMs(nowMs), model.length === 0 ? -1 : Math.max(0, first - nowMs));
        assert.equal(timers.count, model.length);
      }
      assert.deepEqual(ran, expected);
    }),
  );
});

test('a timer set by a timer waits for the next run, even when it is due', () => {
  const timers = new Timers();
  let runs = 0;
  const again = (): void => {
    runs++;
    timers.add(0, again);
  };
  timers.add(0, again);
  timers.run(10);
  assert.equal(runs, 1);
  timers.run(10);
  assert.equal(runs, 2);
});

test('a handle of a timer that has run does not cancel its successor in the same place', () => {
  const timers = new Timers();
  const first = timers.add(1, () => {});
  timers.run(1);
  let hasRun = false;
  timers.add(2, () => {
    hasRun = true;
  });
  timers.cancel(first);
  timers.run(2);
  assert.ok(hasRun);
});

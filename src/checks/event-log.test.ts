import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT_TEXT_LENGTH_MAX, EventLog } from './event-log.ts';

test('the log keeps its bound and the newest events', () => {
  const log = new EventLog(3);
  for (let i = 1; i <= 5; i++) log.add(i, 'a', 'info', `event ${i}`);
  assert.deepEqual(
    log.newestOwn(10).map(({ text }) => text),
    ['event 3', 'event 4', 'event 5'],
  );
  assert.deepEqual(
    log.newestOwn(2).map(({ sequence }) => sequence),
    [4, 5],
  );
  assert.equal(log.sequence, 5);
});

test('what children print does not push out the events of the monitor', () => {
  const log = new EventLog(3);
  log.add(1, 'node', 'warning', 'died');
  for (let i = 0; i < 100; i++) log.add(2, 'chatty', 'output', `line ${i}`);
  assert.deepEqual(
    log.newestOwn(10).map(({ text }) => text),
    ['died'],
  );
  assert.deepEqual(
    log.newestOutput(2).map(({ text }) => text),
    ['line 98', 'line 99'],
  );
  assert.equal(log.newestOutput(10).length, 3);
});

test('a long text is cut at the bound, one that just fits is not', () => {
  const log = new EventLog();
  const fits = 'x'.repeat(EVENT_TEXT_LENGTH_MAX);
  assert.equal(log.add(1, '', 'info', fits).text, fits);
  const cut = log.add(1, '', 'info', `${fits}y`).text;
  assert.equal(cut.length, EVENT_TEXT_LENGTH_MAX);
  assert.ok(cut.endsWith('…'));
});

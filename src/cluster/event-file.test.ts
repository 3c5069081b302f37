import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { EventLog, type LogEvent } from '../checks/event-log.ts';
import { EVENT_LINES_MAX, EVENTS_KEPT, EventFile } from './event-file.ts';

interface Opened {
  readonly file: EventFile;
  readonly path: string;
  readonly warnings: string[];
  again(): EventFile;
}

function open(t: TestContext, text?: string): Opened {
  const directory = mkdtempSync(join(tmpdir(), 'twincached-events-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'state/events.jsonl');
  if (text !== undefined) {
    mkdirSync(join(directory, 'state'));
    writeFileSync(path, text);
  }
  const warnings: string[] = [];
  const again = (): EventFile => new EventFile(path, (warning) => void warnings.push(warning));
  return { file: again(), path, warnings, again };
}

function event(sequence: number, level: LogEvent['level'] = 'info'): LogEvent {
  return { sequence, atMs: 1000 + sequence, service: 'one-a', level, text: `event ${sequence}` };
}

function sequences(events: readonly LogEvent[]): number[] {
  return events.map(({ sequence }) => sequence);
}

test('events outlive who wrote them, output does not; the numbers go on behind them', (t) => {
  const { file, again, warnings } = open(t);
  assert.deepEqual(file.kept, []);
  file.add(event(1));
  file.add(event(2, 'output'));
  file.add(event(3, 'error'));
  assert.deepEqual(again().kept, [event(1), event(3, 'error')]);
  assert.deepEqual(warnings, []);
  const log = new EventLog(500, again().kept);
  assert.deepEqual(sequences(log.newestOwn(10)), [1, 3]);
  const next = log.add(5, '', 'info', 'on').sequence;
  assert.ok(next > 1000, 'behind all that the one before may have counted');
});

test('the file has a bound, at which it keeps the newest', (t) => {
  const { file, path, again } = open(t);
  for (let sequence = 1; sequence <= EVENT_LINES_MAX; sequence++) file.add(event(sequence));
  const lines = (): number => readFileSync(path, 'utf8').split('\n').length - 1;
  assert.equal(lines(), EVENT_LINES_MAX);
  file.add(event(EVENT_LINES_MAX + 1));
  assert.equal(lines(), EVENTS_KEPT);
  const { kept } = again();
  assert.deepEqual([kept.length, kept.at(-1)?.sequence], [EVENTS_KEPT, EVENT_LINES_MAX + 1]);
});

test('half a line at the end is passed over, and nothing is added behind it', (t) => {
  const whole = `${JSON.stringify(event(1))}\n`;
  const { file, again, warnings } = open(t, `${whole}{"sequence":2,"at`);
  assert.deepEqual(file.kept, [event(1)]);
  file.add(event(3));
  assert.deepEqual(sequences(again().kept), [1, 3]);
  assert.deepEqual(warnings, []);
});

test('a file that is something else is put aside with one warning, and one begins anew', (t) => {
  const whole = `${JSON.stringify(event(1))}\n`;
  for (const line of ['', 'hello', '7', '{}', JSON.stringify(event(0)), JSON.stringify(event(4, 'output'))]) {
    const { file, path, again, warnings } = open(t, `${whole}${line}\n`);
    assert.deepEqual(file.kept, []);
    assert.deepEqual(warnings, [
      `${path} line 2 is no event; the events begin anew, what was there is in ${path}.damaged`,
    ]);
    assert.equal(readFileSync(`${path}.damaged`, 'utf8'), `${whole}${line}\n`);
    file.add(event(5));
    assert.deepEqual(sequences(again().kept), [5]);
  }
});

test('what cannot be written is told once, and made good when it can be', (t) => {
  const { file, path, again, warnings } = open(t);
  const directory = join(path, '..');
  writeFileSync(directory, 'in the way');
  file.add(event(1));
  file.add(event(2));
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /^events cannot be kept on disk: /);
  rmSync(directory);
  mkdirSync(directory);
  chmodSync(directory, 0o700);
  file.add(event(3));
  assert.ok(existsSync(path));
  assert.deepEqual(sequences(again().kept), [1, 2, 3]);
  rmSync(directory, { recursive: true });
  writeFileSync(directory, 'in the way');
  file.add(event(4));
  assert.equal(warnings.length, 2, 'told again');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../../testing/wait.ts';
import { Bulletin, processMs } from './bulletin.ts';

test('what one end writes the other reads, and knows how old it is', async () => {
  const buffer = Bulletin.allocate();
  const [writer, reader] = [new Bulletin(buffer), new Bulletin(buffer)];
  assert.deepEqual([reader.read(), reader.ageMs], [{ text: '', ageMs: 0 }, 0]);
  writer.write('a 1\nb 2', processMs());
  assert.equal(reader.read().text, 'a 1\nb 2');
  await until('it grows old', () => reader.ageMs >= 10);
  assert.ok(reader.read().ageMs >= 10);
  writer.write('c 3', processMs());
  assert.equal(reader.read().text, 'c 3');
});

test('a text that is too long is cut', () => {
  const bulletin = new Bulletin(Bulletin.allocate());
  bulletin.write('x'.repeat(16 * 1024 + 1), processMs());
  assert.equal(bulletin.read().text.length, 16 * 1024);
});

test('a text that is half written is waited for: the writer may have lost its processor', (t) => {
  const buffer = Bulletin.allocate();
  const reader = new Bulletin(buffer);
  new Bulletin(buffer).write('a 1', processMs());
  const head = new Int32Array(buffer, 0, 3);
  Atomics.add(head, 0, 1);
  // The writer is given the processor where the reader waits, and not before.
  const wait = t.mock.method(Atomics, 'wait', () => {
    Atomics.add(head, 0, 1);
    return 'timed-out';
  });
  assert.equal(reader.read().text, 'a 1');
  assert.equal(wait.mock.callCount(), 1);
});

test('a text that stays half written is given up', () => {
  const buffer = Bulletin.allocate();
  new Bulletin(buffer).write('a 1', processMs());
  Atomics.add(new Int32Array(buffer, 0, 3), 0, 1);
  assert.deepEqual(new Bulletin(buffer).read(), { text: '', ageMs: 0 });
});

test('what was seen before its writer stood still, and written behind that, is as old as it is', () => {
  const buffer = Bulletin.allocate();
  new Bulletin(buffer).write('a 1', (processMs() - 5000) | 0);
  const reader = new Bulletin(buffer);
  for (const ageMs of [reader.ageMs, reader.read().ageMs]) assert.ok(ageMs >= 5000, `${ageMs} ms`);
});

test('what is read has its own age, not that of what is written meanwhile', (t) => {
  const buffer = Bulletin.allocate();
  const [writer, reader] = [new Bulletin(buffer), new Bulletin(buffer)];
  writer.write('old', (processMs() - 5000) | 0);
  // The writer comes in at every place where the reader looks.
  const load = Atomics.load;
  let looks = 0;
  for (let place = 1; place <= 4; place++) {
    looks = 0;
    const mock = t.mock.method(Atomics, 'load', (array: Int32Array, index: number) => {
      if (++looks === place) writer.write('new', processMs());
      return load(array, index);
    });
    const { text, ageMs } = reader.read();
    mock.mock.restore();
    assert.equal(ageMs >= 5000, text === 'old', `${text}, ${ageMs} ms`);
    writer.write('old', (processMs() - 5000) | 0);
  }
});

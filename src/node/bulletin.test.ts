import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../../testing/wait.ts';
import { Bulletin } from './bulletin.ts';

test('what one end writes the other reads, and knows how old it is', async () => {
  const buffer = Bulletin.allocate();
  const [writer, reader] = [new Bulletin(buffer), new Bulletin(buffer)];
  assert.deepEqual([reader.read(), reader.ageMs], ['', 0]);
  writer.write('a 1\nb 2');
  assert.equal(reader.read(), 'a 1\nb 2');
  await until('it grows old', () => reader.ageMs >= 10);
  writer.write('c 3');
  assert.equal(reader.read(), 'c 3');
});

test('a text that is too long is cut', () => {
  const bulletin = new Bulletin(Bulletin.allocate());
  bulletin.write('x'.repeat(16 * 1024 + 1));
  assert.equal(bulletin.read().length, 16 * 1024);
});

test('a text that is half written is waited for: the writer may have lost its processor', (t) => {
  const buffer = Bulletin.allocate();
  const reader = new Bulletin(buffer);
  new Bulletin(buffer).write('a 1');
  const head = new Int32Array(buffer, 0, 3);
  Atomics.add(head, 0, 1);
  // The writer is given the processor where the reader waits, and not before.
  const wait = t.mock.method(Atomics, 'wait', () => {
    Atomics.add(head, 0, 1);
    return 'timed-out';
  });
  assert.equal(reader.read(), 'a 1');
  assert.equal(wait.mock.callCount(), 1);
});

test('a text that stays half written is given up', () => {
  const buffer = Bulletin.allocate();
  new Bulletin(buffer).write('a 1');
  Atomics.add(new Int32Array(buffer, 0, 3), 0, 1);
  assert.equal(new Bulletin(buffer).read(), '');
});

test('what was read before another text came is not given the age of that one', async () => {
  const buffer = Bulletin.allocate();
  const writer = new Bulletin(buffer);
  class Raced extends Bulletin {
    override read(): string {
      const text = super.read();
      writer.write('new');
      return text;
    }
  }
  writer.write('old');
  await until('it grows old', () => writer.ageMs >= 50);
  const { text, ageMs } = new Raced(buffer).readAged();
  assert.equal(text, 'old');
  assert.ok(ageMs >= 50, `${ageMs} ms`);
});

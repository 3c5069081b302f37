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

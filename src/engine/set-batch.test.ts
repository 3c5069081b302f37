import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryConnection, PieceFeeder } from '../../testing/memory-connection.ts';
import { memoryNodeContext } from '../../testing/node-context.ts';
import { TestCache } from '../../testing/test-cache.ts';
import { TextRequest } from '../protocol/text/request-parser.ts';
import type { Cache } from '../store/cache.ts';
import { SetBatch } from './set-batch.ts';
import { TextSession } from './text-session.ts';

/** Numbered sets, each with a value of its own. */
function setsOf(count: number): string {
  let text = '';
  for (let i = 0; i < count; i++) text += `set key:${i} ${i} 0 ${String(i).length}\r\n${i}\r\n`;
  return text;
}

test('sets behind one another are taken in order, and fetched for together', () => {
  const { cache } = new TestCache();
  const fetched: number[] = [];
  const observed: Cache = Object.create(cache, {
    hash: { value: (bytes: Uint8Array, start: number, end: number) => cache.hash(bytes, start, end) },
    touchAll: { value: (_hashes: Int32Array, count: number) => fetched.push(count) },
  });
  const input = Buffer.from(setsOf(70));
  const batch = new SetBatch();
  const request = new TextRequest();
  let at = 0;
  for (let i = 0; i < 70; i++) {
    const dataStart = batch.take(observed, input, at, input.length, request, 100);
    const dataEnd = dataStart + request.valueBytes;
    assert.equal(input.toString('latin1', request.keyStart, request.keyEnd), `key:${i}`);
    assert.equal(input.toString('latin1', dataStart, dataEnd), String(i));
    assert.equal(request.flags, i);
    assert.equal(batch.hash, cache.hash(Buffer.from(`key:${i}`), 0, `key:${i}`.length));
    at = dataEnd + 2;
  }
  assert.equal(at, input.length);
  assert.deepEqual(fetched, [32, 32, 6]);
  fetched.length = 0;
  batch.clear();
  batch.take(observed, input, 0, input.length, request, 3);
  batch.clear();
  batch.take(observed, input, 0, input.length, request, 0);
  assert.deepEqual(fetched, [4], 'no more than will be executed');
});

test('what is no plain set is left, and one whose value is not all there is taken alone', () => {
  const { cache } = new TestCache();
  const batch = new SetBatch();
  const first = 'set a 1 0 1\r\nx\r\n';
  for (const [other, isPlain] of [
    ['set k 0 0 3\r\nabc', true],
    ['set k 0 0 3\r\nabcd\r\n', true],
    ['set k 0 0 3 noreply\r\nabc\r\n', false],
    ['set k 0 -1 1\r\na\r\n', false],
  ] as const) {
    const input = Buffer.from(first + other);
    const request = new TextRequest();
    batch.clear();
    assert.equal(batch.take(cache, input, 0, input.length, request, 9), first.length - 3, other);
    assert.equal(input.toString('latin1', request.keyStart, request.keyEnd), 'a');
    const dataStart = batch.take(cache, input, first.length, input.length, request, 9);
    assert.equal(dataStart, isPlain ? first.length + 13 : -1, other);
  }
});

test('other bytes in the same place are other sets', () => {
  const connection = new MemoryConnection();
  const session = new TextSession(memoryNodeContext(), connection);
  const input = Buffer.from('set a 0 0 1\r\n1\r\nset b 0 0 1\r\n2\r\n');
  // A client that reads too slowly: the second set stays where it is, and what is fed next may be anything.
  connection.output.blocked = true;
  assert.equal(session.feed(input, 0, input.length), 0);
  connection.output.blocked = false;
  assert.equal(session.feed(input, 0, input.length), input.length);
  input.write('set a 0 0 1\r\n3\r\nset c 0 0 1\r\n4\r\n');
  assert.equal(session.feed(input, 0, input.length), input.length);
  connection.take();
  const question = Buffer.from('get a b c\r\n');
  session.feed(question, 0, question.length);
  assert.equal(connection.take(), 'VALUE a 0 1\r\n3\r\nVALUE b 0 1\r\n2\r\nVALUE c 0 1\r\n4\r\nEND\r\n');
});

test('requests of other kinds between the sets see those before them and not those behind', () => {
  const connection = new MemoryConnection();
  const feeder = new PieceFeeder(new TextSession(memoryNodeContext(), connection));
  const a = (value: number): string => `set a 0 0 1\r\n${value}\r\n`;
  feeder.push(
    Buffer.from(`${a(1)}${a(2)}get a\r\n${a(3)}delete a\r\n${a(4)}incr a 3\r\n${a(5)}${a(6)}get a\r\n`),
  );
  const get = (value: number): string => `VALUE a 0 1\r\n${value}\r\nEND\r\n`;
  const stored = 'STORED\r\n';
  assert.equal(
    connection.take(),
    `${stored}${stored}${get(2)}${stored}DELETED\r\n${stored}7\r\n${stored}${stored}${get(6)}`,
  );
});

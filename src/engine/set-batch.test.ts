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
    assert.ok(batch.take(observed, input, at, input.length, request));
    assert.equal(input.toString('latin1', batch.keyStart, batch.keyEnd), `key:${i}`);
    assert.equal(input.toString('latin1', batch.dataStart, batch.dataEnd), String(i));
    assert.equal(batch.flags, i);
    assert.equal(batch.hash, cache.hash(Buffer.from(`key:${i}`), 0, `key:${i}`.length));
    at = batch.dataEnd + 2;
  }
  assert.equal(at, input.length);
  assert.deepEqual(fetched, [32, 32, 6]);
});

test('what is no plain set, or not all there, is left', () => {
  const { cache } = new TestCache();
  const batch = new SetBatch();
  const others = [
    'set k 0 0 3\r\nabc',
    'set k 0 0 3\r\nabcd\r\n',
    'set k 0 0 3 noreply\r\nabc\r\n',
    'set k 0 -1 1\r\na\r\n',
  ];
  for (const other of others) {
    const input = Buffer.from(`set a 1 0 1\r\nx\r\n${other}`);
    const request = new TextRequest();
    batch.clear();
    assert.ok(batch.take(cache, input, 0, input.length, request), other);
    assert.ok(!batch.take(cache, input, batch.dataEnd + 2, input.length, request), other);
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

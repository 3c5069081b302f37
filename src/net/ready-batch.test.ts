import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BufferPool } from './buffer-pool.ts';
import { type BatchedConnection, ReadyBatch, SLOT_BYTES } from './ready-batch.ts';

const BASE = 0x10000n;

/** Connections that note what is done with them, and what they are fed. */
function world(): {
  batch: ReadyBatch;
  calls: string[];
  make: (name: string, count: number) => BatchedConnection;
} {
  const pool = new BufferPool(() => BASE, null);
  const calls: string[] = [];
  const batch = new ReadyBatch(pool, () => calls.push('all fed'));
  const make = (name: string, count: number): BatchedConnection => ({
    receiveAhead: (address, bytesMax) => {
      assert.equal(bytesMax, SLOT_BYTES);
      calls.push(`receive ${name} at ${Number(address - pool.receiveAddress) / SLOT_BYTES}`);
      return count;
    },
    lookAhead: () => calls.push(`look ${name}`),
    feedAhead: (bytes, start, end) => {
      assert.equal(bytes, pool.bytes);
      assert.equal(end - start, count);
      calls.push(`feed ${name} from ${(start - pool.receiveStart) / SLOT_BYTES}, ${batch.waiting} wait`);
    },
    sendAhead: () => calls.push(`send ${name}`),
  });
  return { batch, calls, make };
}

test('all are received from, then all are fed, then others may send, then all are sent to; who had nothing takes no slot', () => {
  const { batch, calls, make } = world();
  batch.receive(make('a', 10));
  batch.receive(make('b', 0));
  batch.receive(make('c', SLOT_BYTES));
  assert.equal(batch.waiting, 2);
  batch.serve();
  const received = ['receive a at 0', 'receive b at 1', 'receive c at 1', 'look a', 'look c'];
  const fed = ['feed a from 0, 1 wait', 'feed c from 1, 0 wait', 'all fed', 'send a', 'send c'];
  assert.deepEqual(calls, [...received, ...fed]);
});

test('one alone is not asked to look ahead, and a batch begins empty after the one before', () => {
  const { batch, calls, make } = world();
  batch.serve();
  batch.receive(make('a', 1));
  batch.serve();
  batch.serve();
  batch.receive(make('b', 2));
  batch.serve();
  const one = (name: string): string[] => [
    `receive ${name} at 0`,
    `feed ${name} from 0, 0 wait`,
    'all fed',
    `send ${name}`,
  ];
  assert.deepEqual(calls, [...one('a'), ...one('b')]);
});

test('a batch is full before its slots end', () => {
  const { batch, calls, make } = world();
  while (!batch.isFull) batch.receive(make('x', 1));
  assert.ok(batch.waiting > 1);
  assert.ok(batch.waiting * SLOT_BYTES <= 256 * 1024);
  batch.serve();
  assert.equal(batch.isFull, false);
  assert.equal(
    calls.filter((call) => call === 'send x').length,
    calls.filter((call) => call === 'look x').length,
  );
});

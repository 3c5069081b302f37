import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AckBoard, type AckedPeer } from './ack-board.ts';

const peer = (countsForAcks: boolean, ...positions: number[]): AckedPeer => ({
  countsForAcks,
  acknowledged: new Float64Array(positions),
});

test('for each number of twins and each thread the board says what so many have', () => {
  const buffer = AckBoard.allocate(2);
  const writer = new AckBoard(buffer, 2);
  const reader = new AckBoard(buffer, 2);
  assert.equal(reader.peers, 0);
  writer.write([peer(true, 10, 500), peer(true, 30, 400), peer(false, 900, 900), peer(true, 20, 600)]);
  assert.equal(reader.peers, 3);
  for (const [count, thread, position] of [
    [1, 0, 30],
    [2, 0, 20],
    [3, 0, 10],
    [1, 1, 600],
    [2, 1, 500],
    [3, 1, 400],
  ] as const) {
    assert.ok(reader.has(count, thread, position), `${count} twins, thread ${thread}`);
    assert.ok(!reader.has(count, thread, position + 1), `${count} twins, thread ${thread}`);
  }
  // More twins than there can be: the board has room for seven.
  writer.write(Array.from({ length: 9 }, (_, i) => peer(true, 100 + i, 0)));
  assert.equal(reader.peers, 7);
  assert.ok(reader.has(7, 0, 100) && !reader.has(7, 0, 107));
  writer.write([]);
  assert.equal(reader.peers, 0);
});

test('positions go on beyond 32 bits', () => {
  const board = new AckBoard(AckBoard.allocate(1), 1);
  for (const position of [2 ** 31 - 5, 2 ** 31 + 5, 2 ** 32 - 5, 2 ** 32 + 5, 2 ** 40 + 7]) {
    board.write([peer(true, position)]);
    assert.ok(board.has(1, 0, position | 0));
    assert.ok(board.has(1, 0, (position - 1000) | 0));
    assert.ok(!board.has(1, 0, (position + 1) | 0));
  }
});

test('who waits is known to the one who wakes, thread by thread', () => {
  const buffer = AckBoard.allocate(3);
  const writer = new AckBoard(buffer, 3);
  const waiter = new AckBoard(buffer, 3);
  assert.equal(writer.areWanted, false);
  waiter.want();
  waiter.setWaiting(2, true);
  assert.equal(writer.areWanted, true);
  assert.deepEqual(
    [0, 1, 2].map((thread) => writer.isWaiting(thread)),
    [false, false, true],
  );
  waiter.setWaiting(2, false);
  assert.equal(writer.isWaiting(2), false);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Locks } from './locks.ts';

for (const isShared of [true, false]) {
  const where = isShared ? 'among threads' : 'in one thread alone';
  test(`${where}, a lock that is held is not taken by those who only try, until it is given back`, () => {
    const locks = new Locks(new Int32Array(new SharedArrayBuffer(16)), isShared);
    locks.acquire(1);
    assert.equal(locks.isHeld(1), true);
    assert.equal(locks.tryAcquire(1), false);
    assert.equal(locks.tryAcquire(2), true);
    locks.release(1);
    assert.equal(locks.isHeld(1), false);
    assert.equal(locks.tryAcquire(1), true);
  });
}

test('a thread alone that waits for its own lock is stopped instead of waiting for ever', () => {
  const locks = new Locks(new Int32Array(new SharedArrayBuffer(16)), false);
  locks.acquire(3);
  assert.throws(() => locks.acquire(3), /a lock that it holds/);
});

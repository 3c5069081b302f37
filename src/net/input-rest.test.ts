import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Output } from '../base/output.ts';
import { BufferPool, WINDOW_BYTES } from './buffer-pool.ts';
import { InputRest } from './input-rest.ts';
import { ReplyWindow } from './reply-window.ts';

test('what was left stands in front of what comes next, and its block is free again', () => {
  const pool = new BufferPool(() => 0n, null);
  const rest = new InputRest(pool);
  const target = Buffer.alloc(10, '.');
  rest.moveTo(target, 0);
  assert.equal(`${target}`, '..........', 'nothing is kept');
  const block = pool.takeBlock(3);
  pool.give(block);
  rest.keep(Buffer.from('get key'), 4, 7);
  assert.equal(rest.bytes, 3);
  rest.moveTo(target, 5);
  assert.deepEqual([`${target}`, rest.bytes], ['.....key..', 0]);
  assert.equal(pool.takeBlock(3), block);
  pool.give(block);
  rest.keep(Buffer.from('abc'), 0, 3);
  rest.drop();
  rest.drop();
  assert.equal(rest.bytes, 0);
  assert.equal(pool.takeBlock(3), block, 'it was given back, once');
  assert.notEqual(pool.takeBlock(3), block);
});

test('an output has room while it has a window, which is given back once and not kept where it is somebody else’s', () => {
  const pool = new BufferPool(() => 0n, null);
  const output = new Output({ makeRoom: () => assert.fail('nothing is written here') });
  const window = new ReplyWindow(output, pool);
  window.take(WINDOW_BYTES);
  const shared = window.block;
  assert.ok(shared?.isWindow === true);
  assert.deepEqual([output.start, output.at, output.limit], [shared.start, shared.start, shared.limit]);
  window.release();
  window.release();
  assert.deepEqual([window.block, output.at, output.limit], [null, 0, 0]);
  assert.equal(pool.takeWindow(), shared);
  window.take(WINDOW_BYTES + 1);
  const own = window.block;
  assert.ok(own !== null && !own.isWindow && output.limit - output.at > WINDOW_BYTES);
  window.detach();
  window.release();
  assert.notEqual(pool.takeBlock(WINDOW_BYTES + 1), own);
});

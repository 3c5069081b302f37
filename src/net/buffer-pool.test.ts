import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AssertionError } from '../base/assert.ts';
import {
  type Block,
  BufferPool,
  HEAD_BYTES,
  RECEIVE_BYTES,
  REGION_BYTES_MIN,
  WINDOW_BYTES,
} from './buffer-pool.ts';

/** Stands in for real addresses: each array lies in a range of its own. */
function addressing(): (bytes: Uint8Array) => bigint {
  let next = 1n << 40n;
  return () => {
    next += 1n << 32n;
    return next;
  };
}

test('no two pieces in use overlap, whatever is taken and given back', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('window' as const) }),
    fc.record({ kind: fc.constant('block' as const), bytes: fc.integer({ min: 1, max: 3 << 20 }) }),
    fc.record({ kind: fc.constant('give' as const), which: fc.nat() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const region = {
        bytes: new Uint8Array(REGION_BYTES_MIN + 4096),
        start: 4000,
        end: REGION_BYTES_MIN + 4050,
      };
      const pool = new BufferPool(addressing(), region);
      const used: Block[] = [];
      for (const action of steps) {
        if (action.kind === 'give') {
          const [block] = used.splice(action.which % (used.length + 1), 1);
          if (block !== undefined) pool.give(block);
          continue;
        }
        const block = action.kind === 'window' ? pool.takeWindow() : pool.takeBlock(action.bytes);
        assert.equal(block.isWindow, action.kind === 'window');
        assert.ok(block.limit - block.start >= (action.kind === 'window' ? WINDOW_BYTES : action.bytes));
        assert.ok(block.limit <= block.bytes.length);
        if (block.bytes === region.bytes) {
          assert.ok(block.start >= region.start + HEAD_BYTES + RECEIVE_BYTES && block.limit <= region.end);
        }
        for (const other of used) {
          const isApart =
            other.bytes !== block.bytes || other.limit <= block.start || block.limit <= other.start;
          assert.ok(isApart, 'two pieces overlap');
          assert.notEqual(other.address, block.address);
        }
        used.push(block);
      }
    }),
    { numRuns: 50 },
  );
});

test('the window given back last is the first to be taken', () => {
  const pool = new BufferPool(addressing(), null);
  const windows = [pool.takeWindow(), pool.takeWindow(), pool.takeWindow()];
  for (const window of windows) pool.give(window);
  assert.equal(pool.takeWindow(), windows[2]);
});

test('free blocks are kept up to a bound, very large ones not at all', () => {
  const pool = new BufferPool(addressing(), null);
  const blocks = Array.from({ length: 10 }, () => pool.takeBlock(1 << 20));
  for (const block of blocks) pool.give(block);
  const again = blocks.map(() => pool.takeBlock(1 << 20)).filter((block) => blocks.includes(block));
  assert.equal(again.length, 4);
  const large = pool.takeBlock((2 << 20) + 1);
  pool.give(large);
  assert.notEqual(pool.takeBlock((2 << 20) + 1), large);
});

test('a region that is too small is refused', () => {
  const bytes = new Uint8Array(REGION_BYTES_MIN);
  assert.throws(() => new BufferPool(addressing(), { bytes, start: 1, end: bytes.length }), AssertionError);
});

test('the memory of a large block is given back when it is dropped', () => {
  const released: number[] = [];
  const pool = new BufferPool(
    () => 0n,
    null,
    (_bytes, start, end) => released.push(end - start),
  );
  pool.give(pool.takeBlock(3_000_000));
  assert.deepEqual(released, [3_000_000]);
  const blocks = Array.from({ length: 6 }, () => pool.takeBlock(1 << 20));
  for (const block of blocks) pool.give(block);
  assert.deepEqual(released, [3_000_000, 1 << 20, 1 << 20], 'four of that size are kept');
  pool.give(pool.takeWindow());
  assert.equal(released.length, 3);
});

test('windows of the region are spared, but never the last of them', () => {
  const region = { bytes: new Uint8Array(REGION_BYTES_MIN + 40 * WINDOW_BYTES), start: 0, end: 0 };
  region.end = region.bytes.length;
  const pool = new BufferPool(addressing(), region);
  const spared: Block[] = [];
  for (let window = pool.takeSpare(); window !== null; window = pool.takeSpare()) spared.push(window);
  assert.equal(spared.length, 44 - 32);
  assert.ok(spared.every(({ bytes }) => bytes === region.bytes));
  // With many windows about that lie elsewhere, none of those is taken for one of the region.
  const used = Array.from({ length: 100 }, () => pool.takeWindow());
  for (const window of used.sort(
    (a, b) => Number(b.bytes === region.bytes) - Number(a.bytes === region.bytes),
  ))
    pool.give(window);
  assert.equal(pool.takeSpare(), null);
  for (const window of spared) pool.give(window);
  assert.equal(pool.takeSpare()?.bytes, region.bytes);
});

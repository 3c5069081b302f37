import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReplyBuffer } from './reply-buffer.ts';
import { REPLY_BLOCK_BYTES, type ReplyBlock, ReplyMemory } from './reply-memory.ts';

const SHARED = new Uint8Array(3 * REPLY_BLOCK_BYTES);

/** Two blocks in one array. */
function source(): { free: ReplyBlock[]; take(): ReplyBlock | null; give(block: ReplyBlock): boolean } {
  const free: ReplyBlock[] = [1, 2].map((i) => ({ bytes: SHARED, start: i * REPLY_BLOCK_BYTES }));
  return {
    free,
    take: () => free.pop() ?? null,
    give: (block) => block.bytes === SHARED && free.push(block) > 0,
  };
}

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + length) & 255);
}

test('what is kept stays in order while it grows, and all memory is given back', () => {
  const blocks = source();
  const budget = {
    used: 0,
    max: 2_000_000,
    refusals: 0,
    memory: new ReplyMemory(blocks),
    relieve: () => false,
  };
  for (const pieces of [
    [5],
    [100, 300],
    [200, 900, 3000],
    [3000, 29_000],
    [40, 4000, 100_000, 7],
    [70_000],
  ]) {
    const buffers = [new ReplyBuffer(budget), new ReplyBuffer(budget), new ReplyBuffer(budget)];
    const expected: number[] = [];
    for (const piece of pieces) {
      for (const buffer of buffers) {
        const at = buffer.reserve(buffer, piece);
        assert.equal(at, expected.length);
        buffer.fill(at, pattern(piece), 0, piece);
      }
      expected.push(...pattern(piece));
    }
    for (const buffer of buffers) {
      const { bytes, start, length } = buffer;
      assert.deepEqual([...bytes.subarray(start, start + length)], expected);
      if (expected.length <= 1024) assert.equal(budget.used, 0, 'what a record keeps anyway costs nothing');
    }
    for (const buffer of buffers) buffer.clear();
    assert.equal(budget.used, 0);
    assert.equal(blocks.free.length, 1, 'one of them has been cut into slots');
    assert.equal(buffers[0]?.length, 0);
  }
  assert.equal(budget.refusals, 0);
});

test('bytes within one array are copied as others are', () => {
  const blocks = source();
  const budget = {
    used: 0,
    max: 100_000,
    refusals: 0,
    memory: new ReplyMemory(blocks),
    relieve: () => false,
  };
  const buffer = new ReplyBuffer(budget);
  SHARED.set(pattern(5000), 0);
  const at = buffer.reserve(buffer, 5000);
  assert.equal(buffer.bytes, SHARED);
  buffer.fill(at, SHARED, 0, 5000);
  assert.deepEqual(SHARED.subarray(buffer.start, buffer.start + 5000), pattern(5000));
});

test('short answers are kept in slots of the shared array, and where those are used up in arrays of their own', () => {
  const memory = new ReplyMemory(source());
  const budget = { used: 0, max: 100_000, refusals: 0, memory, relieve: () => false };
  const buffers = Array.from({ length: 80 }, () => new ReplyBuffer(budget));
  for (let round = 0; round < 2; round++) {
    const places = new Set<number>();
    for (const [i, buffer] of buffers.entries()) {
      buffer.fill(buffer.reserve(buffer, 100 + i), pattern(100 + i), 0, 100 + i);
      if (buffer.bytes === SHARED) places.add(buffer.start);
    }
    assert.equal(places.size, 60, 'two blocks of thirty slots');
    for (const [i, { bytes, start }] of buffers.entries())
      assert.deepEqual(bytes.subarray(start, start + 100 + i), pattern(100 + i));
    for (const buffer of buffers) buffer.clear();
  }
  const [buffer] = buffers;
  assert.ok(buffer !== undefined);
  // What outgrows its slot leaves it to the next one.
  buffer.fill(buffer.reserve(buffer, 1000), pattern(1000), 0, 1000);
  const slot = buffer.start;
  buffer.reserve(buffer, 200);
  assert.deepEqual(buffer.bytes.subarray(buffer.start, buffer.start + 1000), pattern(1000));
  assert.equal(memory.takeSlot()?.start, slot);
});

test('no more blocks are cut than are set aside for slots', () => {
  let blocks = 0;
  const bytes = new Uint8Array(REPLY_BLOCK_BYTES);
  const memory = new ReplyMemory({
    take: () => (blocks++ < 100 ? { bytes, start: 0 } : null),
    give: () => true,
  });
  let slots = 0;
  while (memory.takeSlot() !== null) slots++;
  assert.deepEqual([blocks, slots], [32, 960]);
});

test('beyond the budget nothing is kept but short lines, and whoever can makes room', () => {
  let relieved = 0;
  const budget = {
    used: 0,
    max: 40_000,
    refusals: 0,
    memory: new ReplyMemory(null),
    relieve: () => {
      if (relieved === 0) return false;
      relieved = 0;
      budget.used -= 60_000;
      return true;
    },
  };
  const buffer = new ReplyBuffer(budget);
  assert.equal(buffer.reserve(buffer, 40_001), -1);
  assert.equal(budget.refusals, 1);
  assert.equal(buffer.reserve(buffer, 40_000), 0);
  assert.equal(budget.used, 40_000);
  assert.equal(buffer.reserve(buffer, 1), -1);
  assert.equal(buffer.reserve(buffer, 20, true), 40_000);
  buffer.clear();
  assert.equal(budget.used, 0);
  budget.used = relieved = 60_000;
  assert.equal(buffer.reserve(buffer, 39_000), 0);
  assert.equal(budget.used, 39_000);
});

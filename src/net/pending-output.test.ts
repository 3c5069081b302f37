import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PENDING_BYTES_MAX } from '../base/limits.ts';
import { Output } from '../base/output.ts';
import { BufferPool } from './buffer-pool.ts';
import { FIGURE, newFigures } from './figures.ts';
import { PendingOutput } from './pending-output.ts';

interface Peer {
  readonly output: Output;
  readonly pending: PendingOutput;
  readonly figures: Float64Array;
}

function peer(): Peer {
  const output = new Output({ makeRoom: () => assert.fail('nothing is written here') });
  const figures = newFigures();
  return { output, figures, pending: new PendingOutput(output, new BufferPool(() => 0n, null), figures) };
}

/** Takes all that is pending, in pieces. */
function take({ output, pending }: Peer, pieceBytes: number): string {
  let text = '';
  while (output.pendingBytes > 0) {
    const { block, from, to } = pending.first;
    const count = Math.min(pieceBytes, to - from);
    text += Buffer.from(block.bytes.subarray(from, from + count)).toString('latin1');
    pending.taken(count);
  }
  return text;
}

test('what was copied and what was handed over goes in its order, however little is taken at a time', () => {
  for (const pieceBytes of [1, 3, 1000]) {
    const one = peer();
    const text = Buffer.from('..first second..');
    assert.equal(one.pending.keepCopy(text, 2, 8), true);
    const block = new BufferPool(() => 0n, null).takeBlock(10);
    block.bytes.set(Buffer.from('own '), block.start + 2);
    assert.equal(one.pending.keepBlock(block, block.start + 2, block.start + 6), true);
    assert.equal(one.pending.keepCopy(text, 8, 14), true);
    assert.deepEqual([one.output.blocked, one.output.pendingBytes], [true, 16]);
    assert.equal(one.figures[FIGURE.pendingBytes], 16);
    assert.equal(take(one, pieceBytes), 'first own second');
    assert.equal(one.figures[FIGURE.pendingBytes], 0);
  }
});

test('of a send of three runs what has not gone is kept, wherever it was cut', () => {
  const value = Buffer.from('(value)');
  const tail = Buffer.from('\r\n');
  const whole = 'headvalue\r\n';
  for (let sent = 0; sent < whole.length; sent++) {
    const one = peer();
    one.output.bytes = Buffer.from('..head');
    one.output.start = 2;
    one.output.at = 6;
    assert.equal(one.pending.keepUnsent(sent, value, 1, 6, tail), true);
    assert.equal(one.output.pendingBytes, whole.length - sent);
    assert.equal(take(one, 1000), whole.slice(sent), `cut at ${sent}`);
  }
});

test('who has left too much is refused, and that is counted', () => {
  const { output, pending, figures } = peer();
  const bytes = new Uint8Array(1);
  output.pendingBytes = PENDING_BYTES_MAX;
  assert.equal(pending.keepCopy(bytes, 0, 1), true, 'one reply may be added');
  assert.equal(pending.keepCopy(bytes, 0, 1), false);
  assert.equal(pending.keepUnsent(0, bytes, 0, 1, bytes), false);
  assert.equal(figures[FIGURE.pendingOverflows], 2);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LONG_BYTES, Output } from './output.ts';

test('a long run of bytes is sent from where it lies, with what stands before it, if that can be done now', () => {
  const sent: string[] = [];
  let isFree = true;
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
  const output: Output = new Output({
    makeRoom: (one, count) => {
      one.bytes = new Uint8Array(Math.max(count, 2 * LONG_BYTES));
      one.start = one.at = 0;
      one.limit = one.bytes.length;
    },
    canSendLong: () => isFree,
    sendLong: (one, source, from, to, tail) => {
      assert.notEqual(one.bytes.length, 0, 'there is a window');
      sent.push(text(one.bytes.subarray(one.start, one.at)) + text(source.subarray(from, to)) + text(tail));
      one.start = one.at = one.limit = 0;
    },
  });
  const source = new Uint8Array(LONG_BYTES + 1).fill(120);
  output.pass(source, 0, LONG_BYTES);
  assert.deepEqual(sent.splice(0), ['x'.repeat(LONG_BYTES)]);
  output.text('VALUE ');
  output.pass(source, 1, LONG_BYTES);
  assert.deepEqual(sent, [], 'short ones wait for the others');
  output.pass(source, 1, LONG_BYTES + 1);
  assert.deepEqual(sent.splice(0), [`VALUE ${'x'.repeat(2 * LONG_BYTES - 1)}`]);
  isFree = false;
  output.pass(source, 0, LONG_BYTES);
  assert.deepEqual(sent, []);
  assert.equal(text(output.bytes.subarray(output.start, output.at)), 'x'.repeat(LONG_BYTES));
});

test('runs are appended one behind the other, from the same array and from another one, as far as a window goes', () => {
  const shared = Uint8Array.from({ length: 4096 }, (_, i) => 97 + (i % 26));
  for (const source of [shared, shared.slice()]) {
    let sent = '';
    const take = (one: Output): void => {
      sent += Buffer.from(one.bytes.subarray(one.start, one.at)).toString('latin1');
    };
    const output: Output = new Output({
      makeRoom: (one, count) => {
        take(one);
        one.bytes = shared;
        one.start = one.at = 3000;
        one.limit = 3000 + Math.max(100, count);
      },
    });
    const places = [0, 26, 500, 500, 27, 57, 100, 101, 0, 90, 30, 230];
    const runs = Int32Array.from(places);
    const expected = [0, 2, 4, 6, 8, 10]
      .map((i) => Buffer.from(source.subarray(52 + places[i]!, 52 + places[i + 1]!)).toString('latin1'))
      .join('');
    output.passRuns(source, 52, runs, 6);
    output.passRuns(source, 52, runs, 0);
    take(output);
    assert.equal(sent, expected);
  }
});

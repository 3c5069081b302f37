import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FRAME_BYTES, isRequestDatagram, requestId, writeFrame } from './frame.ts';

test('a frame is four big-endian numbers', () => {
  const bytes = new Uint8Array(10);
  writeFrame(bytes, 1, 0xfedc, 0x0102, 65535);
  assert.deepEqual([...bytes], [0, 0xfe, 0xdc, 1, 2, 0xff, 0xff, 0, 0, 0]);
  assert.equal(requestId(bytes, 1), 0xfedc);
});

test('a request has something behind its frame and is the only datagram of its message', () => {
  const request = (sequence: number, total: number, last: number, payload: number): Uint8Array => {
    const bytes = new Uint8Array(3 + FRAME_BYTES + payload);
    writeFrame(bytes, 3, 7, sequence, total);
    bytes[3 + 7] = last;
    return bytes;
  };
  const accepts = (bytes: Uint8Array): boolean => isRequestDatagram(bytes, 3, bytes.length);
  assert.ok(accepts(request(0, 1, 0, 1)));
  // As in memcached, which looks at neither number.
  assert.ok(accepts(request(5, 1, 9, 1)));
  for (const [total, payload] of [
    [0, 10],
    [2, 10],
    [256, 10],
    [257, 10],
    [1, 0],
  ] as const)
    assert.ok(!accepts(request(0, total, 0, payload)), `${total} datagrams, ${payload} bytes`);
  assert.ok(!isRequestDatagram(new Uint8Array(20), 0, 0));
});

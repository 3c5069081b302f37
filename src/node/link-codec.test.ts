import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { DeflateLinkCodec } from './link-codec.ts';

const codec = new DeflateLinkCodec();

/** In shared memory with something around it, as frames lie. */
function shared(bytes: Uint8Array): Uint8Array {
  const memory = new Uint8Array(new SharedArrayBuffer(bytes.length + 20)).fill(7);
  memory.set(bytes, 10);
  return memory;
}

test('what is compressed comes back, from shared memory too', () => {
  for (const text of [
    'a'.repeat(64),
    'twin '.repeat(6000),
    JSON.stringify(Array.from({ length: 500 }, (_, i) => i)),
  ]) {
    const bytes = Buffer.from(text);
    const packed = codec.deflate(shared(bytes), 10, 10 + bytes.length);
    assert.ok(packed !== null && packed.length < bytes.length);
    const target = new Uint8Array(36 * 1024);
    const count = codec.inflate(shared(packed), 10, 10 + packed.length, target);
    assert.equal(Buffer.from(target.subarray(0, count)).toString(), text);
  }
});

test('what would not become shorter is left as it is', () => {
  for (const bytes of [randomBytes(64), randomBytes(30_000), Buffer.from('abc')]) {
    assert.equal(codec.deflate(bytes, 0, bytes.length), null);
  }
});

test('junk, a beginning, and more than there is room for are refused', () => {
  const target = new Uint8Array(1000);
  const bomb = deflateRawSync(Buffer.alloc(10_000_000));
  const whole = deflateRawSync(Buffer.from('twin '.repeat(200)));
  const larger = deflateRawSync(Buffer.from('x'.repeat(1001)));
  for (const bytes of [
    Buffer.from('junk'),
    Buffer.alloc(50, 0xff),
    bomb,
    larger,
    whole.subarray(0, 10),
    Buffer.alloc(0),
  ]) {
    assert.equal(codec.inflate(bytes, 0, bytes.length, target), -1);
  }
  assert.equal(codec.inflate(whole, 0, whole.length, target), 1000);
});

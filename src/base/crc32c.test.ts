import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c } from './crc32c.ts';

const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

test('the check value and the examples of RFC 3720', () => {
  assert.equal(crc32c(bytesOf('123456789'), 0, 9) >>> 0, 0xe3069283);
  assert.equal(crc32c(new Uint8Array(32), 0, 32) >>> 0, 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff), 0, 32) >>> 0, 0x62a8ab43);
  const rising = new Uint8Array(32).map((_, index) => index);
  assert.equal(crc32c(rising, 0, 32) >>> 0, 0x46dd794e);
  assert.equal(crc32c(rising.reverse(), 0, 32) >>> 0, 0x113fdb5c);
  assert.equal(crc32c(rising, 5, 5), 0);
});

test('parts make the checksum of the whole, wherever it is cut', () => {
  const bytes = new Uint8Array(100).map((_, index) => index * 37);
  const whole = crc32c(bytes, 3, 97);
  for (let cut = 3; cut <= 97; cut++) assert.equal(crc32c(bytes, cut, 97, crc32c(bytes, 3, cut)), whole);
});

test('one array after the other, and one that begins within another', () => {
  const bytes = new Uint8Array(100).map((_, index) => index * 37);
  const whole = crc32c(bytes, 3, 97);
  const other = crc32c(new Uint8Array(32), 0, 32);
  assert.equal(crc32c(bytes.subarray(3), 0, 94), whole);
  assert.equal(crc32c(bytes.slice(3, 97), 0, 94), whole);
  assert.equal(crc32c(new Uint8Array(32), 0, 32), other);
  assert.equal(crc32c(bytes, 3, 97), whole);
});

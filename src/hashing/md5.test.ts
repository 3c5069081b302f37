import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { md5, md5Hash, md5Words } from './md5.ts';

/** The digest of the last call as the RFC writes it. */
function hexDigest(): string {
  const bytes = Buffer.alloc(16);
  for (let i = 0; i < 4; i++) bytes.writeUInt32LE(md5Words[i]!, i * 4);
  return bytes.toString('hex');
}

test('the test suite of RFC 1321', () => {
  const suite = [
    ['', 'd41d8cd98f00b204e9800998ecf8427e'],
    ['a', '0cc175b9c0f1b6a831c399e269772661'],
    ['abc', '900150983cd24fb0d6963f7d28e17f72'],
    ['message digest', 'f96b697d7cb7938d525a2f31aaf161d0'],
    ['abcdefghijklmnopqrstuvwxyz', 'c3fcd3d76192e4007dfb496cca67e13b'],
    ['1234567890'.repeat(8), '57edf4a22be3c955ac49da2e2107b67a'],
  ] as const;
  for (const [text, digest] of suite) {
    const bytes = new TextEncoder().encode(text);
    md5(bytes, 0, bytes.length);
    assert.equal(hexDigest(), digest, text);
  }
});

test('every length around the padding, and any range of any bytes, as OpenSSL has it', () => {
  const expected = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');
  const bytes = Uint8Array.from({ length: 200 }, (_, i) => (i * 151) & 0xff);
  for (let end = 0; end <= bytes.length; end++) {
    md5(bytes, 0, end);
    assert.equal(hexDigest(), expected(bytes.subarray(0, end)), `${end} bytes`);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(400), fc.nat(400), (array, first, second) => {
      const start = Math.min(first, second, array.length);
      const end = Math.min(Math.max(first, second), array.length);
      md5(array, start, end);
      assert.equal(hexDigest(), expected(array.subarray(start, end)));
    }),
  );
});

test('the hash of a key is the first word, little-endian', () => {
  assert.equal(md5Hash(new TextEncoder().encode('abc'), 0, 3), 0x98500190);
});

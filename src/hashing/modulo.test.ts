import assert from 'node:assert/strict';
import { test } from 'node:test';
import { magentModuloHash } from './magent-modulo-hash.ts';
import { modulo } from './modulo.ts';

const encoder = new TextEncoder();

function hashOf(text: string): number {
  const bytes = encoder.encode(text);
  return magentModuloHash(bytes, 0, bytes.length);
}

test('magent: times 33 plus the byte, from 5381, top bit dropped', () => {
  assert.equal(hashOf(''), 5381);
  assert.equal(hashOf('a'), 5381 * 33 + 97);
  assert.equal(hashOf('ab'), (5381 * 33 + 97) * 33 + 98);
});

test('magent: bytes are signed and arithmetic wraps at 32 bits', () => {
  assert.equal(hashOf('é'), ((5381 * 33 + 0xc3 - 256) * 33 + 0xa9 - 256) & 0x7fffffff);
  let exact = 5381n;
  const key = 'session:ab12cd34:naïve-ß';
  for (const byte of encoder.encode(key))
    exact = (exact * 33n + BigInt(byte > 127 ? byte - 256 : byte)) & 0xffffffffn;
  assert.equal(hashOf(key), Number(exact & 0x7fffffffn));
});

test('magent: a key ends at its first NUL, and only the range given is hashed', () => {
  assert.equal(hashOf('ab\0cd'), hashOf('ab'));
  const line = encoder.encode('get name\r\n');
  assert.equal(magentModuloHash(line, 4, 8), hashOf('name'));
});

test('modulo spreads over the list in its order', () => {
  const three = modulo(3);
  assert.deepEqual(
    [0, 1, 2, 3, 4, 0x7fffffff].map((hash) => three.pick(hash)),
    [0, 1, 2, 0, 1, 0x7fffffff % 3],
  );
});

test('modulo over no servers is a broken invariant', () => {
  assert.throws(() => modulo(0), /modulo over 0 servers/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KEY_HASHES } from './index.ts';
import { stoppedHash } from './stop-mark.ts';

test('only what stands before the mark is hashed', () => {
  const hash = KEY_HASHES.get('murmur')!;
  const stopped = stoppedHash(hash, Buffer.from('|#|'));
  const of = (key: string, by = stopped): number => by(Buffer.from(` ${key} `), 1, key.length + 1);
  assert.equal(of('user|#|1'), of('user', hash));
  assert.equal(of('user|#|1|#|2'), of('user', hash));
  assert.equal(of('user|#|'), of('user', hash));
  for (const key of ['user', 'user|#', '|#|user', 'a|', '|'])
    assert.equal(of(key), of(key, hash), `${key} is hashed whole`);
});

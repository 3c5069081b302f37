import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestCache } from '../../testing/test-cache.ts';
import { MARK, RESULT, STORE_MODE } from './cache.ts';

test('a look at an item agrees with the single readers, whatever stands in front of its key', () => {
  const { cache } = new TestCache();
  const key = 'some-key';
  const keyBytes = key.length;
  for (const valueBytes of [0, 5, 100_000, 700_000]) {
    for (const flags of [0, 1, 0xffff_ffff]) {
      for (const marks of [0, MARK.explicitCas, MARK.base64Key]) {
        const input = Buffer.from(key + 'abcdefg'.repeat(valueBytes / 7 + 1).slice(0, valueBytes));
        const hash = cache.hash(input, 0, keyBytes);
        cache.meta.setNewCas(1, 2);
        const { set } = STORE_MODE;
        const result = cache.store(set, input, 0, keyBytes, hash, flags, 0, 0, keyBytes, input.length, marks);
        assert.equal(result, RESULT.stored);
        const item = cache.find(input, 0, keyBytes, hash);
        cache.look(item);
        const { view } = cache;
        assert.equal(view.valueBytes, valueBytes);
        assert.equal(view.clientFlags, flags);
        const value = Buffer.alloc(valueBytes);
        cache.copyValue(item, value, 0);
        assert.equal(view.isChained, valueBytes > 512 * 1024);
        if (!view.isChained) {
          const seen = view.bytes.subarray(view.valueStart, view.valueStart + valueBytes);
          assert.ok(value.equals(seen), `flags ${flags}, marks ${marks}, ${valueBytes} bytes`);
        }
        assert.ok(value.equals(input.subarray(keyBytes)));
        const both = Buffer.alloc(1 + input.length);
        cache.copyKeyAndValue(item, both, 1);
        assert.ok(both.subarray(1).equals(input));
        cache.release(hash);
      }
    }
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestCache } from '../../testing/test-cache.ts';
import type { Cache } from '../store/cache.ts';
import { LookAhead } from './look-ahead.ts';

/** The hashes that a look at these requests has fetched for. */
function fetchedFor(requests: readonly Buffer[]): number[] {
  const { cache } = new TestCache();
  const fetched: number[] = [];
  const observed: Cache = Object.create(cache, {
    hash: { value: (bytes: Uint8Array, start: number, end: number) => cache.hash(bytes, start, end) },
    touchAll: {
      value: (hashes: Int32Array, count: number) => {
        cache.touchAll(hashes, count);
        fetched.push(...hashes.subarray(0, count));
      },
    },
  });
  const lookAhead = new LookAhead(observed);
  for (const request of requests) lookAhead.note(request, 0, request.length);
  lookAhead.prepare();
  lookAhead.prepare();
  return fetched;
}

function hashOf(key: string): number {
  return new TestCache().cache.hash(Buffer.from(key), 0, key.length);
}

test('the key of the frequent requests of each protocol is found', () => {
  const binary = Buffer.alloc(24 + 8 + 5 + 3);
  binary.set([0x80, 1, 0, 5, 8]);
  binary.write('key:1', 32);
  const texts = ['get key:1\r\n', 'set key:1 0 0 3\r\nabc\r\n', 'mg key:1 v\r\n', 'get key:1 key:2\r\n'];
  const all = [...texts.map((text) => Buffer.from(text)), binary];
  assert.deepEqual(
    fetchedFor(all),
    all.map(() => hashOf('key:1')),
  );
});

test('what is no such request, or not all there, does no harm', () => {
  const requests = ['', '\r\n', 'version\r\n', 'gets key:1\r\n', 'get '].map((text) => Buffer.from(text));
  const binary = Buffer.from([0x80, 0, 1, 255, 255, 0, 0, 0]);
  assert.deepEqual(fetchedFor([...requests, binary]), []);
  assert.equal(fetchedFor([Buffer.from(`get ${'x'.repeat(3000)}`)]).length, 1);
});

test('more requests than are kept are left out', () => {
  assert.equal(fetchedFor(Array.from({ length: 1000 }, () => Buffer.from('get key:1\r\n'))).length, 64);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestCache } from '../../testing/test-cache.ts';
import { Output } from '../base/output.ts';
import type { Cache } from '../store/cache.ts';
import { writeDelete, writeItem, writePing } from './frames.ts';
import { FramesAhead } from './frames-ahead.ts';

/** A cache that takes note of what is fetched. */
function observed(fetched: number[][]): Cache {
  const { cache } = new TestCache();
  return Object.create(cache, {
    hash: { value: (bytes: Uint8Array, start: number, end: number) => cache.hash(bytes, start, end) },
    touchAll: {
      value: (hashes: Int32Array, count: number) => {
        cache.touchAll(hashes, count);
        fetched.push([...hashes.subarray(0, count)]);
      },
    },
  });
}

/** Frames of sets of these keys, with a ping and a delete between them. */
function framesOf(keys: readonly string[]): { readonly bytes: Uint8Array; readonly hashes: number[] } {
  const source = new TestCache({ feedBytes: 4096 });
  const output = new Output({ makeRoom: () => assert.fail('there is room') });
  output.bytes = new Uint8Array(64 * 1024);
  output.limit = output.bytes.length;
  const hashes: number[] = [];
  for (const [index, key] of keys.entries()) {
    source.set(key, 'v'.repeat(index));
    // With a stamp in front of the key.
    if (index % 3 === 1) source.touch(key, 0);
    const bytes = Buffer.from(key, 'latin1');
    const hash = source.cache.hash(bytes, 0, bytes.length);
    const item = source.cache.peek(bytes, 0, bytes.length, hash);
    writeItem(output, source.cache, item, bytes.length, index);
    source.cache.release(hash);
    hashes.push(hash);
    if (index === 2) writePing(output, 1, 2, 3);
    if (index === 3) writeDelete(output, Buffer.from('gone'), 0, 4, 5);
  }
  return { bytes: output.bytes.slice(0, output.at), hashes };
}

const keysOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `key:${index}`);

test('the keys of all sets that have come are fetched for, once', () => {
  const fetched: number[][] = [];
  const ahead = new FramesAhead(observed(fetched));
  const { bytes, hashes } = framesOf(keysOf(20));
  ahead.begin();
  for (let at = 0; at < bytes.length; at++) ahead.look(bytes, at, bytes.length);
  assert.deepEqual(fetched, [hashes]);
});

test('what is not all there is left out, and looked at with the rest of it', () => {
  const { bytes, hashes } = framesOf(keysOf(8));
  for (let cut = 0; cut <= bytes.length; cut++) {
    const fetched: number[][] = [];
    const ahead = new FramesAhead(observed(fetched));
    ahead.begin();
    ahead.look(bytes.slice(0, cut), 0, cut);
    const seen = fetched[0] ?? [];
    assert.deepEqual(seen, hashes.slice(0, seen.length));
    ahead.begin();
    ahead.look(bytes, 0, bytes.length);
    assert.deepEqual(fetched.at(-1), hashes);
  }
});

test('more frames than the store takes at once are looked at in turns', () => {
  const fetched: number[][] = [];
  const ahead = new FramesAhead(observed(fetched));
  const { bytes, hashes } = framesOf(keysOf(150));
  ahead.begin();
  for (let at = 0; at < bytes.length; at++) ahead.look(bytes, at, bytes.length);
  assert.deepEqual(fetched.flat(), hashes);
  assert.ok(fetched.every((keys) => keys.length <= 64));
});

test('few frames are not worth it, and any bytes are survived', () => {
  const fetched: number[][] = [];
  const ahead = new FramesAhead(observed(fetched));
  const { bytes } = framesOf(keysOf(3));
  ahead.begin();
  ahead.look(bytes, 0, bytes.length);
  assert.deepEqual(fetched, []);
  for (let seed = 0; seed < 256; seed++) {
    const noise = new Uint8Array(300).map((_, index) => (index * seed * 37) ^ (index >> 2));
    ahead.begin();
    for (let at = 0; at < noise.length; at++) ahead.look(noise, at, noise.length);
  }
});

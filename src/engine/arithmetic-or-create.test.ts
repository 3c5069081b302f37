import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryNodeContext } from '../../testing/node-context.ts';
import { type Cache, RESULT, STORE_MODE } from '../store/cache.ts';
import { arithmeticOrCreate, arithmeticOutcome } from './arithmetic-or-create.ts';

const KEY = Buffer.from('..counter..');

function change(cache: Cache, increment: boolean, delta: number, initialLow: number, cas = 0): number {
  const hash = cache.hash(KEY, 2, 9);
  return arithmeticOrCreate(cache, KEY, 2, 9, hash, increment, 0, delta, cas, 7, initialLow, 0);
}

/** What is stored under the key, null when nothing is. */
function stored(cache: Cache): string | null {
  const hash = cache.hash(KEY, 2, 9);
  const item = cache.find(KEY, 2, 9, hash);
  if (item === 0) return null;
  const value = Buffer.alloc(cache.valueBytes(item));
  cache.copyValue(item, value, 0);
  cache.release(hash);
  return value.toString('latin1');
}

test('a missing item is made with the initial number, then changed', () => {
  const { cache } = memoryNodeContext();
  assert.equal(change(cache, true, 5, 9), RESULT.stored);
  assert.deepEqual({ ...arithmeticOutcome }, { numberHigh: 7, numberLow: 9, created: true });
  assert.equal(stored(cache), String(7n * 4294967296n + 9n));
  assert.equal(cache.statistics().cmdSet, 0, 'nobody has sent a set');
  assert.equal(change(cache, true, 5, 100), RESULT.stored);
  assert.deepEqual({ ...arithmeticOutcome }, { numberHigh: 7, numberLow: 14, created: false });
  assert.equal(change(cache, false, 4, 100), RESULT.stored);
  assert.equal(arithmeticOutcome.numberLow, 10);
  const version = cache.lastVersion;
  assert.equal(change(cache, false, 4, 100, version + 1), RESULT.exists);
  assert.equal(change(cache, false, 4, 100, version), RESULT.stored);
  assert.equal(arithmeticOutcome.numberLow, 6);
});

test('an item that another client makes between the two steps is changed, not overwritten', () => {
  const { cache } = memoryNodeContext();
  const hash = cache.hash(KEY, 2, 9);
  const rival = Buffer.from('40');
  const own = cache.arithmetic.bind(cache);
  let calls = 0;
  cache.arithmetic = (...words) => {
    const result = own(...words);
    if (++calls === 1) {
      const both = Buffer.concat([KEY, rival]);
      cache.store(STORE_MODE.set, both, 2, 9, hash, 0, 0, 0, KEY.length, both.length);
    }
    return result;
  };
  assert.equal(change(cache, true, 2, 0), RESULT.stored);
  assert.equal(stored(cache), '42');
  assert.equal(arithmeticOutcome.created, false);
});

test('a client that loses every race is told so after a bounded number of rounds', () => {
  const { cache } = memoryNodeContext();
  let calls = 0;
  cache.arithmetic = () => {
    calls++;
    return RESULT.notFound;
  };
  cache.store = () => RESULT.notStored;
  assert.equal(change(cache, true, 1, 1), RESULT.notStored);
  assert.ok(calls > 1 && calls < 100, `${calls} rounds`);
});

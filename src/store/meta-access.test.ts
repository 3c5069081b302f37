import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkInvariants } from '../../testing/store-invariants.ts';
import { TestCache } from '../../testing/test-cache.ts';
import { seededRandom } from '../base/random.ts';
import { CAS_WIDE, INVALIDATE, KEEP_EXPTIME, MARK, RESULT, STORE_MODE, WRITE } from './cache.ts';

const SEED = Number(process.env['SEED'] ?? 1 + Math.floor(Math.random() * 1e6));

/** What an item should be; `cas` null: its version. */
interface Expected {
  value: string;
  flags: number;
  marks: number;
  cas: bigint | null;
}

class Model {
  readonly cache: TestCache;
  readonly expected: Map<string, Expected> = new Map();

  constructor(cache: TestCache) {
    this.cache = cache;
  }

  check(key: string): void {
    const found = this.cache.marked(key);
    const expected = this.expected.get(key);
    if (expected === undefined) {
      assert.equal(found, null);
      return;
    }
    assert.ok(found !== null, key);
    assert.equal(found.value, expected.value);
    assert.equal(found.marks & ~MARK.explicitCas, expected.marks);
    const got = this.cache.get(key);
    assert.equal(got?.flags, expected.flags);
    assert.equal(found.cas, expected.cas ?? BigInt(got?.version ?? 0));
  }
}

test('who watches is told of what the meta commands look up and make', () => {
  const { cache } = new TestCache();
  const told: string[] = [];
  const text = (bytes: Uint8Array, from: number, to: number): string =>
    Buffer.from(bytes.subarray(from, to)).toString();
  cache.observe({
    missed: (bytes, from, to) => told.push(`missed ${text(bytes, from, to)}`),
    found: (item) => told.push(`found ${cache.valueBytes(item)}`),
    stored: (bytes, from, to, mode, result, exptime, slabClass, valueBytes) =>
      told.push(`stored ${text(bytes, from, to)} ${[mode, result, exptime, slabClass, valueBytes].join()}`),
    deleted: () => told.push('deleted'),
    evicted: () => {},
    pageMoved: () => {},
    crawled: () => {},
  });
  const key = Buffer.from('key');
  const hash = cache.hash(key, 0, 3);
  const invalidate = (): number =>
    cache.meta.invalidate(key, 0, 3, hash, 0, INVALIDATE.stale, KEEP_EXPTIME, false);
  assert.equal(invalidate(), RESULT.notFound);
  assert.equal(cache.meta.createNumber(key, 0, 3, hash, 0, 0, 0, 12), RESULT.stored);
  assert.equal(cache.meta.createNumber(key, 0, 3, hash, 0, 0, 0, 12), RESULT.notStored);
  assert.equal(invalidate(), RESULT.stored);
  const item = cache.find(key, 0, 3, hash);
  cache.meta.countHit(item);
  cache.release(hash);
  assert.deepEqual(told, [
    'missed key',
    'missed key',
    `stored key ${STORE_MODE.add},${RESULT.stored},0,1,2`,
    'found 2',
    'found 2',
  ]);
});

test('marks and cas ids are what the writes before have made them', (t) => {
  t.diagnostic(`SEED=${SEED}`);
  const random = seededRandom(SEED);
  const cache = new TestCache({ feedBytes: 65536, tombstonesMax: 1000, memoryBytesMax: 32 * 1024 * 1024 });
  const { meta } = cache.cache;
  const model = new Model(cache);
  const sizes = [0, 1, 5, 30, 100, 101, 5000, 530_000, 700_000];
  for (let step = 0; step < 3000; step++) {
    const key = `key${random.below(8)}`;
    const bytes = Buffer.from(key);
    const hash = cache.cache.hash(bytes, 0, bytes.length);
    const here = model.expected.get(key);
    const size = sizes[random.below(random.below(20) === 0 ? sizes.length : 7)]!;
    const value = 'abcdefgh'.charAt(random.below(8)).repeat(size);
    const flags = random.below(2) === 0 ? 0 : 1 + random.below(0xffffffff);
    const hasCas = random.below(3) === 0;
    const [high, low] = [random.below(2) * 0xfedcba98, random.below(0xffffffff)];
    const cas = hasCas ? (BigInt(high) << 32n) | BigInt(low) : null;
    const casMark = hasCas ? MARK.explicitCas : 0;
    meta.setNewCas(high, low);
    const base64 = random.below(2) === 0 ? 0 : MARK.base64Key;
    switch (random.below(9)) {
      case 0:
      case 1:
        assert.equal(cache.setMarked(key, value, base64 | casMark), RESULT.stored);
        model.expected.set(key, { value, flags: 0, marks: base64, cas });
        break;
      case 2:
        assert.equal(cache.set(key, value, flags), RESULT.stored);
        model.expected.set(key, { value, flags, marks: 0, cas: null });
        break;
      case 3: {
        const append = random.below(2) === 0;
        const options = WRITE.create | base64 | casMark;
        const mode = append ? STORE_MODE.append : STORE_MODE.prepend;
        const input = Buffer.from(`${key}${value}`);
        const joined = (here?.value.length ?? 0) + value.length < 1_000_000;
        const result =
          random.below(2) === 0
            ? cache.cache.store(
                mode,
                input,
                0,
                key.length,
                hash,
                flags,
                0,
                0,
                key.length,
                input.length,
                options,
              )
            : cache.storeInPieces(mode, key, value, flags, 0, 0, 4099, options);
        if (!joined) {
          assert.equal(result, RESULT.notStored);
          break;
        }
        assert.equal(result, RESULT.stored);
        if (here === undefined) model.expected.set(key, { value, flags, marks: base64, cas });
        else {
          const whole = append ? here.value + value : value + here.value;
          // A mark that the append asks for is not taken away from the item, nor one that it has.
          const kept = (here.marks & MARK.base64Key) | base64;
          model.expected.set(key, { value: whole, flags: here.flags, marks: kept, cas });
        }
        break;
      }
      case 4: {
        const result = meta.invalidate(
          bytes,
          0,
          bytes.length,
          hash,
          0,
          INVALIDATE.stale,
          KEEP_EXPTIME,
          hasCas,
        );
        assert.equal(result, here === undefined ? RESULT.notFound : RESULT.stored);
        if (here !== undefined) {
          model.expected.set(key, { ...here, marks: (here.marks & MARK.base64Key) | MARK.stale, cas });
        }
        break;
      }
      case 5: {
        const before = cache.marked(key);
        const result = meta.invalidate(
          bytes,
          0,
          bytes.length,
          hash,
          0,
          INVALIDATE.clear,
          KEEP_EXPTIME,
          hasCas,
        );
        assert.equal(result, here === undefined ? RESULT.notFound : RESULT.stored);
        if (here !== undefined && before !== null) {
          const marks = here.marks & MARK.base64Key;
          model.expected.set(key, { value: '', flags: 0, marks, cas: cas ?? before.cas });
        }
        break;
      }
      case 6:
        if (here !== undefined) {
          cache.win(key);
          model.expected.set(key, { ...here, marks: here.marks | MARK.tokenSent });
        }
        break;
      case 7: {
        cache.set(key, '97', flags);
        const before = { value: '97', flags, marks: 0, cas: null };
        const result = cache.cache.arithmetic(bytes, 0, bytes.length, hash, true, 0, 5, 0, casMark);
        assert.equal(result, RESULT.stored);
        model.expected.set(key, { ...before, value: '102', cas });
        assert.equal(cache.arithmetic(key, false, 50n), '52');
        model.expected.set(key, { ...before, value: '52', cas: null });
        break;
      }
      default:
        cache.delete(key);
        model.expected.delete(key);
    }
    model.check(key);
    if (step % 100 === 0) checkInvariants(cache.shared);
  }
  for (const key of model.expected.keys()) model.check(key);
  assert.equal(checkInvariants(cache.shared).reservedChunks, 0);
});

test('a cas id of 64 bits is compared whole', () => {
  const cache = new TestCache();
  const { meta } = cache.cache;
  meta.setNewCas(0xffffffff, 0xffffffff);
  cache.setMarked('k', 'v', MARK.explicitCas);
  meta.setWideCas(0xffffffff, 0xfffffffe);
  assert.equal(cache.store(STORE_MODE.cas, 'k', 'w', 0, 0, CAS_WIDE), RESULT.exists);
  assert.equal(cache.delete('k', CAS_WIDE), RESULT.exists);
  meta.setWideCas(0xffffffff, 0xffffffff);
  assert.equal(cache.store(STORE_MODE.cas, 'k', 'w', 0, 0, CAS_WIDE), RESULT.stored);
  assert.equal(cache.store(STORE_MODE.cas, 'k', 'w', 0, 0, CAS_WIDE), RESULT.exists);
  assert.equal(cache.value('k'), 'w');
});

test('an item is made once, and even one that has ended already is handed out', () => {
  const cache = new TestCache();
  const { meta } = cache.cache;
  const key = Buffer.from('k');
  const hash = cache.cache.hash(key, 0, 1);
  for (const created of [true, false]) {
    const item = meta.findOrCreate(key, 0, 1, hash, 0, MARK.tokenSent);
    assert.notEqual(item, 0);
    assert.equal(meta.created, created);
    assert.equal(meta.marks(item), MARK.tokenSent);
    meta.releaseCreated(hash);
  }
  cache.delete('k');
  for (let i = 0; i < 3; i++) {
    const item = meta.findOrCreate(key, 0, 1, hash, 1, 0);
    assert.notEqual(item, 0);
    assert.equal(meta.created, true);
    meta.releaseCreated(hash);
  }
  assert.equal(cache.value('k'), null);
  assert.equal(meta.createNumber(key, 0, 1, hash, 0, 0, 0xffffffff, 0xffffffff), RESULT.stored);
  assert.equal(meta.createNumber(key, 0, 1, hash, 0, 0, 0, 1), RESULT.notStored);
  assert.equal(cache.value('k'), '18446744073709551615');
});

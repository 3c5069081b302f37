import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkInvariants } from '../../testing/store-invariants.ts';
import { TestCache } from '../../testing/test-cache.ts';
import type { CacheOptions, CacheStatistics } from './cache.ts';
import { RESULT, type Result, STORE_MODE, type StoreMode } from './cache.ts';
import { HEADER_BYTES } from './layout.ts';

/**
 * The cache against a plain Map that knows the rules. A cache may forget, so before each step the model asks (by `peek`,
 * which counts as nothing) whether the key was evicted and forgets it, too; but every result must then be the model's, and no value may ever
 * be another than the model's.
 */
interface ModelItem {
  value: string;
  flags: number;
  exptime: number;
  version: number;
}

/** The largest of our items is this, by memcached's reckoning. */
const ITEM_BYTES_MAX = 100_000;

class Model {
  readonly items: Map<string, ModelItem> = new Map();
  /** Unix second of a flush to come, and of what it takes. */
  pendingAt = 0;
  pendingUntilMs = 0;
  readonly tested: TestCache;
  readonly #storedMs: Map<string, number> = new Map();

  constructor(tested: TestCache) {
    this.tested = tested;
  }

  get nowSeconds(): number {
    return Math.floor(this.tested.wallMs / 1000);
  }

  flush(delay: number): void {
    this.pendingAt = 0;
    if (delay === 0) this.items.clear();
    else {
      this.pendingAt = this.nowSeconds + delay - 1;
      this.pendingUntilMs = (this.nowSeconds + delay) * 1000;
    }
    this.settle();
  }

  /** Lets time do its work. */
  settle(): void {
    const struck = this.pendingAt !== 0 && this.nowSeconds >= this.pendingAt;
    for (const [key, item] of this.items) {
      const flushed = struck && (this.#storedMs.get(key) ?? 0) < this.pendingUntilMs;
      if (flushed || (item.exptime !== 0 && item.exptime <= this.nowSeconds)) this.items.delete(key);
    }
    if (struck && this.tested.wallMs >= this.pendingUntilMs) this.pendingAt = 0;
  }

  /** The item as the cache must have it, unless the cache has forgotten it. */
  item(key: string): ModelItem | undefined {
    const version = this.tested.peek(key);
    const item = this.items.get(key);
    if (item === undefined) assert.ok(version <= 0, `${key} is not deleted, expired or flushed`);
    else if (version <= 0) this.items.delete(key);
    else assert.equal(version, item.version, `${key} has its version`);
    return this.items.get(key);
  }

  put(key: string, value: string, flags: number, exptime: number): void {
    const version = this.tested.cache.lastVersion;
    const previous = this.items.get(key)?.version ?? 0;
    assert.ok(version > previous, 'versions rise');
    this.items.set(key, { value, flags, exptime, version });
    this.#storedMs.set(key, this.tested.wallMs);
    this.settle();
  }
}

/** One command, which shows itself in a counterexample. */
interface Step {
  readonly run: (model: Model) => void;
  readonly [fc.toStringMethod]: () => string;
}

function step(name: string, args: readonly unknown[], run: (model: Model) => void): Step {
  const shown = args.map((arg) => (typeof arg === 'string' ? shortened(arg) : String(arg)));
  return { run, [fc.toStringMethod]: () => `${name}(${shown.join(', ')})` };
}

function shortened(text: string): string {
  return JSON.stringify(text.length < 70 ? text : `${text.slice(0, 20)}…${text.length}`);
}

function isTooLarge(key: string, value: string, flags: number): boolean {
  return 59 + key.length + value.length + (flags === 0 ? 0 : 4) > ITEM_BYTES_MAX;
}

/** What a store must do, by memcached's rules; null where memory may decide. */
function expectedStore(mode: StoreMode, item: ModelItem | undefined, casMatches: boolean): Result {
  if (mode === STORE_MODE.set) return RESULT.stored;
  if (mode === STORE_MODE.add) return item === undefined ? RESULT.stored : RESULT.notStored;
  if (mode === STORE_MODE.cas) {
    if (item === undefined) return RESULT.notFound;
    return casMatches ? RESULT.stored : RESULT.exists;
  }
  return item === undefined ? RESULT.notStored : RESULT.stored;
}

function store(
  model: Model,
  mode: StoreMode,
  key: string,
  value: string,
  flags: number,
  ttl: number,
  casMatches: boolean,
  pieceBytes: number,
): void {
  const { tested } = model;
  const joins = mode === STORE_MODE.append || mode === STORE_MODE.prepend;
  const exptime = ttl === 0 ? 0 : model.nowSeconds + ttl;
  let item = model.item(key);
  const cas = mode === STORE_MODE.cas ? (item?.version ?? 8) + (casMatches ? 0 : 8) : 0;
  const result =
    pieceBytes === 0
      ? tested.store(mode, key, value, flags, exptime, cas)
      : tested.storeInPieces(mode, key, value, flags, exptime, cas, pieceBytes);
  if (isTooLarge(key, value, flags)) {
    assert.equal(result, RESULT.tooLarge);
    if (mode === STORE_MODE.set) model.items.delete(key);
    return;
  }
  if (result === RESULT.noMemory) {
    if (mode === STORE_MODE.set) model.items.delete(key);
    return;
  }
  // In pieces, the memory for the new value may have been that of the old one.
  if (pieceBytes !== 0 && (result === RESULT.notStored || result === RESULT.notFound)) item = model.item(key);
  if (pieceBytes !== 0 && mode === STORE_MODE.add && result === RESULT.stored) item = undefined;
  const expected = expectedStore(mode, item, casMatches);
  if (!joins || expected !== RESULT.stored || item === undefined) {
    assert.equal(result, expected);
    if (result === RESULT.stored) model.put(key, value, flags, exptime);
    return;
  }
  const joined = mode === STORE_MODE.append ? item.value + value : value + item.value;
  if (isTooLarge(key, joined, item.flags)) {
    assert.equal(result, RESULT.notStored);
  } else if (result === RESULT.stored) {
    model.put(key, joined, item.flags, item.exptime);
  } else {
    assert.equal(result, RESULT.notStored, 'for want of memory');
  }
}

function arithmetic(model: Model, key: string, increment: boolean, delta: bigint): void {
  const item = model.item(key);
  const result = model.tested.arithmetic(key, increment, delta);
  if (item === undefined) {
    assert.equal(result, RESULT.notFound);
    return;
  }
  const digits = /^[\t-\r ]*(\d{1,20})(?=[\0\t-\r ]|$)/.exec(item.value)?.[1];
  // A value in several chunks is no number, even if it begins like one.
  const { slabChunkBytesMax } = model.tested.shared.options;
  const chunkBytes = HEADER_BYTES + key.length + item.value.length + (item.flags === 0 ? 0 : 4);
  const number = digits === undefined || chunkBytes > slabChunkBytesMax ? null : BigInt(digits);
  if (number === null || number >= 2n ** 64n) {
    assert.equal(result, RESULT.nonNumeric, item.value.slice(0, 40));
    return;
  }
  if (result === RESULT.noMemory) return;
  const sum = increment ? BigInt.asUintN(64, number + delta) : number < delta ? 0n : number - delta;
  assert.equal(result, sum.toString());
  const padded = model.tested.shared.options.feedBytes === 0 ? item.value.length : 0;
  model.put(key, sum.toString().padEnd(padded), item.flags, item.exptime);
}

const key = fc.oneof(
  fc.integer({ min: 0, max: 9 }).map((n) => `k${n}`),
  fc.integer({ min: 0, max: 50 }).map((n) => `f${n}`),
  fc.integer({ min: 0, max: 60 }).map((n) => `${'long'.repeat(n)}${n}`),
);
const value = fc.oneof(
  fc.string({ maxLength: 60, unit: 'binary-ascii' }),
  fc.maxSafeNat().map(String),
  fc
    .tuple(fc.integer({ min: 0, max: 40_000 }), fc.constantFrom('a', 'b', 'c'))
    .map(([length, letter]) => letter.repeat(length)),
  fc.integer({ min: ITEM_BYTES_MAX - 400, max: ITEM_BYTES_MAX }).map((length) => 'z'.repeat(length)),
);
const flags = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 0xffffffff }));
const ttl = fc.oneof(
  { weight: 5, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 8 }) },
);
const mode = fc.constantFrom(...Object.values(STORE_MODE));
const pieceBytes = fc.constantFrom(0, 0, 1000, 7000, 17_000);

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc
      .tuple(mode, key, value, flags, ttl, fc.boolean(), pieceBytes)
      .map((args) => step('store', args, (model) => store(model, ...args))),
  },
  {
    weight: 6,
    arbitrary: fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 1000, max: 20_000 })).map((args) =>
      step('fill', args, (model) => {
        const [first, length] = args;
        for (let i = first; i < first + 20; i++) {
          store(model, STORE_MODE.set, `f${i}`, String(i).padEnd(length, '.'), 0, 0, false, 0);
        }
      }),
    ),
  },
  {
    weight: 20,
    arbitrary: key.map((name) =>
      step('get', [name], (model) => {
        const item = model.item(name);
        const found = model.tested.get(name);
        assert.equal(found?.value, item?.value);
        assert.equal(found?.flags, item?.flags);
      }),
    ),
  },
  {
    weight: 10,
    arbitrary: fc
      .tuple(key, fc.boolean(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
      .map((args) => step('arithmetic', args, (model) => arithmetic(model, ...args))),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(key, fc.boolean()).map(([name, matches]) =>
      step('delete', [name, matches], (model) => {
        const item = model.item(name);
        const cas = matches ? (item?.version ?? 0) : 8;
        const expected = item === undefined ? RESULT.notFound : matches ? RESULT.stored : RESULT.exists;
        assert.equal(model.tested.delete(name, cas), expected);
        if (expected === RESULT.stored) model.items.delete(name);
      }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(key, ttl).map(([name, seconds]) =>
      step('touch', [name, seconds], (model) => {
        const item = model.item(name);
        const exptime = seconds === 0 ? 0 : model.nowSeconds + seconds;
        assert.equal(model.tested.touch(name, exptime), item !== undefined);
        if (item !== undefined) item.exptime = exptime;
      }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.integer({ min: 0, max: 3000 }).map((ms) =>
      step('advance', [ms], (model) => {
        model.tested.advance(ms);
        model.settle();
      }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(0, 0, 1, 2, 5).map((delay) =>
      step('flush', [delay], (model) => {
        model.tested.cache.flushAll(delay);
        // A pending flush comes into force with the clock.
        model.tested.advance(0);
        model.flush(delay);
      }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 1, max: 200 })
      .map((buckets) => step('crawl', [buckets], (model) => model.tested.cache.upkeep.crawl(buckets))),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: 50 }).map((slice) =>
      step('scan', [slice], (model) => {
        for (const [name, found] of model.tested.scan(slice)) {
          if (found !== null) assert.equal(found, model.items.get(name)?.value);
        }
      }),
    ),
  },
);

interface Plan {
  readonly options: Partial<CacheOptions>;
  /** Statistics that must have moved over all runs, or the test does not test what it says. */
  readonly moved: readonly (keyof CacheStatistics)[];
}

const small: Partial<CacheOptions> = { memoryBytesMax: 1024 * 1024, growthFactor: 4 };
const always = ['getHits', 'incrHits', 'casHits', 'touchHits', 'getExpired', 'getFlushed'] as const;
const plans: Record<string, Plan> = {
  'ample memory': { options: { memoryBytesMax: 64 * 1024 * 1024 }, moved: always },
  'little memory and few classes, so that chains evict each other': {
    options: { ...small, slabChunkBytesMax: 16 * 1024 },
    moved: [...always, 'evictions', 'movedToMain', 'reclaimed'],
  },
  'little memory, tombstones, a small index': {
    options: {
      ...small,
      slabChunkBytesMax: 4 * 1024,
      hashPower: 1,
      tombstonesMax: 5,
      tombstoneSeconds: 3,
      feedBytes: 4096,
      nodeSlot: 5,
    },
    moved: [...always, 'evictions', 'tombstonesMade', 'tombstonesExpired', 'crawlerReclaimed'],
  },
  'no evictions': {
    options: { ...small, slabChunkBytesMax: 16 * 1024, evict: false },
    moved: [...always, 'storeNoMemory', 'reclaimed'],
  },
};

for (const [name, { options, moved }] of Object.entries(plans)) {
  test(`any run of commands gives what the model gives: ${name}`, () => {
    const total = new Map<string, number>();
    fc.assert(
      fc.property(fc.array(steps, { minLength: 300, maxLength: 600, size: 'max' }), (commands) => {
        const model = new Model(new TestCache({ ...options, itemBytesMax: ITEM_BYTES_MAX }));
        for (const { run } of commands) run(model);
        const all = model.tested.scan();
        for (const key of [...model.items.keys()]) {
          assert.equal(all.get(key) ?? undefined, model.item(key)?.value);
        }
        checkInvariants(model.tested.shared);
        for (const [counter, count] of Object.entries(model.tested.cache.statistics())) {
          total.set(counter, (total.get(counter) ?? 0) + count);
        }
      }),
      { numRuns: 40 },
    );
    for (const counter of moved) assert.notEqual(total.get(counter), 0, `${counter} has moved`);
  });
}

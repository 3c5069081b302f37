import {
  type Applied,
  Cache,
  type CacheOptions,
  createSharedCache,
  INVALIDATE,
  KEEP_EXPTIME,
  NO_STAMP,
  RESULT,
  type Result,
  type SharedCache,
  STORE_MODE,
  type StoreMode,
} from '../src/store/cache.ts';

/** Options as memcached's defaults, small where a test wants it. */
export function cacheOptions(changes: Partial<CacheOptions> = {}): CacheOptions {
  return {
    memoryBytesMax: 64 * 1024 * 1024,
    itemBytesMax: 1024 * 1024,
    growthFactor: 1.25,
    chunkBytesMin: 48,
    slabChunkBytesMax: 512 * 1024,
    evict: true,
    threads: 1,
    ioBytesPerThread: 65536,
    hashSeed: [0x01234567, 0x89abcdef],
    nodeSlot: 0,
    tombstonesMax: 0,
    tombstoneSeconds: 60,
    feedBytes: 0,
    ...changes,
  };
}

export const TEST_START_MS: number = Date.UTC(2026, 5, 1);

/** What a get found. */
export interface Found {
  readonly value: string;
  readonly flags: number;
  readonly version: number;
}

/** A cache driven with strings (latin-1), and with a clock that a test moves. */
export class TestCache {
  readonly shared: SharedCache;
  readonly cache: Cache;
  wallMs: number = TEST_START_MS;
  #input: Uint8Array = new Uint8Array(4096);

  constructor(changes: Partial<CacheOptions> = {}, shared?: SharedCache, thread = 0) {
    this.shared = shared ?? createSharedCache(cacheOptions(changes));
    this.cache = new Cache(this.shared, thread);
    this.cache.tick(this.wallMs);
  }

  /** Moves the clock. */
  advance(ms: number): void {
    this.wallMs += ms;
    this.cache.tick(this.wallMs);
  }

  store(mode: StoreMode, key: string, value: string, flags = 0, exptime = 0, cas = 0): Result {
    const input = this.#place(key, value);
    const hash = this.cache.hash(input, 0, key.length);
    return this.cache.store(
      mode,
      input,
      0,
      key.length,
      hash,
      flags,
      exptime,
      cas,
      key.length,
      key.length + value.length,
    );
  }

  set(key: string, value: string, flags = 0, exptime = 0): Result {
    return this.store(STORE_MODE.set, key, value, flags, exptime);
  }

  /** As `store`, through reserve, fill in pieces of `pieceBytes`, and commit. */
  storeInPieces(
    mode: StoreMode,
    key: string,
    value: string,
    flags = 0,
    exptime = 0,
    cas = 0,
    pieceBytes = 7,
    options = 0,
  ): Result {
    const input = this.#place(key, value);
    const hash = this.cache.hash(input, 0, key.length);
    const item = this.cache.reserve(mode, input, 0, key.length, hash, flags, exptime, value.length, options);
    if (item === 0) return this.cache.failure;
    for (let at = 0; at < value.length; at += pieceBytes) {
      const end = Math.min(at + pieceBytes, value.length);
      this.cache.fill(item, at, input, key.length + at, key.length + end);
    }
    return this.cache.commit(mode, item, hash, cas, options);
  }

  /** A set with bits of MARK; the cas id of `meta.setNewCas` with explicitCas. */
  setMarked(key: string, value: string, marks: number): Result {
    const input = this.#place(key, value);
    const hash = this.cache.hash(input, 0, key.length);
    const end = key.length + value.length;
    return this.cache.store(STORE_MODE.set, input, 0, key.length, hash, 0, 0, 0, key.length, end, marks);
  }

  /** Marks an item stale. */
  invalidate(key: string, exptime: number = KEEP_EXPTIME): Result {
    const input = this.#place(key, '');
    const hash = this.cache.hash(input, 0, key.length);
    const { stale } = INVALIDATE;
    return this.cache.meta.invalidate(input, 0, key.length, hash, 0, stale, exptime, false);
  }

  /** Marks an item as one that a client was told to renew. */
  win(key: string): void {
    const input = this.#place(key, '');
    const hash = this.cache.hash(input, 0, key.length);
    const item = this.cache.find(input, 0, key.length, hash);
    if (item === 0) return;
    this.cache.meta.markWon(item, hash);
    this.cache.release(hash);
  }

  /** What the meta commands know of an item. */
  marked(key: string): { value: string; marks: number; cas: bigint } | null {
    const input = this.#place(key, '');
    const hash = this.cache.hash(input, 0, key.length);
    const item = this.cache.find(input, 0, key.length, hash);
    if (item === 0) return null;
    const { meta } = this.cache;
    const cas = (BigInt(meta.casHigh(item)) << 32n) | BigInt(meta.casLow(item));
    const found = { value: this.valueOf(item), marks: meta.marks(item), cas };
    this.cache.release(hash);
    return found;
  }

  get(key: string): Found | null {
    const input = this.#place(key, '');
    const hash = this.cache.hash(input, 0, key.length);
    const item = this.cache.find(input, 0, key.length, hash);
    if (item === 0) return null;
    this.cache.noteHit(item);
    const found = {
      value: this.valueOf(item),
      flags: this.cache.clientFlags(item),
      version: this.cache.version(item),
    };
    this.cache.release(hash);
    return found;
  }

  value(key: string): string | null {
    return this.get(key)?.value ?? null;
  }

  /** Where the item of a key lies; 0 if there is none. */
  itemRef(key: string): number {
    const input = this.#place(key, '');
    const hash = this.cache.hash(input, 0, key.length);
    const item = this.cache.find(input, 0, key.length, hash);
    if (item !== 0) this.cache.release(hash);
    return item;
  }

  delete(key: string, cas = 0): Result {
    const input = this.#place(key, '');
    return this.cache.delete(input, 0, key.length, this.cache.hash(input, 0, key.length), cas);
  }

  /** @returns the new number in decimal, or the result that says why there is none */
  arithmetic(
    key: string,
    increment: boolean,
    delta: bigint,
    exptime: number = KEEP_EXPTIME,
  ): string | Result {
    const input = this.#place(key, '');
    const result = this.cache.arithmetic(
      input,
      0,
      key.length,
      this.cache.hash(input, 0, key.length),
      increment,
      Number(delta >> 32n),
      Number(delta & 0xffffffffn),
      0,
      0,
      exptime,
    );
    if (result !== RESULT.stored) return result;
    return ((BigInt(this.cache.numberHigh) << 32n) | BigInt(this.cache.numberLow)).toString();
  }

  touch(key: string, exptime: number): boolean {
    const input = this.#place(key, '');
    return this.cache.touch(input, 0, key.length, this.cache.hash(input, 0, key.length), exptime);
  }

  applySet(
    key: string,
    value: string,
    version: number,
    flags = 0,
    exptime = 0,
    stamp: number = NO_STAMP,
  ): Applied {
    const input = this.#place(key, value);
    const hash = this.cache.hash(input, 0, key.length);
    const end = key.length + value.length;
    const { length } = key;
    return this.cache.applySet(input, 0, length, hash, flags, exptime, version, length, end, 0, stamp);
  }

  applyDelete(key: string, version: number): Applied {
    const input = this.#place(key, '');
    return this.cache.applyDelete(input, 0, key.length, this.cache.hash(input, 0, key.length), version);
  }

  applyTouch(key: string, exptime: number, version: number, stamp: number = NO_STAMP): Applied {
    const input = this.#place(key, '');
    const hash = this.cache.hash(input, 0, key.length);
    return this.cache.applyTouch(input, 0, key.length, hash, exptime, version, stamp);
  }

  /** The expiry time of a key's item and the stamp of its last touch; null when there is none. */
  touched(key: string): { readonly exptime: number; readonly stamp: number } | null {
    const input = this.#place(key, '');
    const hash = this.cache.hash(input, 0, key.length);
    const item = this.cache.find(input, 0, key.length, hash);
    if (item === 0) return null;
    const found = { exptime: this.cache.exptime(item), stamp: this.cache.touchStamp(item) };
    this.cache.release(hash);
    return found;
  }

  /** The version of what is under a key, negative for a tombstone, 0 if nothing. */
  peek(key: string): number {
    const input = this.#place(key, '');
    const hash = this.cache.hash(input, 0, key.length);
    const item = this.cache.peek(input, 0, key.length, hash);
    if (item === 0) return 0;
    const version = this.cache.isTombstone(item) ? -this.cache.version(item) : this.cache.version(item);
    this.cache.release(hash);
    return version;
  }

  /** All keys that a scan visits, with their values (null: tombstone). */
  scan(bucketsPerSlice = 1000): Map<string, string | null> {
    const all = new Map<string, string | null>();
    let cursor = 0;
    while (cursor !== -1) {
      cursor = this.cache.scan(cursor, bucketsPerSlice, (item) => {
        all.set(this.keyOf(item), this.cache.isTombstone(item) ? null : this.valueOf(item));
      });
    }
    return all;
  }

  keyOf(item: number): string {
    const key = Buffer.alloc(this.cache.keyBytes(item));
    this.cache.copyKey(item, key, 0);
    return key.toString('latin1');
  }

  valueOf(item: number): string {
    const value = Buffer.alloc(this.cache.valueBytes(item));
    this.cache.copyValue(item, value, 0);
    return value.toString('latin1');
  }

  #place(key: string, value: string): Uint8Array {
    const bytes = key.length + value.length;
    if (this.#input.length < bytes) this.#input = new Uint8Array(bytes);
    Buffer.from(this.#input.buffer).write(key + value, 'latin1');
    return this.#input;
  }
}

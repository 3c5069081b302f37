import type { Cache, CacheOptions } from '../../src/store/cache.ts';
import { FeedReader } from '../../src/store/change-feed.ts';
import { TestCache } from '../test-cache.ts';
import { LinkEnd, LinkPair } from './link-pair.ts';
import { VirtualTime } from './virtual-time.ts';

/** Two nodes over real caches, each with `threads` data threads whose feeds one link reads. */
export class StorePair {
  readonly time: VirtualTime = new VirtualTime();
  /** One view per thread; the link runs on thread 0's. */
  readonly views: readonly (readonly TestCache[])[];
  pair: LinkPair<Cache>;

  constructor(threads = 1, feedBytes = 65536, changes: Partial<CacheOptions> = {}) {
    const options = { threads, feedBytes, tombstonesMax: 1000, memoryBytesMax: 8 * 1024 * 1024, ...changes };
    this.views = [0, 1].map((nodeSlot) => {
      const first = new TestCache({ ...options, nodeSlot, hashSeed: [nodeSlot, 5] });
      const others = Array.from({ length: threads - 1 }, (_, i) => new TestCache({}, first.shared, i + 1));
      return [first, ...others];
    });
    this.pair = this.#connect();
  }

  view(node: number, thread = 0): TestCache {
    return this.views[node]![thread]!;
  }

  advance(ms: number): void {
    for (const node of this.views) for (const view of node) view.advance(ms);
  }

  /** Ends the link; the next one is not open yet. */
  cut(): void {
    for (const end of [this.pair.dialler, this.pair.listener]) end.closeWith(null);
    this.pair = this.#connect();
  }

  /** Ends the link and makes a new one. */
  reconnect(): void {
    this.cut();
    this.pair.open();
  }

  /** Everything that clients can see, with versions and expiry times. */
  contents(node: number): Map<string, string> {
    const { cache } = this.view(node);
    const lines = new Map<string, string>();
    for (const [key, value] of this.view(node).scan()) {
      const found = value === null ? null : this.view(node).get(key);
      if (found === null) continue;
      const bytes = Buffer.from(key, 'latin1');
      const hash = cache.hash(bytes, 0, bytes.length);
      const item = cache.find(bytes, 0, bytes.length, hash);
      lines.set(key, `${found.version} ${found.flags} ${cache.exptime(item)} ${found.value}`);
      cache.release(hash);
    }
    return new Map([...lines].sort());
  }

  #connect(): LinkPair<Cache> {
    const [dialler, listener] = [0, 1].map((node) => {
      const { shared, cache } = this.view(node);
      const readers = this.views[node]!.map((_, thread) => new FeedReader(shared, thread));
      return new LinkEnd(this.time, `0${node}`.repeat(16), node === 0 ? 0 : -1, cache, readers);
    });
    return new LinkPair(this.time, dialler!, listener!);
  }
}

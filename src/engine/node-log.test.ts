import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CACHE_OPTIONS, memoryNodeContext } from '../../testing/node-context.ts';
import { Cache, createSharedCache } from '../store/cache.ts';
import { COUNTER } from '../store/counters.ts';
import { createSharedLog, LogMemory, STREAM, WATCHERS_MAX } from './log-memory.ts';
import { type LogReader, NodeLog } from './node-log.ts';

/** Keeps what it is given. */
class Listener implements LogReader {
  readonly streams: number;
  text = '';

  constructor(streams: number) {
    this.streams = streams;
  }

  take(bytes: Uint8Array, count: number): void {
    this.text += Buffer.from(bytes.subarray(0, count)).toString('latin1');
  }

  flush(): void {}
}

interface Thread {
  readonly log: NodeLog;
  readonly cache: Cache;
  readonly woken: number[];
}

/** Threads of one node, each with its log. */
function threads(count: number, ringBytes = 4096): Thread[] {
  const shared = createSharedCache({ ...CACHE_OPTIONS, threads: count });
  const sharedLog = createSharedLog(count, ringBytes);
  return Array.from({ length: count }, (_, index) => {
    const cache = new Cache(shared, index);
    cache.tick(1_800_000_000_000);
    const woken: number[] = [];
    const log = new NodeLog(sharedLog, cache, {
      index,
      clock: { monotonicMs: () => 0, wallMs: () => 1_800_000_000_001.5 },
      schedule: () => {},
      wake: (thread) => woken.push(thread),
    });
    return { log, cache, woken };
  });
}

test('a line tells the time, its number, and everything about a page that moved', () => {
  const [one] = threads(1);
  assert.ok(one);
  const listener = new Listener(STREAM.sysevents);
  one.log.pageMoved(1, 2);
  assert.ok(one.log.add(listener));
  one.log.pageMoved(3, 0);
  one.log.crawled(4, 5, 6, 7);
  one.log.read();
  assert.equal(
    listener.text,
    'ts=1800000000.1500 gid=1 type=slab_move src=3 dst=0\n' +
      'ts=1800000000.1500 gid=2 type=lru_crawler crawler=0 lru=all low_mark=0 next_reclaims=0 since_run=4 next_run=7 elapsed=4 examined=5 reclaimed=6\n',
  );
});

test('a reader gets the lines of all threads, of its own streams, from when it began', () => {
  const [one, two, three] = threads(3);
  assert.ok(one && two && three);
  const moves = new Listener(STREAM.sysevents);
  const deletions = new Listener(STREAM.deletions);
  assert.ok(two.log.add(moves));
  one.log.tick();
  one.log.pageMoved(1, 2);
  assert.ok(three.log.add(deletions));
  for (const { log } of [one, two, three]) log.tick();
  one.log.pageMoved(2, 3);
  three.log.pageMoved(3, 4);
  three.log.deleted(Buffer.from('a:b'), 0, 3, 5, 6);
  two.log.read();
  three.log.read();
  assert.deepEqual(moves.text.match(/src=\d/g), ['src=1', 'src=2', 'src=3']);
  assert.match(deletions.text, /^ts=\S+ gid=4 type=deleted key=a%3Ab cmd=delete clsid=5 size=6\n$/);
  two.log.remove(moves);
  three.log.remove(deletions);
  one.log.tick();
  one.log.pageMoved(1, 2);
  assert.equal(one.cache.counterTotal(COUNTER.logWorkerWritten), 4);
});

test('a full ring drops lines, counts them, and wakes who should read; what is read makes room', () => {
  const [writer, reader] = threads(2);
  assert.ok(writer && reader);
  const listener = new Listener(STREAM.sysevents);
  assert.ok(reader.log.add(listener));
  writer.log.tick();
  for (let i = 0; i < 1000; i++) writer.log.pageMoved(i, i);
  const written = writer.cache.counterTotal(COUNTER.logWorkerWritten);
  const dropped = writer.cache.counterTotal(COUNTER.logWorkerDropped);
  assert.equal(written + dropped, 1000);
  assert.ok(written > 40 && written < 90, `${written} written`);
  assert.deepEqual(writer.woken, [1]);
  reader.log.read();
  assert.equal(listener.text.split('\n').length - 1, written);
  // Round and round the ring, in lines of all lengths.
  for (let i = 0; i < 500; i++) {
    listener.text = '';
    writer.log.deleted(Buffer.from('k'.repeat(i % 250)), 0, i % 250, 1, 1);
    writer.log.pageMoved(i, i);
    reader.log.read();
    assert.match(listener.text, new RegExp(`^ts=\\S+ gid=\\d+ type=slab_move src=${i} dst=${i}\\n$`));
  }
  assert.equal(writer.cache.counterTotal(COUNTER.logWorkerDropped), dropped);
});

test('there are at most twenty readers in a node, wherever they are', () => {
  const all = threads(3);
  const readers: [NodeLog, Listener][] = [];
  for (let i = 0; i < WATCHERS_MAX; i++) {
    const listener = new Listener(STREAM.fetchers);
    const { log } = all[i % 3]!;
    assert.ok(log.add(listener), `reader ${i}`);
    readers.push([log, listener]);
  }
  assert.equal(all[0]?.log.add(new Listener(STREAM.fetchers)), false);
  assert.equal(all[1]?.log.watchers, WATCHERS_MAX);
  const [first] = readers;
  assert.ok(first);
  first[0].remove(first[1]);
  first[0].remove(first[1]);
  assert.ok(all[2]?.log.add(new Listener(STREAM.fetchers)));
  assert.equal(all[2]?.log.add(new Listener(STREAM.fetchers)), false);
});

test('a line longer than any may be is dropped', () => {
  const memory = new LogMemory(createSharedLog(1, 65536), 0);
  assert.equal(memory.append('x'.repeat(1536), STREAM.fetchers), true);
  assert.equal(memory.append('x'.repeat(1537), STREAM.fetchers), false);
});

test('nothing is told of the cache while nobody watches', () => {
  const context = memoryNodeContext();
  const listener = new Listener(STREAM.fetchers | STREAM.mutations);
  const key = Buffer.from('key');
  const { cache, log } = context;
  const find = (): void => {
    const hash = cache.hash(key, 0, 3);
    if (cache.find(key, 0, 3, hash) !== 0) cache.release(hash);
  };
  find();
  assert.ok(log.add(listener));
  find();
  log.read();
  log.remove(listener);
  find();
  log.read();
  assert.match(listener.text, /^ts=\S+ gid=1 type=item_get key=key status=not_found clsid=0 cfd=0 size=0\n$/);
  assert.equal(cache.counterTotal(COUNTER.logWorkerWritten), 1);
});

import { assert } from '../src/base/assert.ts';
import type { SharedCache } from '../src/store/cache.ts';
import { CLASS_WORD, CONTROL } from '../src/store/geometry.ts';
import { ARENA_SHIFT, DRAINED, HEADER, LENGTH_MASK, STATE, UNIT_MASK } from '../src/store/layout.ts';
import { Parts } from '../src/store/parts.ts';
import { cacheStatistics } from '../src/store/statistics.ts';

/** What the walk over a sound cache found. */
export interface Census {
  readonly items: number;
  readonly tombstones: number;
  /** Chunks that are taken by items not (yet) in the cache. */
  readonly reservedChunks: number;
  readonly bytes: number;
}

/**
 * Checks a cache that no thread is using: every chunk of every page is exactly one of free, unused, an item or a continuation; every item
 * is reachable through its bucket and stands in the right queue of its class; counts agree with what was counted; no lock is
 * held; pages are within the limit.
 *
 * @param reservedChunks chunks that are taken on purpose by items not yet committed
 * @throws AssertionError that says what is broken
 */
export function checkInvariants(shared: SharedCache, reservedChunks = 0): Census {
  const parts = new Parts(shared, shared.options.threads);
  const { geometry, control, items, index, queues, locks, slabs, memory } = parts;
  const { classes } = geometry;
  for (let lock = 0; lock < geometry.locks; lock++) assert(!locks.isHeld(lock), `lock ${lock} is free`);

  // The index: every item in the bucket of its hash, once.
  const linked = new Set<number>();
  const ownedParts = new Set<number>();
  let tombstones = 0;
  let bytes = 0;
  const buckets = index.bucketCount();
  const bucketWords = new Int32Array(shared.buckets);
  for (let bucket = buckets; bucket < Math.min(geometry.bucketsMax, buckets + 1000); bucket++) {
    assert(bucketWords[bucket] === 0, 'buckets that are not active are empty');
  }
  for (let bucket = 0; bucket < buckets; bucket++) {
    for (let item = index.firstOf(bucket); item !== 0; item = items.next(item)) {
      assert(!linked.has(item), 'an item is in one chain, once');
      linked.add(item);
      const hash = items.hash(item);
      let power = 1;
      while (power < buckets) power *= 2;
      let expected = hash & (power - 1);
      if (expected >= buckets) expected = hash & (power / 2 - 1);
      assert(expected === bucket, 'an item is in the bucket of its hash');
      const kind = items.kind(item);
      assert((kind & STATE.linked) !== 0, 'an item in the index says so');
      assert((kind & (STATE.continuation | STATE.free)) === 0, 'what is in the index is an item');
      const key = memory.bytes[item >>> ARENA_SHIFT]!;
      const keyStart = items.keyStart(item);
      for (let other = items.next(item); other !== 0; other = items.next(other)) {
        assert(
          items.keyBytes(other) !== items.keyBytes(item) ||
            !items.keyEquals(other, key, keyStart, items.keyBytes(item)),
          'a key is in the index once',
        );
      }
      if ((kind & STATE.tombstone) !== 0) {
        tombstones++;
        assert(items.valueBytes(item) === 0, 'a tombstone has no value');
      } else {
        bytes += items.memcachedBytes(item);
      }
      if ((kind & STATE.chained) !== 0) {
        let held = items.firstPartBytes(item);
        for (let part = items.chain(item); part !== 0; part = items.next(part)) {
          assert(!ownedParts.has(part), 'a continuation belongs to one item');
          ownedParts.add(part);
          assert((items.kind(part) & STATE.continuation) !== 0, 'a chain is made of continuations');
          const owner = memory.words[part >>> ARENA_SHIFT]![((part & UNIT_MASK) << 1) + HEADER.owner];
          assert(owner === item, 'a continuation names its item');
          held += items.heldBytes(part);
        }
        assert(held === items.valueBytes(item), 'the parts of a value make up its length');
      } else if ((kind & STATE.tombstone) === 0) {
        const need = items.chunkBytesFor(
          items.keyBytes(item),
          items.clientFlags(item),
          items.valueBytes(item),
          kind,
        );
        assert(need <= classes.chunkBytes[items.slabClass(item)]!, 'an item fits its chunk');
      }
    }
  }
  assert(linked.size === Atomics.load(control, CONTROL.linked), 'the count of linked items is right');
  assert(tombstones === Atomics.load(control, CONTROL.tombstones), 'the count of tombstones is right');
  assert(
    tombstones <= shared.options.tombstonesMax + shared.options.threads,
    'tombstones are within their bound',
  );

  // Queues: each item in exactly the queue that its kind names.
  const queued = new Set<number>();
  const free = new Set<number>();
  for (let slabClass = 1; slabClass <= classes.largest; slabClass++) {
    const record = geometry.classRecord(slabClass);
    for (const queue of [
      record + CLASS_WORD.small,
      record + CLASS_WORD.main,
      record + CLASS_WORD.tombstones,
      record + CLASS_WORD.temporary,
    ]) {
      let count = 0;
      let older = 0;
      for (let item = queues.oldest(queue); item !== 0; item = queues.newer(item)) {
        assert(!queued.has(item), 'an item is in one queue, once');
        queued.add(item);
        assert(linked.has(item), 'a queued item is in the index');
        assert(items.slabClass(item) === slabClass, 'an item is queued in its class');
        assert(parts.inventory.queueOf(items.kind(item)) === queue, 'an item is in the queue that it names');
        assert(queues.older(item) === older, 'the links of a queue agree');
        older = item;
        count++;
      }
      assert(queues.newest(queue) === older, 'a queue ends at its newest item');
      assert(queues.count(queue) === count, 'the count of a queue is right');
    }
    let freeCount = 0;
    let previous = 0;
    for (
      let chunk = control[record + CLASS_WORD.freeHead]!;
      chunk !== 0;
      chunk = memory.words[chunk >>> ARENA_SHIFT]![(chunk & UNIT_MASK) << 1]!
    ) {
      assert(!free.has(chunk), 'a chunk is free once');
      free.add(chunk);
      assert(items.kind(chunk) === (STATE.free | (slabClass << 8)), 'a free chunk says so');
      const back = memory.words[chunk >>> ARENA_SHIFT]![((chunk & UNIT_MASK) << 1) + HEADER.newer]!;
      assert(back === previous, 'the list of free chunks is linked both ways');
      previous = chunk;
      freeCount++;
    }
    assert(freeCount === control[record + CLASS_WORD.freeCount]!, 'the count of free chunks is right');
  }
  assert(queued.size === linked.size, 'every item is in a queue');

  // Pages: every chunk is accounted for.
  const pages = Atomics.load(control, CONTROL.pages);
  const pagesByClass = new Array<number>(classes.largest + 1).fill(0);
  const usedByClass = new Array<number>(classes.largest + 1).fill(0);
  let reserved = 0;
  let pagesInClasses = 0;
  for (let page = 0; page < geometry.pageRoom; page++) {
    const slabClass = slabs.pageClass(page);
    if (slabClass === 0) continue;
    pagesInClasses++;
    pagesByClass[slabClass]!++;
    const record = geometry.classRecord(slabClass);
    const unusedHead = control[record + CLASS_WORD.unusedHead]!;
    const unusedCount = control[record + CLASS_WORD.unusedCount]!;
    const units = classes.chunkBytes[slabClass]! / 8;
    const first = geometry.pageRef(page);
    const isLeaving = slabs.isLeaving(first, slabClass);
    const usedOnce = isLeaving ? control[CONTROL.moveEnd]! : classes.chunksPerPage[slabClass]!;
    let drained = classes.chunksPerPage[slabClass]! - usedOnce;
    for (let i = 0; i < usedOnce; i++) {
      const chunk = first + i * units;
      if (unusedCount > 0 && chunk >= unusedHead && chunk < unusedHead + unusedCount * units) continue;
      if (free.delete(chunk)) continue;
      const kind = items.kind(chunk);
      if ((kind & DRAINED) === DRAINED) {
        assert(isLeaving, 'only a page that leaves has drained chunks');
        drained++;
        continue;
      }
      usedByClass[slabClass]!++;
      assert(((kind >>> 8) & 0xff) === slabClass, 'a chunk is of the class of its page');
      if (linked.has(chunk)) {
        assert(
          (memory.words[chunk >>> ARENA_SHIFT]![((chunk & UNIT_MASK) << 1) + HEADER.length]! & LENGTH_MASK) >=
            0,
          'a length is a length',
        );
      } else if (!ownedParts.delete(chunk)) {
        reserved++;
      }
    }
    if (isLeaving) {
      assert(drained === control[record + CLASS_WORD.drainedChunks]!, 'the count of drained chunks is right');
    }
  }
  assert(free.size === 0, 'free chunks lie in pages of their class');
  assert(ownedParts.size === 0, 'continuations lie in pages');
  assert(reserved === reservedChunks, `${reserved} chunks are in nobody's hands, not ${reservedChunks}`);
  let firstPages = 0;
  for (let slabClass = 1; slabClass <= classes.largest; slabClass++) {
    const record = geometry.classRecord(slabClass);
    assert(pagesByClass[slabClass] === control[record + CLASS_WORD.pages]!, 'the count of pages is right');
    assert(usedByClass[slabClass] === control[record + CLASS_WORD.usedChunks]!, 'the used chunks are right');
    if (pagesByClass[slabClass]! > 0) firstPages++;
    pagesInClasses += control[record + CLASS_WORD.grantedPages]!;
  }
  assert(pages === pagesInClasses + control[CONTROL.poolPages]!, 'the count of pages held is right');
  assert(pages <= control[CONTROL.pagesLimit]! + firstPages, 'pages are within the limit, save first ones');

  const statistics = cacheStatistics(parts);
  assert(statistics.currItems === linked.size - tombstones, 'curr_items is right');
  assert(statistics.bytes === bytes, `bytes is right: ${statistics.bytes}, counted ${bytes}`);
  return { items: linked.size - tombstones, tombstones, reservedChunks: reserved, bytes };
}

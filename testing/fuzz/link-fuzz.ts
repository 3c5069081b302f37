import assert from 'node:assert/strict';
import { type Random, seededRandom } from '../../src/base/random.ts';
import { GREETING } from '../../src/replication/frames.ts';
import { LEGACY_LINE_BYTES_MAX } from '../../src/replication/legacy-receiver.ts';
import { FEATURE, type LinkSafety, UNGUARDED } from '../../src/replication/link-safety.ts';
import { FeedReader } from '../../src/store/change-feed.ts';
import { compressing, guardedBy } from '../replication/link-guards.ts';
import { LinkEnd } from '../replication/link-pair.ts';
import { VirtualTime } from '../replication/virtual-time.ts';
import { checkInvariants } from '../store-invariants.ts';
import { TestCache } from '../test-cache.ts';
import { legacyLines } from './legacy-lines.ts';
import { LinkFrames } from './link-frames.ts';
import { damaged, junk } from './mutations.ts';
import { anyStream, longestLine } from './session-fuzz.ts';

const MEMORY_BYTES_MAX = 8 * 1024 * 1024;
/** Feeding byte by byte offers the rest again with each byte, so it is for short streams. */
const BYTE_BY_BYTE_MAX = 3000;
const GUARDED = guardedBy('a secret that the fuzzer does not know');
const TREASURE = 'hidden in here';

type Cut = 'in one chunk' | 'byte by byte' | 'cut at random';

/** A stream as a peer may send it, from its greeting on: right, damaged, or no stream of ours at all. */
export function anyLinkStream(random: Random): Buffer {
  const kind = random.below(5);
  if (kind === 4) return random.below(2) === 0 ? anyStream(random) : junk(random, random.below(5000));
  const frames = new LinkFrames(random);
  // Who says that he knows a secret has to prove it.
  const hello = frames.hello(random.below(6) === 0 ? { features: FEATURE.secret } : {});
  const parts = [Buffer.from(GREETING, 'latin1'), hello];
  if (random.below(8) > 0) parts.push(frames.resume());
  for (let count = random.below(20); count > 0; count--) parts.push(frames.next());
  const bytes = Buffer.concat(parts);
  if (kind === 3) return damaged(bytes, random);
  // Behind a good beginning.
  return kind === 2 ? Buffer.concat([bytes, anyStream(random), junk(random, random.below(3000))]) : bytes;
}

/**
 * One case: a stream of frames, or of a repcached's lines, fed to new links over real stores, in one chunk, byte by byte and cut at random. Nothing may be thrown, what is there in the
 * end must not depend on the cut, no chunk of memory may be lost; and from a node with a secret nothing is to be had, nor is anything taken.
 *
 * @throws AssertionError, or whatever the link threw; the seed replays it
 */
export function fuzzLink(seed: number): void {
  const random = seededRandom(seed);
  const isLegacy = random.below(4) === 0;
  const lines = isLegacy ? legacyLines(random) : null;
  const bytes =
    lines === null ? anyLinkStream(random) : random.below(3) === 0 ? damaged(lines, random) : lines;
  const safety = isLegacy ? 'legacy' : [UNGUARDED, compressing(64), GUARDED][random.below(3)]!;
  // Only whom it has dialled is a node told by his first line to be a repcached.
  const isDialled = isLegacy || random.below(2) === 0;
  const isCompared = !isLegacy || longestLine(bytes) <= LEGACY_LINE_BYTES_MAX;
  const whole = outcomeOf(bytes, 'in one chunk', random, safety, isDialled);
  for (const cut of ['cut at random', 'byte by byte'] as const) {
    if (cut === 'byte by byte' && bytes.length > BYTE_BY_BYTE_MAX) continue;
    const other = outcomeOf(bytes, cut, random, safety, isDialled);
    if (isCompared) assert.deepEqual(other, whole, cut);
  }
}

function outcomeOf(
  bytes: Buffer,
  cut: Cut,
  random: Random,
  guard: LinkSafety | 'legacy',
  isDialled: boolean,
): readonly unknown[] {
  const view = new TestCache({ memoryBytesMax: MEMORY_BYTES_MAX, feedBytes: 65536, tombstonesMax: 100 });
  view.set('treasure', TREASURE);
  const { cache, shared } = view;
  const safety = guard === 'legacy' ? { ...UNGUARDED, legacy: cache } : guard;
  const target = isDialled ? 0 : -1;
  const end = new LinkEnd(
    new VirtualTime(),
    '0a'.repeat(16),
    target,
    cache,
    [new FeedReader(shared, 0)],
    safety,
  );
  if (isDialled) end.link.opened();
  let sent = end.connection.take();
  for (let at = 0; at < bytes.length && !end.connection.ended && !end.connection.destroyed; ) {
    const length = cut === 'in one chunk' ? bytes.length : cut === 'byte by byte' ? 1 : 1 + random.below(400);
    end.feeder.push(bytes.subarray(at, at + length));
    at += length;
    sent += end.connection.take();
  }
  end.link.pump(0);
  sent += end.connection.take();
  const { wasOpen } = end.link;
  end.closeWith(null);
  checkInvariants(shared);
  if (safety.secret !== null) {
    assert.ok(!wasOpen && !sent.includes(TREASURE));
    assert.deepEqual([[...view.scan()].length, cache.nodeSlot], [1, 0]);
  }
  const contents = [...view.scan()].map(([key, value]) => `${key} ${value}`).sort();
  // Acks are told once a call, and the end of a repcached's copy is not where a wrong line follows in the same call.
  const events = end.owner.events.filter((event) => !['acknowledged', 'synced'].includes(event));
  return [events, contents, cache.nodeSlot];
}

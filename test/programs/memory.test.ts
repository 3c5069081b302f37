import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../src/base/random.ts';
import { residentBytes, startNode } from '../../testing/servers.ts';
import { TextClient } from '../../testing/text-client.ts';

const MIB = 1024 * 1024;
const SEED = 4711;

/** The only value that a key ever has at a version: wrong or torn ones are recognised. */
function valueAt(key: number, version: number, bytes: number): string {
  return `${key}/${version}/`.repeat(Math.ceil(bytes / 6)).slice(0, bytes);
}

test('-m is kept when ten times as much is stored, and no value is wrong', async (t) => {
  const limit = 64 * MIB;
  const node = await startNode(['-m', '64', '-t', '2']);
  t.after(() => node.process.kill('SIGKILL'));
  const client = await TextClient.connect(node.port);
  const random = seededRandom(SEED);
  assert.equal(await client.set('first', 'x'), 'STORED');
  const before = residentBytes(node.process.pid);
  /** Sizes from 10 bytes to 1 MiB, so that each power of two gets about the same share of bytes. */
  const size = (): number => {
    const bits = 4 + random.below(17);
    return Math.min(1_040_000, (1 << bits) - random.below(1 << (bits - 1)));
  };
  const stored = new Map<number, { version: number; bytes: number }>();
  let bytesStored = 0;
  let version = 0;
  /** Lengths of what found no room: as in memcached, a class whose few chunks hold the ends of long values has none to give. */
  const refused: number[] = [];
  let hits = 0;
  let misses = 0;
  const replies: Promise<void>[] = [];
  const drain = async (): Promise<void> => {
    await Promise.all(replies.splice(0));
  };
  while (bytesStored < 10 * limit) {
    const bytes = size();
    // Small ones are sent in numbers, so that each size has its share of the memory.
    const count = Math.max(1, Math.min(400, Math.floor((256 * 1024) / bytes)));
    for (let i = 0; i < count; i++) {
      const key = random.below(40_000);
      const written = ++version;
      const value = valueAt(key, written, bytes);
      stored.set(key, { version, bytes });
      bytesStored += bytes;
      replies.push(
        client.set(`k${key}`, value).then((reply) => {
          if (reply === 'STORED') return;
          assert.equal(reply, 'SERVER_ERROR out of memory storing object', `seed ${SEED}`);
          // The old value goes with the refused one.
          if (stored.get(key)?.version === written) stored.delete(key);
          refused.push(bytes);
        }),
      );
    }
    await drain();
    for (let i = 0; i < 20; i++) {
      const key = random.below(40_000);
      const expected = stored.get(key);
      replies.push(
        client.get(`k${key}`).then((value) => {
          if (value === null) misses++;
          else {
            hits++;
            assert.ok(expected !== undefined, `seed ${SEED}: k${key} was never stored`);
            assert.equal(
              value === valueAt(key, expected.version, expected.bytes),
              true,
              `seed ${SEED}: k${key}`,
            );
          }
        }),
      );
    }
    await drain();
  }
  const grown = residentBytes(node.process.pid) - before;
  const stats = await client.stats();
  t.diagnostic(
    `${(grown / MIB).toFixed(1)} MiB more resident memory at -m 64; ${stats.get('curr_items')} items, ${stats.get('evictions')} evicted, ${hits} hits, ${misses} misses`,
  );
  assert.ok(grown < limit * 1.3 + 16 * MIB, `resident memory grew by ${(grown / MIB).toFixed(1)} MiB`);
  assert.ok(Number(stats.get('bytes')) <= limit);
  assert.ok(
    refused.length < version / 10_000 && refused.every((bytes) => bytes > 100_000),
    `refused: ${refused}`,
  );
  assert.ok(Number(stats.get('total_malloced') ?? 0) <= limit);
  assert.ok(Number(stats.get('evictions')) > 1000);
  assert.ok(hits > 1000 && misses > 100);
  client.close();
  assert.equal(await node.process.kill(), 0);
});

import { seededRandom } from '../src/base/random.ts';
import { withServer } from './comparison.ts';
import { MEMCACHED, type Server, startMemcached, startNode } from './servers.ts';
import { compared, row } from './table.ts';
import { TextClient } from './text-client.ts';
import { type Trace, valueBytesOf } from './traces.ts';

const MEMORY_MB = 64;
const SEED = 1;

/** Keys that are asked for at once; what of them is missing is stored before the next are. So the row of requests does not depend on time. */
const BATCH = 100;

/** The cache fills during the first part, which does not count. */
const WARM_SHARE = 1 / 3;

/** Hit ratios at equal `-m`, over the wire, as an application uses a cache: get, and store what was missing. */
export async function compareHitRatios(traces: readonly Trace[]): Promise<void> {
  if (traces.length === 0) return;
  const memcached = MEMCACHED;
  process.stdout.write(row([`hit ratios at -m ${MEMORY_MB}`, 'ours', 'memcached', 'ratio']));
  for (const trace of traces) {
    const run = (server: Server): Promise<number> => hitRatio(server, trace);
    const ours = await withServer(() => startNode(1, undefined, MEMORY_MB), run);
    const original =
      memcached === null
        ? null
        : await withServer(() => startMemcached(memcached, 1, undefined, MEMORY_MB), run);
    process.stdout.write(compared(trace.name, ours, original, 4));
  }
}

async function hitRatio(server: Server, trace: Trace): Promise<number> {
  const client = new TextClient(server.port);
  const next = trace.start(seededRandom(SEED));
  const payload = 'v'.repeat(1024);
  let gets = 0;
  let hits = 0;
  for (let done = 0; done < trace.accesses; done += BATCH) {
    const batch = Array.from({ length: BATCH }, next);
    const keyOf = (key: number): string => `key:${String(key).padStart(8, '0')}`;
    const found = await client.get(batch.map(keyOf));
    if (done >= trace.accesses * WARM_SHARE) {
      gets += BATCH;
      hits += found.length;
    }
    const present = new Set(found);
    const missing = new Set(batch.filter((key) => !present.has(keyOf(key))));
    await client.set(
      [...missing].map((key) => ({ key: keyOf(key), value: payload.slice(0, valueBytesOf(key)) })),
    );
  }
  client.close();
  return hits / gets;
}

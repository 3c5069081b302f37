import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EPOCH_COUNTS } from '../../testing/load/load-client.ts';
import { addTally, emptyTally, TALLIED } from '../../testing/load/load-tally.ts';
import type { LoadOrder, LoadWorkerReport } from '../../testing/load/load-worker.ts';
import type { Dialect } from '../../testing/load/operations.ts';
import { reportOf } from '../../testing/load/worker-report.ts';
import { startNode, TRANSPORTS } from '../../testing/servers.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const SEED = Number(process.env['SEED'] ?? 1 + Math.floor(Math.random() * 1e6));
/** Times as long as usual: LOAD_LENGTH=20 is some minutes. */
const LENGTH = Number(process.env['LOAD_LENGTH'] ?? 1);
/** Steps of each client, and MiB of memory that they fill. */
const SIZES = { reactor: { steps: 650, memory: 24 }, portable: { steps: 300, memory: 16 } } as const;

const WORKERS = 3;
const PROTOCOLS: readonly Dialect['name'][] = ['text', 'binary', 'meta', 'text', 'binary'];

function load(order: LoadOrder): Promise<LoadWorkerReport> {
  return reportOf('load-worker.js', order);
}

/** Holds that within each creation of a counter every number was given once, from 1 to the number of those given. */
function checkNumbers(name: string, numbers: readonly number[]): void {
  const epochs = new Map<number, Set<number>>();
  for (const number of numbers) {
    const epoch = Math.floor(number / EPOCH_COUNTS);
    const given = epochs.get(epoch) ?? new Set();
    epochs.set(epoch, given);
    const count = number % EPOCH_COUNTS;
    assert.ok(!given.has(count), `${name}: ${number} was given twice, so an update was lost`);
    given.add(count);
  }
  for (const [epoch, given] of epochs) {
    for (let count = 1; count <= given.size; count++)
      assert.ok(given.has(count), `${name}: ${count} of ${given.size} of creation ${epoch} was never given`);
  }
}

interface Census {
  readonly items: number;
  readonly bytes: number;
}

/** Items and their sizes by a list of them all. */
async function listed(port: number): Promise<Census> {
  const client = await TextClient.connect(port);
  client.raw('lru_crawler metadump all\r\n', () => {});
  const text = await client.rawUntil(/(^|\n)END\r\n$/);
  client.close();
  const sizes = [...text.matchAll(/^key=.* size=(\d+) /gm)].map(([, size]) => Number(size));
  return { items: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

/** Items and their sizes by `stats items`. */
async function byClass(admin: TextClient): Promise<Census> {
  let items = 0;
  let bytes = 0;
  for (const [name, value] of await admin.stats('items')) {
    if (name.endsWith(':number')) items += Number(value);
    else if (name.endsWith(':mem_requested')) bytes += Number(value);
  }
  return { items, bytes };
}

for (const transport of TRANSPORTS) {
  test(`${transport}: clients of four threads see whole values, lose no update, and are counted right`, async (t) => {
    t.diagnostic(`SEED=${SEED}`);
    // Few classes, so that each has several pages.
    const node = await startNode(['-t', '4', '-m', `${SIZES[transport].memory}`, '-f', '2'], transport);
    t.after(() => node.process.kill('SIGKILL'));
    const admin = await TextClient.connect(node.port);
    const before = await admin.stats();
    const running = Array.from({ length: WORKERS }, (_, i) =>
      load({
        port: node.port,
        seed: SEED + i * 1000,
        firstClient: 1 + i * PROTOCOLS.length,
        dialects: PROTOCOLS,
        steps: SIZES[transport].steps * LENGTH,
      }),
    );
    let isOver = false;
    const all = Promise.all(running).finally(() => {
      isOver = true;
    });
    // Pages move and items are crawled over meanwhile, more often than they would be by themselves.
    const upheaval = async (): Promise<void> => {
      for (let slabClass = 1; !isOver; slabClass = (slabClass % 12) + 1) {
        assert.match(await admin.ask(`slabs reassign -1 ${slabClass}`), /^(OK|BUSY|NOSPARE|SAME)/);
        assert.match(await admin.ask('lru_crawler crawl all'), /^(OK|BUSY)/);
        for (let i = 0; i < 20 && !isOver; i++) await admin.ask('version');
      }
    };
    const [reports] = await Promise.all([all, upheaval()]);

    assert.deepEqual(
      reports.flatMap(({ failures }) => failures),
      [],
      `SEED=${SEED}`,
    );
    checkNumbers(
      'incr',
      reports.flatMap(({ incr }) => incr),
    );
    checkNumbers(
      'decr',
      reports.flatMap(({ decr }) =>
        decr.map((number) => number - 2 * (number % EPOCH_COUNTS) + EPOCH_COUNTS - 1),
      ),
    );
    checkNumbers(
      'cas',
      reports.flatMap(({ exchanged }) => exchanged),
    );

    const after = await admin.stats();
    const grown = (name: string): number => Number(after.get(name)) - Number(before.get(name));
    const counts = emptyTally();
    for (const report of reports) addTally(counts, report.counts);
    assert.deepEqual(Object.fromEntries(TALLIED.map((name) => [name, grown(name)])), counts, `SEED=${SEED}`);
    assert.equal(
      grown('total_connections'),
      reports.reduce((sum, { connections }) => sum + connections, 0),
    );
    await until('all have left', async () => (await admin.stats()).get('curr_connections') === '1');

    // Items whose time is over may still be reclaimed.
    await until('the figures agree', async () => {
      const found = [await listed(node.port), await byClass(admin)];
      const stats = await admin.stats();
      const general = { items: Number(stats.get('curr_items')), bytes: Number(stats.get('bytes')) };
      assert.deepEqual(found, [general, general]);
      return general.items > 100;
    });

    console.log(
      [...(await admin.stats('slabs'))]
        .filter(([n]) => /chunk_size|total_pages|used_chunks/.test(n))
        .join(' '),
    );
    const requests = reports.reduce((sum, report) => sum + report.requests, 0);
    const figures = ['evictions', 'slabs_moved', 'slab_reassign_rescues', 'crawler_reclaimed', 'reclaimed'];
    t.diagnostic(
      `${transport}: ${requests} requests; ${figures.map((name) => `${name} ${grown(name)}`).join(', ')}`,
    );
    assert.ok(grown('evictions') > 20, 'memory was full');
    assert.ok(grown('slabs_moved') > 3, 'pages moved');
    for (const name of TALLIED) {
      const isRare = name === 'store_no_memory' || name === 'cas_misses';
      assert.ok(isRare || counts[name] > 0, `there was ${name}`);
    }
    admin.close();
    assert.equal(await node.process.kill(), 0);
  });
}

import { KEY_BYTES, type LoadPlan } from '../src/load/load-plan.ts';
import { withServer } from './comparison.ts';
import { SINGLE } from './load-plans.ts';
import { fill } from './measure.ts';
import { MEMCACHED, type Server, startMemcached, startNode } from './servers.ts';
import { compared, row } from './table.ts';
import { TextClient } from './text-client.ts';

/** Items stored before memory is first read, so that what a program needs once is not counted as the items'. */
const FIRST_ITEMS = 20_000;
const MORE_ITEMS = 500_000;
/** More than fit into SMALL_MB. */
const TOO_MANY_ITEMS = 1_000_000;
const SMALL_MB = 64;
const LARGE_MB = 1024;

/** Items are only stored, so as many as possible go with one turn of the server. */
const STORING: LoadPlan = { ...SINGLE, depth: 16 };

/** Memory of small items: what the process grows by for each, and how many it keeps at a given `-m`. */
export async function compareItemMemory(): Promise<void> {
  const memcached = MEMCACHED;
  const ours = (memoryMb: number) => (): Promise<Server> => startNode(1, undefined, memoryMb);
  const original =
    memcached === null
      ? null
      : (memoryMb: number) => (): Promise<Server> => startMemcached(memcached, 1, undefined, memoryMb);
  process.stdout.write(row(['', 'ours', 'memcached', 'ratio']));
  process.stdout.write(`item-memory, keys of ${KEY_BYTES} and values of ${STORING.valueBytes} bytes\n`);
  process.stdout.write(
    compared(
      '  bytes per item',
      await withServer(ours(LARGE_MB), bytesPerItem),
      original === null ? null : await withServer(original(LARGE_MB), bytesPerItem),
      1,
    ),
  );
  process.stdout.write(
    compared(
      `  items kept at -m ${SMALL_MB}`,
      await withServer(ours(SMALL_MB), itemsKept),
      original === null ? null : await withServer(original(SMALL_MB), itemsKept),
      0,
    ),
  );
}

/** Growth of resident memory for each item, the index included. */
async function bytesPerItem(server: Server): Promise<number> {
  await fill(server, { ...STORING, keys: FIRST_ITEMS });
  const before = server.residentBytes();
  await fill(server, { ...STORING, keys: FIRST_ITEMS + MORE_ITEMS });
  return (server.residentBytes() - before) / MORE_ITEMS;
}

async function itemsKept(server: Server): Promise<number> {
  await fill(server, { ...STORING, keys: TOO_MANY_ITEMS });
  const client = new TextClient(server.port);
  const items = Number((await client.statistics()).get('curr_items'));
  client.close();
  return items;
}

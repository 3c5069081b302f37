import { parentPort, workerData } from 'node:worker_threads';
import { seededRandom } from '../../src/base/random.ts';
import { LoadClient } from './load-client.ts';
import { addTally, emptyTally, type Tally } from './load-tally.ts';
import type { Dialect } from './operations.ts';

/** What a thread of the load is told. */
export interface LoadOrder {
  readonly port: number;
  readonly seed: number;
  /** The number of its first client; each has one of its own, from 1. */
  readonly firstClient: number;
  /** The protocol of each client. */
  readonly dialects: readonly Dialect['name'][];
  /** Of each client. */
  readonly steps: number;
}

/** What its clients have seen. */
export interface LoadWorkerReport {
  readonly counts: Tally;
  readonly requests: number;
  readonly connections: number;
  readonly incr: readonly number[];
  readonly decr: readonly number[];
  readonly exchanged: readonly number[];
  /** What was not as it must be; the client concerned has ended with it. */
  readonly failures: readonly string[];
}

async function run(order: LoadOrder): Promise<LoadWorkerReport> {
  const failures: string[] = [];
  const clients = await Promise.all(
    order.dialects.map((dialect, i) => {
      const number = order.firstClient + i;
      return LoadClient.start(order.port, number, seededRandom(order.seed + number), dialect);
    }),
  );
  await Promise.all(
    clients.map(async (client, i) => {
      try {
        for (let step = 0; step < order.steps && failures.length === 0; step++) await client.step();
      } catch (error) {
        failures.push(`client ${order.firstClient + i}, ${order.dialects[i]}: ${error}`);
      }
      await client.close();
    }),
  );
  const counts = emptyTally();
  for (const client of clients) addTally(counts, client.counts);
  return {
    counts,
    requests: clients.reduce((sum, { requests }) => sum + requests, 0),
    connections: clients.reduce((sum, { connections }) => sum + connections, 0),
    incr: clients.flatMap(({ counted }) => counted.incr),
    decr: clients.flatMap(({ counted }) => counted.decr),
    exchanged: clients.flatMap(({ exchanged }) => exchanged),
    failures,
  };
}

function isOrder(data: unknown): data is LoadOrder {
  return typeof data === 'object' && data !== null && 'port' in data && 'dialects' in data;
}

if (parentPort !== null && isOrder(workerData)) parentPort.postMessage(await run(workerData));

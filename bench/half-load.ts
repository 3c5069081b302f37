import { type Contestants, type Effort, printRounds, WARM_SECONDS } from './comparison.ts';
import { SINGLE } from './load-plans.ts';
import { type Measurement, type MeasureOptions, measure, median } from './measure.ts';
import type { Server } from './servers.ts';
import { LOAD_COLUMNS, row } from './table.ts';

/** Seconds of one round in which it is found out what both can take, and how many there are of each. */
const PROBE_SECONDS = 1;
const PROBE_ROUNDS = 2;

/** Before each window the load runs for so long. */
const SETTLE_SECONDS = 0.3;

/**
 * Latencies at half load: an open loop at half of the throughput that the slower of the two has in a closed one. Both get the same
 * absolute rate. Latency counts from the moment when a request was due, not when it was sent, so a pause of the server shows in
 * every request that it delays (what Gil Tene calls coordinated omission is avoided).
 *
 * Both servers run all the time and are loaded in turn, the first one of a round by turns, so that neither has the better moments of the machine; what counts
 * are the medians of many short windows.
 */
export async function compareHalfLoad(contestants: Contestants, effort: Effort): Promise<void> {
  const starts = [contestants.ours, ...(contestants.original === null ? [] : [contestants.original.start])];
  const servers: Server[] = [];
  try {
    for (const start of starts) servers.push(await start());
    await compare(contestants, servers, effort);
  } finally {
    for (const server of servers) await server.stop();
  }
}

async function compare(contestants: Contestants, servers: readonly Server[], effort: Effort): Promise<void> {
  const closed = { warmSeconds: WARM_SECONDS, seconds: PROBE_SECONDS };
  const probes = await rounds(servers, PROBE_ROUNDS, closed);
  const least = Math.min(...probes.map((some) => median(some.map((one) => one.requestsPerSecond))));
  const requestsPerSecond = Math.round(least / 2);
  const open = { warmSeconds: SETTLE_SECONDS, seconds: effort.seconds, requestsPerSecond };
  const [ours = [], original = []] = await rounds(servers, effort.rounds, open);
  process.stdout.write(row(LOAD_COLUMNS));
  printRounds(`half-load, ${requestsPerSecond} requests/s`, contestants, { ours, original });
  const reached = median([...ours, ...original].map((one) => one.requestsPerSecond));
  if (reached < requestsPerSecond * 0.98)
    process.stdout.write(
      `  the machine was too busy for the rate: ${Math.round(reached)} requests/s were reached; latencies are those of a queue\n`,
    );
}

/** @returns for each server what was measured of it, in the order of the rounds */
async function rounds(
  servers: readonly Server[],
  count: number,
  options: Omit<MeasureOptions, 'seed'>,
): Promise<Measurement[][]> {
  const measured = servers.map((): Measurement[] => []);
  for (let round = 0; round < count; round++) {
    const order = servers.map((server, index) => ({ server, index }));
    if (round % 2 === 1) order.reverse();
    for (const { server, index } of order)
      measured[index]!.push(await measure(server, SINGLE, { ...options, seed: round + 1 }));
  }
  return measured;
}

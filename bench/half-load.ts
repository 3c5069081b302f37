import { type Contestants, type Effort, inTurn, printRounds } from './comparison.ts';
import { SINGLE } from './load-plan.ts';
import { median } from './measure.ts';
import { LOAD_COLUMNS, row } from './table.ts';

/** Seconds of the one round that finds out what both can take. */
const PROBE_SECONDS = 1;

/**
 * Latencies at half load: an open loop at half of the throughput that the slower of the two has in a closed one. Both get the same
 * absolute rate. Latency counts from the moment when a request was due, not when it was sent, so a pause of the server shows in
 * every request that it delays (what Gil Tene calls coordinated omission is avoided).
 */
export async function compareHalfLoad(contestants: Contestants, effort: Effort): Promise<void> {
  const probe = await inTurn(contestants, SINGLE, { rounds: 1, seconds: PROBE_SECONDS });
  const throughputs = [...probe.ours, ...probe.original].map((one) => one.requestsPerSecond);
  const requestsPerSecond = Math.round(Math.min(...throughputs) / 2);
  const rounds = await inTurn(contestants, SINGLE, effort, { requestsPerSecond });
  process.stdout.write(row(LOAD_COLUMNS));
  printRounds(`half-load, ${requestsPerSecond} requests/s`, contestants, rounds);
  const worst = Math.min(...[...rounds.ours, ...rounds.original].map((one) => one.requestsPerSecond));
  if (worst < requestsPerSecond * 0.98) {
    const reached = Math.round(
      median([...rounds.ours, ...rounds.original].map((one) => one.requestsPerSecond)),
    );
    process.stdout.write(
      `  the machine was too busy for the rate: ${reached} requests/s were reached; latencies are those of a queue\n`,
    );
  }
}

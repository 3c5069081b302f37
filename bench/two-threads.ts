import { availableParallelism } from 'node:os';
import { type Contestants, type Effort, inTurn, type Rounds } from './comparison.ts';
import { SINGLE } from './load-plans.ts';
import { type Measurement, median } from './measure.ts';
import { MEMCACHED, startMemcached, startNode } from './servers.ts';
import { row } from './table.ts';

const THREADS = 2;

/** Where servers run, and how many load generators there are beside them. */
interface Place {
  readonly name: string;
  /** Cores of the server as taskset(1) has them; null: any. */
  readonly cores: string | null;
  readonly loadThreads: number;
}

/**
 * What a second thread brings. With four cores or more the server has two for itself. With fewer the load competes with the second thread, so the
 * throughput cannot double whatever the server does; then a second comparison holds both threads on ONE core: what is lost there against one
 * thread is what locks, hand-overs and switches cost.
 */
export async function compareTwoThreads(effort: Effort): Promise<void> {
  const cores = availableParallelism();
  const places: readonly Place[] =
    cores >= 4
      ? [{ name: 'threads-2, two cores', cores: '0,1', loadThreads: cores - 2 }]
      : [
          { name: 'threads-2, all cores', cores: null, loadThreads: 1 },
          { name: 'threads-2, one core', cores: '0', loadThreads: 1 },
        ];
  process.stdout.write(row(['', 't1 req/s', 't2 req/s', 't2 / t1', 't1 cpu us', 't2 cpu us', 't2 / t1']));
  for (const place of places) {
    const one = await inTurn(contestants(1, place), SINGLE, effort, { loadThreads: place.loadThreads });
    const two = await inTurn(contestants(THREADS, place), SINGLE, effort, { loadThreads: place.loadThreads });
    process.stdout.write(`${place.name}\n${scaling('  ours', one.ours, two.ours)}`);
    if (MEMCACHED === null) continue;
    process.stdout.write(scaling('  memcached', one.original, two.original));
    process.stdout.write(overOriginal(one, two));
  }
  if (cores < 4) {
    process.stdout.write(`  (${cores} cores: the load generator takes one of them from the second thread)\n`);
  }
}

function contestants(threads: number, { cores }: Place): Contestants {
  const memcached = MEMCACHED;
  return {
    ours: () => startNode(threads, cores),
    original:
      memcached === null
        ? null
        : { name: 'memcached', start: () => startMemcached(memcached, threads, cores) },
  };
}

function perSecond(all: readonly Measurement[]): number {
  return median(all.map((one) => one.requestsPerSecond));
}

function cpuMicros(all: readonly Measurement[]): number {
  return median(all.map((one) => one.cpuMicrosPerRequest));
}

function scaling(name: string, one: readonly Measurement[], two: readonly Measurement[]): string {
  return row([
    name,
    perSecond(one).toFixed(0),
    perSecond(two).toFixed(0),
    (perSecond(two) / perSecond(one)).toFixed(2),
    cpuMicros(one).toFixed(2),
    cpuMicros(two).toFixed(2),
    (cpuMicros(two) / cpuMicros(one)).toFixed(2),
  ]);
}

function overOriginal(one: Rounds, two: Rounds): string {
  const ratio = (of: (all: readonly Measurement[]) => number, rounds: Rounds): number =>
    of(rounds.ours) / of(rounds.original);
  const cells = [perSecond, cpuMicros].flatMap((of) => [
    ratio(of, one).toFixed(2),
    ratio(of, two).toFixed(2),
    (ratio(of, two) / ratio(of, one)).toFixed(2),
  ]);
  return row(['  ours / original', ...cells]);
}

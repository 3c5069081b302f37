import type { LoadPlan } from '../src/load/load-plan.ts';
import { type Measurement, type MeasureOptions, measure } from './measure.ts';
import type { Server } from './servers.ts';
import { figures, LOAD_COLUMNS, ratios, row } from './table.ts';

/**
 * A server of ours is compiled while it runs. On a busy machine, where it gets a fraction of a core, a second is not enough for that, and the compiler's time
 * would be counted as the requests'.
 */
export const WARM_SECONDS = 3;

/** How long and how often is measured. */
export interface Effort {
  readonly rounds: number;
  readonly seconds: number;
}

/** Two servers that are compared: ours and the original, null where it is not installed. */
export interface Contestants {
  readonly ours: () => Promise<Server>;
  readonly original: { readonly name: string; readonly start: () => Promise<Server> } | null;
}

/** Starts a server, has something done with it and stops it. */
export async function withServer<T>(
  start: () => Promise<Server>,
  use: (server: Server) => Promise<T>,
): Promise<T> {
  const server = await start();
  try {
    return await use(server);
  } finally {
    await server.stop();
  }
}

/** The rounds of two servers, in turn. */
export interface Rounds {
  readonly ours: readonly Measurement[];
  /** Empty where the original is not installed. */
  readonly original: readonly Measurement[];
}

/** Measures both in turn, a fresh server each time. */
export async function inTurn(
  contestants: Contestants,
  plan: LoadPlan,
  effort: Effort,
  options: Pick<MeasureOptions, 'requestsPerSecond' | 'loadThreads'> = {},
): Promise<Rounds> {
  const ours: Measurement[] = [];
  const original: Measurement[] = [];
  const one = (start: () => Promise<Server>, seed: number): Promise<Measurement> =>
    withServer(start, (server) =>
      measure(server, plan, { ...options, warmSeconds: WARM_SECONDS, seconds: effort.seconds, seed }),
    );
  for (let round = 0; round < effort.rounds; round++) {
    ours.push(await one(contestants.ours, round));
    if (contestants.original !== null) original.push(await one(contestants.original.start, round));
  }
  return { ours, original };
}

/**
 * Measures several servers under several loads, and prints each and its ratios over the first. All run at the same time and are loaded in turn, so that
 * many short rounds can be had of each.
 */
export async function compareVariants(
  variants: readonly { readonly name: string; readonly start: () => Promise<Server> }[],
  plans: readonly LoadPlan[],
  effort: Effort,
): Promise<void> {
  process.stdout.write(row(LOAD_COLUMNS));
  for (const plan of plans) {
    const servers: Server[] = [];
    const rounds = variants.map((): Measurement[] => []);
    try {
      for (const { start } of variants) servers.push(await start());
      // The first round of each is for its compiler.
      for (let round = -1; round < effort.rounds; round++)
        for (const [index, server] of servers.entries()) {
          const options = { warmSeconds: WARM_SECONDS / 4, seconds: effort.seconds, seed: round + 1 };
          const one = await measure(server, plan, options);
          if (round >= 0) rounds[index]!.push(one);
        }
    } finally {
      for (const server of servers) await server.stop();
    }
    const [first = []] = rounds;
    process.stdout.write(`${plan.name}\n`);
    for (const [index, { name }] of variants.entries()) {
      process.stdout.write(figures(`  ${name}`, rounds[index]!));
      if (index > 0) process.stdout.write(ratios(`    / ${variants[0]!.name}`, rounds[index]!, first));
    }
  }
}

/** Prints rounds: medians of each server, and the ratio. */
export function printRounds(name: string, contestants: Contestants, { ours, original }: Rounds): void {
  process.stdout.write(`${name}\n${figures('  ours', ours)}`);
  if (contestants.original === null) return;
  process.stdout.write(figures(`  ${contestants.original.name}`, original));
  process.stdout.write(ratios('  ours / original', ours, original));
}

/** Compares two servers under several loads in a closed loop. A load that one of them cannot take is named, and the others go on. */
export async function compareLoads(
  contestants: Contestants,
  plans: readonly LoadPlan[],
  effort: Effort,
): Promise<void> {
  if (plans.length === 0) return;
  process.stdout.write(row(LOAD_COLUMNS));
  for (const plan of plans) {
    try {
      printRounds(plan.name, contestants, await inTurn(contestants, plan, effort));
    } catch (error) {
      process.stdout.write(
        `${plan.name}\n  not measured: ${error instanceof Error ? error.message : String(error)}\n`,
      );
    }
  }
}

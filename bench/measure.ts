import type { LoadPlan } from '../src/load/load-plan.ts';
import { type LoadOptions, type LoadOutcome, measureLoad, storeKeys } from '../src/load/measure.ts';
import type { SocketAddress } from '../src/net/loop.ts';
import type { Server } from './servers.ts';

/** One server under one load. */
export interface Measurement extends LoadOutcome {
  readonly cpuMicrosPerRequest: number;
}

export type MeasureOptions = Pick<
  LoadOptions,
  'warmSeconds' | 'seconds' | 'seed' | 'requestsPerSecond' | 'loadThreads'
>;

/** See `measureLoad`; with the processor time that the server takes meanwhile. */
export async function measure(server: Server, plan: LoadPlan, options: MeasureOptions): Promise<Measurement> {
  let cpuMicros = 0;
  const onBegun = (): void => {
    cpuMicros -= server.cpuMicros();
  };
  const onMeasured = (): void => {
    cpuMicros += server.cpuMicros();
  };
  const outcome = await measureLoad(addressOf(server), plan, { ...options, onBegun, onMeasured });
  return { ...outcome, cpuMicrosPerRequest: cpuMicros / outcome.requests };
}

/** Stores all keys of a plan. */
export function fill(server: Server, plan: LoadPlan): Promise<void> {
  return storeKeys(addressOf(server), plan);
}

function addressOf({ port }: Server): SocketAddress {
  return { family: 'ipv4', host: '127.0.0.1', port };
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

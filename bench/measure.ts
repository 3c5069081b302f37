import { type DataThreads, startDataThreads } from '../src/net/data-threads.ts';
import {
  type FromLoadThread,
  isFromLoadThread,
  type LoadFigures,
  type LoadPlan,
  type LoadThreadData,
} from './load-plan.ts';
import type { Server } from './servers.ts';

/** One server under one load. */
export interface Measurement {
  readonly requestsPerSecond: number;
  readonly cpuMicrosPerRequest: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
  readonly p999Micros: number;
}

export interface MeasureOptions {
  /** The load runs so long before the window, so that caches and compilers have settled. */
  readonly warmSeconds: number;
  readonly seconds: number;
  readonly seed: number;
  /** For an open loop; a closed one unless given. */
  readonly requestsPerSecond?: number;
  /** Load generators, each with the plan's connections; 1 unless given. */
  readonly loadThreads?: number;
}

/**
 * Loads a server for a while and measures. With several load threads their requests are added up, and the worst thread's latencies count.
 *
 * @throws Error when a reply was wrong or a connection lost: figures of a broken server mean nothing
 */
export function measure(server: Server, plan: LoadPlan, options: MeasureOptions): Promise<Measurement> {
  const { warmSeconds, seconds, loadThreads = 1 } = options;
  let cpuAtStart = 0;
  let running = 0;
  let begun = 0;
  const figures: LoadFigures[] = [];
  return underLoad(server, plan, options, (message, threads, resolve) => {
    if (message.kind === 'running' && ++running === loadThreads) {
      setTimeout(() => {
        for (let i = 0; i < loadThreads; i++) threads.send(i, { kind: 'measure', seconds });
      }, warmSeconds * 1000);
    } else if (message.kind === 'begun' && ++begun === 1) {
      cpuAtStart = server.cpuMicros();
    } else if (message.kind === 'figures' && figures.push(message) === loadThreads) {
      const cpuMicros = server.cpuMicros() - cpuAtStart;
      const requests = figures.reduce((sum, one) => sum + one.requests, 0);
      resolve({
        requestsPerSecond: figures.reduce((sum, one) => sum + one.requests / one.seconds, 0),
        cpuMicrosPerRequest: cpuMicros / requests,
        p50Micros: Math.max(...figures.map((one) => one.p50Micros)),
        p99Micros: Math.max(...figures.map((one) => one.p99Micros)),
        p999Micros: Math.max(...figures.map((one) => one.p999Micros)),
      });
    }
  });
}

/** Stores all keys of a plan. */
export function fill(server: Server, plan: LoadPlan): Promise<void> {
  return underLoad(server, plan, { seed: 0 }, (message, _threads, resolve) => {
    if (message.kind === 'running') resolve();
  });
}

/** Runs load threads until `onMessage` resolves, and ends them. */
function underLoad<T>(
  server: Server,
  plan: LoadPlan,
  options: Pick<MeasureOptions, 'seed' | 'requestsPerSecond' | 'loadThreads'>,
  onMessage: (message: FromLoadThread, threads: DataThreads, resolve: (outcome: T) => void) => void,
): Promise<T> {
  const { seed, requestsPerSecond = null, loadThreads = 1 } = options;
  const data: LoadThreadData = { plan, host: '127.0.0.1', port: server.port, seed, requestsPerSecond };
  return new Promise((resolve, reject) => {
    const finish = (outcome: () => void): void => {
      for (let i = 0; i < loadThreads; i++) threads.send(i, { kind: 'stop' });
      void threads.stop().then(outcome);
    };
    const threads = startDataThreads({
      entry: new URL('./load-thread.js', import.meta.url),
      threads: loadThreads,
      transport: 'auto',
      data,
      onMessage: (message) => {
        if (!isFromLoadThread(message)) return;
        if (message.kind === 'wrong') finish(() => reject(new Error(message.message)));
        else onMessage(message, threads, (outcome) => finish(() => resolve(outcome)));
      },
      onFailure: (error) => reject(error),
    });
  });
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Loads a server for a while, from threads of its own, and measures what it answers. */
import { type DataThreads, startDataThreads, type TransportName } from '../net/data-threads.ts';
import type { SocketAddress } from '../net/loop.ts';
import {
  type FromLoadThread,
  isFromLoadThread,
  type LoadFigures,
  type LoadPlan,
  type LoadThreadData,
} from './load-plan.ts';

const SILENCE_MS_MAX = 10_000;

/** What a server did under a load. */
export interface LoadOutcome {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
  readonly p999Micros: number;
}

export interface LoadOptions {
  /** The load runs so long before the window, so that caches and compilers have settled. */
  readonly warmSeconds: number;
  readonly seconds: number;
  readonly seed: number;
  /** For an open loop; a closed one unless given. */
  readonly requestsPerSecond?: number;
  /** Load generators, each with the plan's connections; 1 unless given. */
  readonly loadThreads?: number;
  readonly transport?: TransportName;
  /** A server that answers nobody for so long is given up; 10 s unless given. */
  readonly silenceMsMax?: number;
  /** All keys are stored, and the load runs. */
  readonly onRunning?: () => void;
  /** The window begins: the time to read what is to be read at its start. */
  readonly onBegun?: () => void;
  /** The window has ended, and the load still runs. */
  readonly onMeasured?: () => void;
}

/**
 * Loads a server for a while and measures. With several load threads their requests are added up, and the worst thread's latencies count.
 *
 * @throws Error when a reply was wrong or a connection lost: figures of a broken server mean nothing
 */
export function measureLoad(
  server: SocketAddress,
  plan: LoadPlan,
  options: LoadOptions,
): Promise<LoadOutcome> {
  const { warmSeconds, seconds, loadThreads = 1 } = options;
  let running = 0;
  let begun = 0;
  const figures: LoadFigures[] = [];
  return underLoad(server, plan, options, (message, threads, resolve) => {
    if (message.kind === 'running' && ++running === loadThreads) {
      options.onRunning?.();
      setTimeout(() => {
        for (let i = 0; i < loadThreads; i++) threads.send(i, { kind: 'measure', seconds });
      }, warmSeconds * 1000);
    } else if (message.kind === 'begun' && ++begun === 1) {
      options.onBegun?.();
    } else if (message.kind === 'figures' && figures.push(message) === loadThreads) {
      options.onMeasured?.();
      resolve({
        requests: figures.reduce((sum, one) => sum + one.requests, 0),
        requestsPerSecond: figures.reduce((sum, one) => sum + one.requests / one.seconds, 0),
        p50Micros: Math.max(...figures.map((one) => one.p50Micros)),
        p99Micros: Math.max(...figures.map((one) => one.p99Micros)),
        p999Micros: Math.max(...figures.map((one) => one.p999Micros)),
      });
    }
  });
}

/** Stores all keys of a plan. */
export function storeKeys(server: SocketAddress, plan: LoadPlan): Promise<void> {
  return underLoad(server, plan, { seed: 0 }, (message, _threads, resolve) => {
    if (message.kind === 'running') resolve();
  });
}

/** Runs load threads until `onMessage` resolves, and ends them. */
function underLoad<T>(
  server: SocketAddress,
  plan: LoadPlan,
  options: Pick<LoadOptions, 'seed' | 'requestsPerSecond' | 'loadThreads' | 'transport' | 'silenceMsMax'>,
  onMessage: (message: FromLoadThread, threads: DataThreads, resolve: (outcome: T) => void) => void,
): Promise<T> {
  const { seed, requestsPerSecond = null, loadThreads = 1, transport = 'auto' } = options;
  const { silenceMsMax = SILENCE_MS_MAX } = options;
  const data: LoadThreadData = { plan, server, seed, requestsPerSecond, silenceMsMax };
  return new Promise((resolve, reject) => {
    const finish = (outcome: () => void): void => {
      for (let i = 0; i < loadThreads; i++) threads.send(i, { kind: 'stop' });
      void threads.stop().then(outcome);
    };
    const threads = startDataThreads({
      entry: new URL('./load-thread.js', import.meta.url),
      threads: loadThreads,
      transport,
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

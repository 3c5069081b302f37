import { startDataThreads } from '../src/net/data-threads.ts';
import { isFromLoadThread, type LoadPlan, type LoadThreadData } from './load-plan.ts';
import type { Server } from './servers.ts';

/** One server under one load. */
export interface Measurement {
  readonly requestsPerSecond: number;
  readonly cpuMicrosPerRequest: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
  readonly p999Micros: number;
}

/**
 * Loads a server for a while and measures.
 *
 * @param warmSeconds the load runs so long before the window, so that caches and compilers have settled
 * @throws Error when a reply was wrong or a connection lost: figures of a broken server mean nothing
 */
export async function measure(
  server: Server,
  plan: LoadPlan,
  warmSeconds: number,
  seconds: number,
  seed: number,
): Promise<Measurement> {
  const data: LoadThreadData = { plan, host: '127.0.0.1', port: server.port, seed };
  let cpuAtStart = 0;
  return new Promise((resolve, reject) => {
    const finish = (outcome: () => void): void => {
      void threads.stop().then(outcome);
    };
    const threads = startDataThreads({
      entry: new URL('./load-thread.js', import.meta.url),
      threads: 1,
      transport: 'auto',
      data,
      onMessage: (message) => {
        if (!isFromLoadThread(message)) return;
        if (message.kind === 'running') {
          setTimeout(() => threads.send(0, { kind: 'measure', seconds }), warmSeconds * 1000);
        } else if (message.kind === 'begun') {
          cpuAtStart = server.cpuMicros();
        } else if (message.kind === 'figures') {
          const cpuMicros = server.cpuMicros() - cpuAtStart;
          threads.send(0, { kind: 'stop' });
          const { requests } = message;
          finish(() =>
            resolve({
              requestsPerSecond: requests / message.seconds,
              cpuMicrosPerRequest: cpuMicros / requests,
              p50Micros: message.p50Micros,
              p99Micros: message.p99Micros,
              p999Micros: message.p999Micros,
            }),
          );
        } else {
          threads.send(0, { kind: 'stop' });
          finish(() => reject(new Error(`${plan.name}: ${message.message}`)));
        }
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

/** Nodes without clients: a cache and its replication on data threads of this process, told what to do by messages. */
import { type DataThreads, startDataThreads } from '../../src/net/data-threads.ts';
import type { SocketAddress } from '../../src/net/loop.ts';
import { createSharedCache, type SharedCache } from '../../src/store/cache.ts';
import { cacheOptions } from '../test-cache.ts';
import { until } from '../wait.ts';

export interface ReplicationThreadData {
  readonly kind: 'replication';
  readonly shared: SharedCache;
  readonly listen: readonly SocketAddress[];
  readonly peers: readonly SocketAddress[];
}

export interface ReplicationCommand {
  readonly kind: 'set' | 'get' | 'statistics' | 'stop';
  readonly key: string;
  readonly value: string;
}

function kindOf(message: unknown): unknown {
  return typeof message === 'object' && message !== null && 'kind' in message ? message.kind : undefined;
}

/** Both ends are in this folder: the kind tells the rest. */
export function isReplicationThreadData(data: unknown): data is ReplicationThreadData {
  return kindOf(data) === 'replication';
}

export function isReplicationCommand(message: unknown): message is ReplicationCommand {
  return ['set', 'get', 'statistics', 'stop'].some((kind) => kind === kindOf(message));
}

function isReport(message: unknown): message is { readonly kind: string; readonly text: string | null } {
  return typeof kindOf(message) === 'string';
}

export class ReplicationHost {
  readonly #threads: DataThreads;
  /** The last report of each kind. */
  readonly reports: Map<string, string | null> = new Map();

  constructor(listen: readonly SocketAddress[], peers: readonly SocketAddress[], threads = 1) {
    const options = { threads, feedBytes: 1 << 20, tombstonesMax: 1000, ioBytesPerThread: 512 * 1024 };
    const data: ReplicationThreadData = {
      kind: 'replication',
      shared: createSharedCache(cacheOptions(options)),
      listen,
      peers,
    };
    this.#threads = startDataThreads({
      entry: new URL('./replication-thread.js', import.meta.url),
      threads,
      transport: 'reactor',
      data,
      onMessage: (message) => {
        if (isReport(message)) this.reports.set(message.kind, message.text);
      },
      onFailure: (error) => {
        throw error;
      },
    });
  }

  send(kind: ReplicationCommand['kind'], key = '', value = '', thread = 0): void {
    this.#threads.send(thread, { kind, key, value });
  }

  /** Asks (`get` or `statistics`) until the answer is as wanted. */
  async answers(kind: 'get' | 'statistics', key: string, isWanted: (text: string) => boolean): Promise<void> {
    const report = kind === 'get' ? 'value' : kind;
    this.reports.delete(report);
    await until(`${kind} ${key}`, () => {
      this.send(kind, key);
      const text = this.reports.get(report);
      return typeof text === 'string' && isWanted(text);
    });
  }

  /** Waits for a report. @returns its text */
  async report(kind: string): Promise<string | null> {
    await until(kind, () => this.reports.has(kind));
    return this.reports.get(kind) ?? null;
  }

  stop(): Promise<void> {
    return this.#threads.stop();
  }
}

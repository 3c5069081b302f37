import type { SocketAddress } from '../net/loop.ts';
import type { ProxyOptions } from './options.ts';

/** What each data thread of a proxy is started with. */
export interface ProxyThreadData {
  readonly options: ProxyOptions;
  /** Where the servers are, mains first; null for a name that could not be looked up. */
  readonly servers: readonly (SocketAddress | null)[];
  /** Where thread 0 listens. */
  readonly listen: readonly SocketAddress[];
  /** One Int32: clients of all threads. */
  readonly clients: SharedArrayBuffer;
  /** What all threads know of the servers; see ServerRecords. */
  readonly records: SharedArrayBuffer;
}

/** From a data thread to the main thread. */
export type ThreadReport =
  /** Thread 0: the addresses are bound; those that are TCP have these ports. */
  | { readonly kind: 'bound'; readonly ports: readonly number[] }
  /** Thread 0: an address cannot be used. */
  | { readonly kind: 'failed'; readonly message: string }
  /** Each server is known to be up or down, or was waited for long enough. */
  | { readonly kind: 'ready' }
  /** Thread 0 accepts clients. */
  | { readonly kind: 'open' }
  /** After `drain`: no request is unanswered any more, or it was waited for long enough. */
  | { readonly kind: 'drained' }
  | { readonly kind: 'log'; readonly line: string };

/** From the main thread to a data thread. */
export type ThreadOrder = 'open' | 'drain';

const REPORT_KINDS: ReadonlySet<unknown> = new Set(['bound', 'failed', 'ready', 'open', 'drained', 'log']);

/** Whether a message of a data thread is a report. They come from our own code, so their kind is check enough. */
export function isThreadReport(message: unknown): message is ThreadReport {
  return (
    typeof message === 'object' && message !== null && 'kind' in message && REPORT_KINDS.has(message.kind)
  );
}

/** Whether a thread was started by this room. */
export function isProxyThreadData(data: unknown): data is ProxyThreadData {
  return (
    typeof data === 'object' && data !== null && 'options' in data && 'servers' in data && 'clients' in data
  );
}

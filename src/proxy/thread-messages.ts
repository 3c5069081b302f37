import type { SocketAddress } from '../net/loop.ts';
import type { ProxyOptions, ProxyPool } from './options.ts';

/** A pool as the data threads get it: with what the main thread has found out. */
export interface ThreadPool {
  readonly pool: ProxyPool;
  /** Its place among all the pools that there have been; its clients' service number follows from it. */
  readonly serial: number;
  /** Where its servers are; null for a name that could not be looked up. */
  readonly servers: readonly (SocketAddress | null)[];
  /** Where thread 0 listens for it. */
  readonly listen: readonly SocketAddress[];
  /** What all threads know of the servers; see ServerRecords. */
  readonly records: SharedArrayBuffer;
  /** What all threads count of hot keys; see HotKeyFigures. */
  readonly hotKeyFigures: SharedArrayBuffer;
}

/** What each data thread of a proxy is started with. */
export interface ProxyThreadData {
  readonly options: ProxyOptions;
  readonly pools: readonly ThreadPool[];
  /** One Int32: clients of all threads. */
  readonly clients: SharedArrayBuffer;
  /** What all threads know of writes, of all pools; see WriteGenerations. */
  readonly generations: SharedArrayBuffer;
  /** See ConfigurationRecord. */
  readonly configuration: SharedArrayBuffer;
}

/** What a thread tells of one server of a pool. */
export interface ServerFigures {
  readonly ends: number;
  readonly errors: number;
  readonly timedOut: number;
  readonly connections: number;
  /** Microseconds since 1970; 0: never. */
  readonly ejectedAtUs: number;
  readonly requests: number;
  readonly requestBytes: number;
  readonly responses: number;
  readonly responseBytes: number;
  readonly waiting: number;
  readonly waitingBytes: number;
}

export interface PoolFigures {
  readonly clientEnds: number;
  readonly clientErrors: number;
  readonly clients: number;
  readonly ejections: number;
  readonly failures: number;
  /** Of routes for hot keys, of all threads together; empty without such. */
  readonly hotKeys: readonly (readonly [name: string, count: number])[];
  readonly servers: readonly ServerFigures[];
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
  /** Thread 0, after `prepare`. @param failure null, or which address cannot be listened on */
  | { readonly kind: 'prepared'; readonly failure: string | null }
  /** After `reload`: the pools are those that were given. @param ports see 'bound' */
  | { readonly kind: 'reloaded'; readonly ports: readonly number[] }
  /** After `figures`, by pool. */
  | { readonly kind: 'figures'; readonly pools: readonly PoolFigures[]; readonly accepted: number }
  /** A server that has a name is being dialled: it may have another address by now. */
  | { readonly kind: 'name-dialled' }
  /** It wants to know what the other threads say to `stats`. */
  | ({ readonly kind: 'gather' } & GatheredQuestion)
  /** After `tell`: for the thread that has asked. */
  | { readonly kind: 'told'; readonly question: number; readonly asker: number; readonly text: string }
  | { readonly kind: 'log'; readonly line: string };

/** From the main thread to a data thread. */
export type ThreadOrder =
  | { readonly kind: 'open' | 'drain' | 'figures' }
  /** To thread 0, before `reload` to any: whatever can fail of that. Nothing changes yet. */
  | { readonly kind: 'prepare'; readonly pools: readonly ThreadPool[] }
  | { readonly kind: 'reload'; readonly pools: readonly ThreadPool[] }
  /** Another thread, `asker`, wants to know this. */
  | ({ readonly kind: 'tell'; readonly asker: number } & GatheredQuestion)
  /** What another one says to what this one wanted to know. */
  | { readonly kind: 'told'; readonly question: number; readonly text: string };

/** What one thread asks of the others. */
export interface GatheredQuestion {
  /** Its number, of the thread that asks. */
  readonly question: number;
  /** Which pool is meant, and what of its statistics. */
  readonly serial: number;
  readonly subject: string;
}

const REPORT_KINDS: ReadonlySet<unknown> = new Set([
  'bound',
  'failed',
  'ready',
  'open',
  'drained',
  'prepared',
  'reloaded',
  'figures',
  'name-dialled',
  'gather',
  'told',
  'log',
]);
const ORDER_KINDS: ReadonlySet<unknown> = new Set([
  'open',
  'drain',
  'figures',
  'prepare',
  'reload',
  'tell',
  'told',
]);

function hasKind(message: unknown, kinds: ReadonlySet<unknown>): boolean {
  return typeof message === 'object' && message !== null && 'kind' in message && kinds.has(message.kind);
}

/** Whether a message of a data thread is a report. They come from our own code, so their kind is check enough. */
export function isThreadReport(message: unknown): message is ThreadReport {
  return hasKind(message, REPORT_KINDS);
}

/** Whether a message of the main thread is an order. */
export function isThreadOrder(message: unknown): message is ThreadOrder {
  return hasKind(message, ORDER_KINDS);
}

/** Whether a thread was started by this room. */
export function isProxyThreadData(data: unknown): data is ProxyThreadData {
  return (
    typeof data === 'object' && data !== null && 'options' in data && 'pools' in data && 'clients' in data
  );
}

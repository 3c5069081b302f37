import type { SocketAddress } from '../net/loop.ts';

/** One kind of load: what the clients send. Keys all have one length and values one size, so that every reply's length is known. */
export interface LoadPlan {
  readonly name: string;
  readonly protocol: 'text' | 'meta' | 'binary';
  readonly connections: number;
  /** Requests that each connection keeps in flight. */
  readonly depth: number;
  readonly keys: number;
  readonly valueBytes: number;
  /** Share of gets among the requests, 0 to 1; the others are sets. */
  readonly getShare: number;
  /** Keys of one get. */
  readonly keysPerGet: number;
  /** How much more often the first keys are asked for than the last ones: the exponent of Zipf's law; 0 or not given: all alike. */
  readonly zipf?: number;
  /** Seconds after which what was stored is gone; 0 or not given: it stays. */
  readonly exptimeSeconds?: number;
}

/** Bytes of every key: `load:` and seven digits. */
export const KEY_BYTES = 12;
export const KEYS_MAX = 10_000_000;

/** The largest value that every memcached takes, with room for the header of its item. */
export const VALUE_BYTES_MAX: number = 1024 * 1024 - 512;

/** Main thread to load thread. */
export type ToLoadThread = { readonly kind: 'measure'; readonly seconds: number } | { readonly kind: 'stop' };

/** What came out of one measured window. */
export interface LoadFigures {
  readonly kind: 'figures';
  readonly requests: number;
  readonly seconds: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
  readonly p999Micros: number;
}

/** Load thread to main thread. */
export type FromLoadThread =
  /** All keys are stored and the load is running. */
  | { readonly kind: 'running' }
  /** The window begins: read the server's CPU time now. */
  | { readonly kind: 'begun' }
  | LoadFigures
  /** A reply was not the expected one, or a connection was lost. */
  | { readonly kind: 'wrong'; readonly message: string };

/** What a load thread is started with. */
export interface LoadThreadData {
  readonly plan: LoadPlan;
  readonly server: SocketAddress;
  readonly seed: number;
  /** Requests are sent at this rate, whatever the server does (an open loop); null: as replies arrive (a closed loop). */
  readonly requestsPerSecond: number | null;
  /** A server that answers nobody for so long is given up. */
  readonly silenceMsMax: number;
}

function kindOf(message: unknown): unknown {
  return typeof message === 'object' && message !== null && 'kind' in message ? message.kind : undefined;
}

export function isToLoadThread(message: unknown): message is ToLoadThread {
  return ['measure', 'stop'].includes(String(kindOf(message)));
}

export function isFromLoadThread(message: unknown): message is FromLoadThread {
  return ['running', 'begun', 'figures', 'wrong'].includes(String(kindOf(message)));
}

export function isLoadThreadData(data: unknown): data is LoadThreadData {
  return typeof data === 'object' && data !== null && 'plan' in data && 'server' in data;
}

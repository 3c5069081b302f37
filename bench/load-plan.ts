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
}

/** One request in flight per connection: what most clients do, and where the kernel's part is largest. */
export const SINGLE: LoadPlan = {
  name: 'single',
  protocol: 'text',
  connections: 50,
  depth: 1,
  keys: 10_000,
  valueBytes: 100,
  getShare: 0.9,
  keysPerGet: 1,
};

/** The loads that are measured in a closed loop, each against the original in the same run. */
export const LOAD_PLANS: readonly LoadPlan[] = [
  SINGLE,
  { ...SINGLE, name: 'meta-single', protocol: 'meta' },
  { ...SINGLE, name: 'binary-single', protocol: 'binary' },
  { ...SINGLE, name: 'in-flight-16', depth: 16 },
  { ...SINGLE, name: 'multi-get-100', connections: 10, getShare: 1, keysPerGet: 100 },
  { ...SINGLE, name: 'value-1k', valueBytes: 1024 },
  { ...SINGLE, name: 'set-1k', valueBytes: 1024, getShare: 0 },
  { ...SINGLE, name: 'value-100k', connections: 10, keys: 200, valueBytes: 102_400 },
];

/** What a proxy is for: far more clients than any server has to see. */
export const PROXY_PLANS: readonly LoadPlan[] = [{ ...SINGLE, name: 'clients-10k', connections: 10_000 }];

/** Everybody wants the same key; some keys are wanted more than others, as on most sites; and, to see what it costs where that is not so, all alike. */
export const HOT_KEY_PLANS: readonly LoadPlan[] = [
  { ...SINGLE, name: 'hot-key-one', keys: 1, getShare: 0.99 },
  { ...SINGLE, name: 'hot-key-10k', keys: 1, getShare: 0.99, valueBytes: 10_240 },
  { ...SINGLE, name: 'hot-key-zipf', zipf: 0.99 },
  { ...SINGLE, name: 'hot-key-none' },
];

/** Bytes of every key: `key:` and eight digits. */
export const KEY_BYTES = 12;

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
  readonly host: string;
  readonly port: number;
  readonly seed: number;
  /** Requests are sent at this rate, whatever the server does (an open loop); null: as replies arrive (a closed loop). */
  readonly requestsPerSecond: number | null;
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
  return typeof data === 'object' && data !== null && 'plan' in data && 'port' in data;
}

import type { ProxyServer, ProxyStats } from '../checks/cluster-status.ts';

/** Threads that are remembered; a proxy has at most 64. */
const THREADS_MAX = 64;

/** Over how many readings of one thread percentiles are taken: ten seconds with one thread. */
const WINDOW_READINGS = 10;

/** A thread that was not met for so long is forgotten: there are fewer of them since a reload. */
const THREAD_FORGOTTEN_MS = 300_000;

const HOT_KEY_NAME = /^(?:near_cache|coalesce)_/;

/** Largest latency in microseconds by bucket, and how many answers took that long. */
type Buckets = ReadonlyMap<number, number>;

/** What one thread has said. */
interface ThreadReading {
  readonly atMs: number;
  readonly requests: number;
  readonly open: number;
  readonly failures: number;
  readonly ejections: number | null;
  readonly carried: number | null;
  readonly notCarried: number;
  readonly oldUnreached: number;
  readonly requestsPerSecond: number | null;
  readonly failuresPerSecond: number | null;
  /** These are of all threads, whoever tells them. */
  readonly hotKeys: ProxyStats['hotKeys'];
  readonly servers: readonly ProxyServer[];
  /** Counts since its start, the oldest of the window first. */
  readonly window: readonly Buckets[];
}

/**
 * Puts together what the threads of a proxy say of themselves. Each probe is answered by one of them, in turn, so each is compared with what the same
 * thread has said before, and what is shown of the whole is as old as the threads are many.
 */
export class ProxyReadings {
  readonly #threads: Map<string, ThreadReading> = new Map();
  #stats: ProxyStats | null = null;

  /** Null until something was read. */
  get stats(): ProxyStats | null {
    return this.#stats;
  }

  /** Of several pools of one proxy the whole; null until something was read of one of them. */
  static together(pools: readonly ProxyReadings[]): ProxyStats | null {
    const read = pools.map((pool) => [...pool.#threads.values()]).filter((threads) => threads.length > 0);
    return read.length === 0 ? null : together(read);
  }

  /** For a new process. */
  clear(): void {
    this.#threads.clear();
    this.#stats = null;
  }

  /** Nobody answers: what was counted stays, and of what happens now nothing is known. */
  fellSilent(): void {
    for (const [name, reading] of this.#threads)
      this.#threads.set(name, {
        ...reading,
        open: 0,
        requestsPerSecond: null,
        failuresPerSecond: null,
        servers: reading.servers.map((server) => ({ ...server, requestsPerSecond: null })),
        window: [],
      });
    if (this.#threads.size > 0) this.#stats = together([[...this.#threads.values()]]);
  }

  /**
   * @param lines the answers to `stats pools thread` and `stats servers thread` by name, and `thread`
   * @param nowMs monotonic
   */
  read(lines: ReadonlyMap<string, string>, nowMs: number): void {
    const thread = lines.get('thread') ?? '0';
    const before = this.#threads.get(thread);
    if (before === undefined && this.#threads.size >= THREADS_MAX) return;
    this.#threads.set(thread, readThread(lines, nowMs, before ?? null));
    for (const [name, { atMs }] of this.#threads)
      if (nowMs - atMs > THREAD_FORGOTTEN_MS) this.#threads.delete(name);
    this.#stats = together([[...this.#threads.values()]]);
  }
}

function readThread(
  lines: ReadonlyMap<string, string>,
  nowMs: number,
  before: ThreadReading | null,
): ThreadReading {
  const perSecond = (now: number, then: number | undefined): number | null =>
    before === null || then === undefined || nowMs <= before.atMs || now < then
      ? null
      : ((now - then) * 1000) / (nowMs - before.atMs);
  const failures = count(lines, 'request_failures');
  let requests = 0;
  for (const name of lines.keys()) if (name.startsWith('cmd_')) requests += count(lines, name);
  const servers: ProxyServer[] = [];
  for (let index = 0; lines.has(`server_${index}_name`); index++) {
    const figure = (what: string): number => count(lines, `server_${index}_${what}`);
    const name = lines.get(`server_${index}_name`) ?? '';
    const known = before?.servers[index];
    servers.push({
      name,
      state: lines.get(`server_${index}_state`) ?? '',
      isEjected: figure('ejected') === 1,
      isTwin: figure('twins') === 1,
      requests: figure('requests'),
      requestsPerSecond: perSecond(figure('requests'), known?.name === name ? known.requests : undefined),
      queue: figure('queue'),
      failures: figure('failures'),
      timeouts: figure('timeouts'),
      connectionErrors: figure('connection_errors'),
      downs: figure('downs'),
      dialInMs: figure('dial_in_ms'),
      p50Micros: figure('latency_p50_us'),
      p99Micros: figure('latency_p99_us'),
    });
  }
  return {
    atMs: nowMs,
    requests,
    open: count(lines, 'requests_open'),
    failures,
    failuresPerSecond: perSecond(failures, before?.failures),
    ejections: lines.has('shard_ejections') ? count(lines, 'shard_ejections') : null,
    carried: lines.has('reshard_carried') ? count(lines, 'reshard_carried') : null,
    notCarried: count(lines, 'reshard_not_carried'),
    oldUnreached: count(lines, 'reshard_old_unreached'),
    requestsPerSecond: perSecond(requests, before?.requests),
    hotKeys: [...lines.keys()]
      .filter((name) => HOT_KEY_NAME.test(name))
      .map((name) => [name, count(lines, name)]),
    servers,
    window: [...(before?.window ?? []), readBuckets(lines.get('request_latency_buckets_us') ?? '')].slice(
      -WINDOW_READINGS,
    ),
  };
}

function count(lines: ReadonlyMap<string, string>, name: string): number {
  const value = Number(lines.get(name) ?? 0);
  return Number.isFinite(value) ? value : 0;
}

function readBuckets(text: string): Buckets {
  const buckets: Map<number, number> = new Map();
  for (const [, bound = '', counted = ''] of text.matchAll(/(\d+):(\d+)/g))
    buckets.set(Number(bound), Number(counted));
  return buckets;
}

/** @param pools of each its threads; at least one each */
function together(pools: readonly (readonly ThreadReading[])[]): ProxyStats {
  const threads = pools.flat();
  const sum = (value: (thread: ThreadReading) => number): number =>
    threads.reduce((total, thread) => total + value(thread), 0);
  const latencies = windowed(threads);
  return {
    requestsPerSecond: sumOfKnown(threads.map(({ requestsPerSecond }) => requestsPerSecond)),
    requests: sum(({ requests }) => requests),
    open: sum(({ open }) => open),
    failures: sum(({ failures }) => failures),
    failuresPerSecond: sumOfKnown(threads.map(({ failuresPerSecond }) => failuresPerSecond)),
    ejections: sumOfKnown(pools.map((own) => mostOfKnown(own.map(({ ejections }) => ejections)))),
    ...carriedTogether(threads),
    p50Micros: percentile(latencies, 0.5),
    p99Micros: percentile(latencies, 0.99),
    hotKeys: hotKeysTogether(pools),
    servers: serversTogether(pools),
  };
}

function carriedTogether(
  threads: readonly ThreadReading[],
): Pick<ProxyStats, 'carried' | 'notCarried' | 'oldUnreached'> {
  const known = threads.filter(({ carried }) => carried !== null);
  if (known.length === 0) return { carried: null };
  return {
    carried: sumOfKnown(known.map(({ carried }) => carried)),
    notCarried: known.reduce((sum, { notCarried }) => sum + notCarried, 0),
    oldUnreached: known.reduce((sum, { oldUnreached }) => sum + oldUnreached, 0),
  };
}

function hotKeysTogether(pools: readonly (readonly ThreadReading[])[]): ProxyStats['hotKeys'] {
  const sums: Map<string, number> = new Map();
  for (const threads of pools)
    for (const [name, counted] of newestOf(threads).hotKeys) sums.set(name, (sums.get(name) ?? 0) + counted);
  return [...sums];
}

/**
 * Each server over all threads, and over all connections to it: a proxy with several tells of each by itself, under one name. The state is what the thread says
 * that was asked last, of the connection that does best. Where several pools have the server it is that of a pool that does not reach it, if there is one.
 */
function serversTogether(pools: readonly (readonly ThreadReading[])[]): ProxyServer[] {
  const threads = pools.flat();
  const byName: Map<string, ProxyServer> = new Map();
  for (const own of pools) {
    const ofPool: Map<string, ProxyServer> = new Map();
    for (const server of newestOf(own).servers) {
      const other = ofPool.get(server.name);
      if (other === undefined || (other.state !== 'up' && server.state === 'up'))
        ofPool.set(server.name, server);
    }
    for (const [name, server] of ofPool) {
      const other = byName.get(name);
      if (other === undefined || other.state === 'up') byName.set(name, server);
    }
  }
  const ofAllThreads = new Map<string, ProxyServer[]>();
  for (const server of threads.flatMap(({ servers }) => servers)) {
    const known = ofAllThreads.get(server.name);
    if (known === undefined) ofAllThreads.set(server.name, [server]);
    else known.push(server);
  }
  return Array.from(byName.values(), (server) => {
    const all = ofAllThreads.get(server.name) ?? [server];
    const sum = (value: (one: ProxyServer) => number): number =>
      all.reduce((total, one) => total + value(one), 0);
    return {
      ...server,
      // Each thread ejects for itself, and only one that has requests finds out.
      isEjected: all.some(({ isEjected }) => isEjected),
      requests: sum(({ requests }) => requests),
      requestsPerSecond: sumOfKnown(all.map(({ requestsPerSecond }) => requestsPerSecond)),
      queue: sum(({ queue }) => queue),
      failures: sum(({ failures }) => failures),
      timeouts: sum(({ timeouts }) => timeouts),
      connectionErrors: sum(({ connectionErrors }) => connectionErrors),
      downs: Math.max(...all.map(({ downs }) => downs)),
      p50Micros: Math.max(...all.map(({ p50Micros }) => p50Micros)),
      p99Micros: Math.max(...all.map(({ p99Micros }) => p99Micros)),
    };
  });
}

function newestOf(threads: readonly ThreadReading[]): ThreadReading {
  return threads.reduce((one, other) => (other.atMs > one.atMs ? other : one));
}

function sumOfKnown(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
}

function mostOfKnown(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}

/** What was counted since the beginning of the threads' windows. */
function windowed(threads: readonly ThreadReading[]): Buckets {
  const counts: Map<number, number> = new Map();
  for (const { window } of threads) {
    const [oldest] = window;
    const newest = window.at(-1);
    if (oldest === undefined || newest === undefined) continue;
    for (const [bound, counted] of newest) {
      const added = counted - (oldest.get(bound) ?? 0);
      if (added > 0) counts.set(bound, (counts.get(bound) ?? 0) + added);
    }
  }
  return counts;
}

function percentile(buckets: Buckets, share: number): number | null {
  const total = [...buckets.values()].reduce((sum, counted) => sum + counted, 0);
  let left = Math.max(1, Math.ceil(total * share));
  for (const [bound, counted] of [...buckets].sort(([one], [other]) => one - other)) {
    left -= counted;
    if (left <= 0) return bound;
  }
  return null;
}

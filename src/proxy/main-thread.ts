import { type Running, StartError } from '../base/start-error.ts';
import { startDataThreads } from '../net/data-threads.ts';
import { WriteGenerations } from '../routing/write-generations.ts';
import { tellOperator } from '../telemetry/log-format.ts';
import { ConfigurationRecord } from './configuration-record.ts';
import type { ProxyOptions, ProxyPool } from './options.ts';
import { hasNames, resolvePool, resolveServers } from './pool-addresses.ts';
import {
  isThreadReport,
  type PoolFigures,
  type ProxyThreadData,
  type ThreadOrder,
  type ThreadPool,
  type ThreadReport,
} from './thread-messages.ts';

/** Names of servers are looked up again so often: DNS tells nobody that an address has changed. */
const NAMES_MS = 10_000;
/** … and while servers are dialled, at most so often. */
const NAMES_MS_LEAST = 500;

/** What a proxy's threads have counted. */
export interface ProxyFigures {
  /** By pool, in the order of the options; of all threads together. */
  readonly pools: readonly { readonly pool: ProxyPool; readonly byThread: readonly PoolFigures[] }[];
}

/** A proxy that serves. */
export interface RunningProxy extends Running {
  /** The first TCP port bound; 0 without one. */
  readonly port: number;
  /** All of them, in the order of the pools and their addresses. */
  readonly ports: readonly number[];
  /**
   * Goes on with other pools. Clients of pools that stay, by name, keep their connections, and so do servers that stay.
   *
   * @throws StartError when an address to listen on cannot be had; then nothing has changed
   */
  usePools(pools: readonly ProxyPool[]): Promise<void>;
  figures(): Promise<ProxyFigures>;
  /** What `stats` tells of a configuration file. */
  readonly configuration: ConfigurationRecord;
}

/**
 * Starts a proxy: its threads, each with connections to all servers, and then the addresses that it listens on.
 *
 * It starts whatever state the servers are in. Fulfilled when clients are accepted.
 *
 * @param log is given what the threads tell
 * @throws StartError when an address to listen on is unknown or cannot be bound
 */
export async function startProxy(
  options: ProxyOptions,
  log: (line: string) => void = (line) => tellOperator('info', line),
): Promise<RunningProxy> {
  if (options.pools.length === 0) throw new StartError('a proxy needs at least one pool');
  for (const { name, servers } of options.pools)
    if (servers.length === 0) throw new StartError(`${name}: a proxy needs at least one server`);
  const proxy = new ProxyService(options, await resolvePools(options.pools, []), log);
  await proxy.start();
  return proxy;
}

/** Pools that were there before, by name, keep their serial numbers. */
async function resolvePools(
  pools: readonly ProxyPool[],
  before: readonly ThreadPool[],
): Promise<ThreadPool[]> {
  let next = before.reduce((most, { serial }) => Math.max(most, serial + 1), 0);
  const serials = pools.map(({ name }) => before.find(({ pool }) => pool.name === name)?.serial ?? next++);
  return Promise.all(
    pools.map((pool, index) => {
      const serial = serials[index]!;
      return resolvePool(pool, serial, before.find((other) => other.serial === serial) ?? null);
    }),
  );
}

class ProxyService implements RunningProxy {
  readonly configuration: ConfigurationRecord;
  ports: readonly number[] = [];
  readonly failed: Promise<Error>;
  readonly #threads: ReturnType<typeof startDataThreads>;
  readonly #generations: WriteGenerations;
  readonly #log: (line: string) => void;
  #pools: readonly ThreadPool[];
  /** All that there have been, so that no serial number is used twice. */
  #everPools: readonly ThreadPool[];
  /** Who waits for a report of this kind from each thread. */
  readonly #waiting: Map<ThreadReport['kind'], ((report: ThreadReport, thread: number) => void)[]> =
    new Map();
  /** Changes come one after the other. */
  #change: Promise<void> = Promise.resolve();
  /** Some threads may have other pools than `#pools` until then; null: none has. */
  #exchange: Promise<void> | null = null;
  #namesTimer: NodeJS.Timeout | undefined;
  #namesAtMs = 0;
  #fail: (error: Error) => void = () => {};

  constructor(options: ProxyOptions, pools: readonly ThreadPool[], log: (line: string) => void) {
    this.#pools = pools;
    this.#everPools = pools;
    this.#log = log;
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
    const configuration = ConfigurationRecord.allocate();
    this.configuration = new ConfigurationRecord(configuration);
    const generations = WriteGenerations.allocate();
    this.#generations = new WriteGenerations(generations);
    const clients = new SharedArrayBuffer(4);
    const data: ProxyThreadData = { options, pools, clients, configuration, generations };
    this.#threads = startDataThreads({
      entry: new URL('./data-thread.js', import.meta.url),
      threads: options.threads,
      transport: options.transport,
      data,
      onMessage: (message, thread) => {
        if (isThreadReport(message)) this.#receive(message, thread);
      },
      onFailure: (error) => this.#fail(error),
    });
  }

  get port(): number {
    return this.ports[0] ?? 0;
  }

  async start(): Promise<void> {
    const { count } = this.#threads;
    const started = async (): Promise<null> => {
      const [[bound]] = await Promise.all([this.#reports('bound', 1), this.#reports('ready', count)]);
      if (bound?.kind === 'bound') this.ports = bound.ports;
      const open = this.#reports('open', 1);
      this.#order(0, { kind: 'open' });
      await open;
      return null;
    };
    const refused = this.#reports('failed', 1).then(([report]) =>
      report?.kind === 'failed' ? new StartError(report.message) : null,
    );
    const failure = await Promise.race([started(), refused, this.failed]);
    if (failure !== null) {
      await this.#threads.stop();
      throw failure;
    }
    this.#watchNames();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#namesTimer);
    const drained = this.#reports('drained', this.#threads.count);
    for (let thread = 0; thread < this.#threads.count; thread++) this.#order(thread, { kind: 'drain' });
    await Promise.race([drained, this.failed]);
    await this.#threads.stop();
  }

  usePools(pools: readonly ProxyPool[]): Promise<void> {
    const change = this.#change.then(async () => {
      await this.#reload(await resolvePools(pools, this.#everPools));
    });
    this.#change = change.catch(() => {});
    return change;
  }

  /** Whatever can fail comes first, so that a change that is refused has changed nothing. */
  async #reload(pools: readonly ThreadPool[]): Promise<void> {
    const prepared = this.#reports('prepared', 1);
    this.#order(0, { kind: 'prepare', pools });
    const [report] = await Promise.race([prepared, this.failed.then(() => [])]);
    if (report?.kind === 'prepared' && report.failure !== null) throw new StartError(report.failure);
    const known = new Set(pools.map(({ serial }) => serial));
    this.#everPools = [...this.#everPools.filter(({ serial }) => !known.has(serial)), ...pools];
    // While some threads have the new routes and others the old ones, not all may watch writes: until then any key counts as being written.
    this.#generations.beginEverywhere();
    const exchange = this.#reloadThreads(pools);
    this.#exchange = exchange;
    try {
      await exchange;
    } finally {
      this.#generations.endEverywhere();
      this.#exchange = null;
    }
  }

  async #reloadThreads(pools: readonly ThreadPool[]): Promise<void> {
    // Thread 0 last: it accepts for all.
    const { count } = this.#threads;
    const others = this.#reports('reloaded', count - 1);
    for (let thread = 1; thread < count; thread++) this.#order(thread, { kind: 'reload', pools });
    await Promise.race([others, this.failed]);
    const first = this.#reports('reloaded', 1);
    this.#order(0, { kind: 'reload', pools });
    const [report] = await Promise.race([first, this.failed.then(() => [])]);
    if (report?.kind === 'reloaded') this.ports = report.ports;
    this.#pools = pools;
  }

  async figures(): Promise<ProxyFigures> {
    while (this.#exchange !== null) await this.#exchange.catch(() => {});
    // Of these pools, because a thread gets its orders one after the other.
    const pools = this.#pools;
    const reports = this.#reports('figures', this.#threads.count);
    for (let thread = 0; thread < this.#threads.count; thread++) this.#order(thread, { kind: 'figures' });
    const byThread = (await reports).flatMap((report) => (report.kind === 'figures' ? [report.pools] : []));
    return {
      pools: pools.map(({ pool }, index) => ({
        pool,
        byThread: byThread.flatMap((figures) => figures[index] ?? []),
      })),
    };
  }

  #order(thread: number, order: ThreadOrder): void {
    this.#threads.send(thread, order);
  }

  /** Fulfilled when so many threads have reported something of this kind. */
  #reports(kind: ThreadReport['kind'], count: number): Promise<ThreadReport[]> {
    const reports: ThreadReport[] = [];
    if (count === 0) return Promise.resolve(reports);
    return new Promise((resolve) => {
      const take = (report: ThreadReport): void => {
        reports.push(report);
        if (reports.length < count) return;
        const waiting = this.#waiting.get(kind) ?? [];
        this.#waiting.set(
          kind,
          waiting.filter((other) => other !== take),
        );
        resolve(reports);
      };
      this.#waiting.set(kind, [...(this.#waiting.get(kind) ?? []), take]);
    });
  }

  #receive(report: ThreadReport, thread: number): void {
    if (report.kind === 'log') this.#log(report.line);
    else if (report.kind === 'name-dialled') this.#nameDialled();
    else if (report.kind === 'gather') {
      const { question, serial, subject } = report;
      for (let other = 0; other < this.#threads.count; other++)
        if (other !== thread) this.#order(other, { kind: 'tell', asker: thread, question, serial, subject });
    } else if (report.kind === 'told')
      this.#order(report.asker, { kind: 'told', question: report.question, text: report.text });
    // Each report is for who has waited longest.
    else this.#waiting.get(report.kind)?.[0]?.(report, thread);
  }

  /** A dead server may be back at another address: its name is looked up with each dial, though not more often than the system can bear. */
  #nameDialled(): void {
    const nowMs = performance.now();
    if (nowMs - this.#namesAtMs < NAMES_MS_LEAST) return;
    this.#namesAtMs = nowMs;
    this.#change = this.#change.then(() => this.#lookUpAgain()).catch(() => {});
  }

  /** Names are looked up again and again; a change is a reload. */
  #watchNames(): void {
    this.#namesTimer = setTimeout(() => {
      this.#change = this.#change.then(() => this.#lookUpAgain()).catch(() => {});
      void this.#change.then(() => this.#watchNames());
    }, NAMES_MS);
    this.#namesTimer.unref();
  }

  async #lookUpAgain(): Promise<void> {
    if (!this.#pools.some(({ pool }) => hasNames(pool))) return;
    const pools = await Promise.all(
      this.#pools.map(async (threadPool) => ({
        ...threadPool,
        servers: await resolveServers(threadPool.pool),
      })),
    );
    const has = JSON.stringify(this.#pools.map(({ servers }) => servers));
    if (JSON.stringify(pools.map(({ servers }) => servers)) !== has) await this.#reload(pools);
  }
}

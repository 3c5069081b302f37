import { randomInt } from 'node:crypto';
import { assert } from '../base/assert.ts';
import { seededRandom } from '../base/random.ts';
import type { DataThread } from '../net/data-threads.ts';
import { FIGURE } from '../net/figures.ts';
import { WriteGenerations } from '../routing/write-generations.ts';
import { ClientLimit } from './client-limit.ts';
import { ConfigurationRecord } from './configuration-record.ts';
import { GatheredStatistics } from './gathered-statistics.ts';
import { PoolListeners } from './pool-listeners.ts';
import { PoolService } from './pool-service.ts';
import {
  type GatheredQuestion,
  isProxyThreadData,
  isThreadOrder,
  type ProxyThreadData,
  type ThreadPool,
  type ThreadReport,
} from './thread-messages.ts';

/** Servers that say nothing are not waited for any longer before clients are let in. */
const SERVERS_WAIT_MS = 200;

/** Longest time for which a stopping proxy goes on answering. */
const DRAIN_MS_MAX = 500;
const DRAIN_LOOK_MS = 10;

/**
 * What one data thread of a proxy does: connections of its own to all servers, and clients as the acceptor hands them over.
 */
export function runProxyThread(thread: DataThread): void {
  const { data } = thread;
  assert(isProxyThreadData(data), 'a proxy thread was started with the data of something else');
  new ProxyThread(thread, data).start(data.pools);
}

class ProxyThread {
  readonly #thread: DataThread;
  readonly #limit: ClientLimit;
  readonly #verbosity: number;
  readonly #configuration: ConfigurationRecord;
  readonly #generations: WriteGenerations;
  readonly #listeners: PoolListeners;
  readonly #gathered: GatheredStatistics;
  #services: PoolService[];

  constructor(thread: DataThread, data: ProxyThreadData) {
    this.#thread = thread;
    this.#limit = new ClientLimit(data.clients, data.options.connectionsMax);
    this.#verbosity = data.options.verbosity;
    this.#configuration = new ConfigurationRecord(data.configuration);
    this.#generations = new WriteGenerations(data.generations);
    this.#listeners = new PoolListeners(thread);
    this.#gathered = new GatheredStatistics(thread.loop, thread.count - 1, (question) =>
      this.#report({ kind: 'gather', ...question }),
    );
    this.#services = data.pools.map((pool) => this.#service(pool));
  }

  start(pools: readonly ThreadPool[]): void {
    const { loop, index } = this.#thread;
    this.#thread.onMessage((order) => {
      if (!isThreadOrder(order)) return;
      if (order.kind === 'open') this.#open();
      else if (order.kind === 'drain') this.#drain();
      else if (order.kind === 'prepare')
        this.#listeners.prepare(order.pools, (failure) => this.#report({ kind: 'prepared', failure }));
      else if (order.kind === 'reload') this.#reload(order.pools);
      else if (order.kind === 'tell') this.#tell(order);
      else if (order.kind === 'told') this.#gathered.told(order.question, order.text);
      else this.#tellFigures();
    });
    let ready = false;
    let waiting = this.#services.length;
    const becomeReady = (): void => {
      if (ready) return;
      ready = true;
      this.#report({ kind: 'ready' });
    };
    // Connected before the first client comes, so that each write knows what kind of servers it goes to.
    for (const { router } of this.#services) {
      router.connect(() => {
        waiting--;
        if (waiting === 0) becomeReady();
      });
    }
    loop.schedule(SERVERS_WAIT_MS, becomeReady);
    if (index !== 0) return;
    this.#listeners.prepare(pools, (message) => {
      if (message !== null) {
        this.#report({ kind: 'failed', message });
        return;
      }
      this.#listeners.use((line) => this.#report({ kind: 'log', line }));
      this.#report({ kind: 'bound', ports: this.#listeners.ports });
    });
  }

  #report(message: ThreadReport): void {
    this.#thread.post(message);
  }

  #service(pool: ThreadPool): PoolService {
    const warn = (line: string): void => {
      // Each thread has its own connections; one of them is enough to tell of.
      if (this.#thread.index === 0) this.#report({ kind: 'log', line });
    };
    const log = (line: string): void => {
      if (this.#verbosity > 0) warn(line);
    };
    const { loop } = this.#thread;
    return new PoolService(this.#thread, pool, this.#limit, seededRandom(randomInt(2 ** 32)), {
      log,
      warn,
      nameDialled: () => this.#report({ kind: 'name-dialled' }),
      statistics: () => this.#configuration.lines(loop.clock.wallMs() / 1000),
      generations: this.#generations,
      gather: (subject, done) => this.#gathered.gather(pool.serial, subject, done),
    });
  }

  #open(): void {
    const error = this.#listeners.open();
    this.#report(
      error === null ? { kind: 'open' } : { kind: 'failed', message: `cannot listen: ${error.message}` },
    );
  }

  /** Other pools from now on. On thread 0, the last one, they are those that were prepared for: new addresses accept at once. */
  #reload(pools: readonly ThreadPool[]): void {
    const before = this.#services;
    this.#services = pools.map((pool) => {
      const service = before.find(({ serial }) => serial === pool.serial);
      if (service === undefined) return this.#connected(pool);
      service.reload(pool);
      return service;
    });
    for (const service of before) if (!this.#services.includes(service)) service.remove();
    if (this.#thread.index === 0) {
      this.#listeners.use((line) => this.#report({ kind: 'log', line }));
      const error = this.#listeners.open();
      if (error !== null) this.#report({ kind: 'log', line: `cannot accept clients: ${error.message}` });
    }
    this.#report({ kind: 'reloaded', ports: this.#listeners.ports });
  }

  #connected(pool: ThreadPool): PoolService {
    const service = this.#service(pool);
    service.router.connect(() => {});
    return service;
  }

  #tell({ question, asker, serial, subject }: GatheredQuestion & { readonly asker: number }): void {
    const service = this.#services.find((one) => one.serial === serial);
    const text = service?.router.statistics(subject, true) ?? '';
    this.#report({ kind: 'told', question, asker, text });
  }

  #tellFigures(): void {
    const { figures } = this.#thread.loop;
    this.#report({
      kind: 'figures',
      pools: this.#services.map((service) => service.figures()),
      accepted: figures[FIGURE.connections] ?? 0,
    });
  }

  /** Waits until all requests are answered, for a bounded time. */
  #drain(): void {
    const { loop } = this.#thread;
    this.#listeners.close();
    const endMs = loop.clock.monotonicMs() + DRAIN_MS_MAX;
    const look = (): void => {
      const busy = this.#services.some(({ router }) => router.requests.live > 0);
      if (busy && loop.clock.monotonicMs() < endMs) {
        loop.schedule(DRAIN_LOOK_MS, look);
        return;
      }
      for (const { router } of this.#services) router.close();
      this.#report({ kind: 'drained' });
    };
    look();
  }
}

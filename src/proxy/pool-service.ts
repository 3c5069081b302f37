import type { Random } from '../base/random.ts';
import type { Connection, ConnectionError, Session } from '../base/session.ts';
import type { DataThread } from '../net/data-threads.ts';
import type { SocketAddress } from '../net/loop.ts';
import { DESTINATION, type Destination } from '../routing/destination.ts';
import { FIGURE } from '../routing/destination-figures.ts';
import type { EjectingDistribution } from '../routing/ejecting-distribution.ts';
import { HotKeyFigures } from '../routing/hot-key-figures.ts';
import { hotKeyFigures } from '../routing/hot-keys.ts';
import type { OtherStatistics } from '../routing/merged-statistics.ts';
import { Router, type Routing } from '../routing/router.ts';
import type { WriteGenerations } from '../routing/write-generations.ts';
import type { ClientLimit } from './client-limit.ts';
import type { ProxyPool } from './options.ts';
import { hasName } from './pool-addresses.ts';
import { serviceOf } from './pool-listeners.ts';
import { connectionsEach, poolRouting } from './pool-routing.ts';
import { RefusedSession } from './refused-session.ts';
import { loginFrom } from './server-login.ts';
import { renewedTls, type ServerTls } from './server-tls.ts';
import type { PoolFigures, ServerFigures, ThreadPool } from './thread-messages.ts';

/** How a server is dialled. */
interface DialledServer {
  readonly address: SocketAddress;
  readonly hasName: boolean;
  readonly tls: ServerTls | undefined;
  readonly loginFile: string | undefined;
}

/** A name without an address is dialled where nobody can listen, and so is found dead as any other server. */
const NOWHERE: DialledServer = {
  address: { family: 'ipv4', host: '127.0.0.1', port: 0 },
  hasName: false,
  tls: undefined,
  loginFile: undefined,
};

/** What a pool has to tell, and to be told. */
export interface PoolHost {
  /** A line for the operator. */
  log(line: string): void;
  /** The same, also for one who does not want to know everything. */
  warn(line: string): void;
  /** A server is dialled whose name was looked up some time ago. */
  nameDialled(): void;
  /** Lines of `stats` that are not about servers and routes. */
  statistics(): readonly string[];
  /** What all threads know of writes. */
  readonly generations: WriteGenerations;
  /** Has the other threads asked what they say to `stats` for this pool. */
  gather(subject: string, done: (others: OtherStatistics | null) => void): void;
}

/** What one data thread does for one pool: its router and its clients. */
export class PoolService {
  readonly router: Router;
  readonly serial: number;
  clients = 0;
  /** Clients that have gone by themselves, and those whose connection broke. */
  #clientEnds = 0;
  #clientErrors = 0;
  #threadPool: ThreadPool;
  #servers: readonly DialledServer[] = [];
  #isRemoved = false;
  readonly #thread: DataThread;
  readonly #host: PoolHost;
  readonly #limit: ClientLimit;

  constructor(
    thread: DataThread,
    threadPool: ThreadPool,
    limit: ClientLimit,
    random: Random,
    host: PoolHost,
  ) {
    const { loop } = thread;
    this.#thread = thread;
    this.#host = host;
    this.#threadPool = threadPool;
    this.#limit = limit;
    this.serial = threadPool.serial;
    this.#useServers(threadPool);
    this.router = new Router(this.#routing(), {
      random,
      generations: host.generations,
      hotKeyFigures: new HotKeyFigures(threadPool.hotKeyFigures, thread.index),
      nowMs: () => loop.turnMs,
      wallMs: () => loop.clock.wallMs(),
      dial: (server, timeoutMs, factory) => {
        const { address, hasName, tls } = this.#servers[server] ?? NOWHERE;
        if (hasName) host.nameDialled();
        return loop.dial(address, timeoutMs, factory, tls === undefined ? undefined : renewedTls(tls));
      },
      login: (server) => {
        const { loginFile } = this.#servers[server] ?? NOWHERE;
        return loginFile === undefined ? null : loginFrom(loginFile);
      },
      schedule: (delayMs, callback) => {
        loop.schedule(delayMs, callback);
      },
      log: (line) => host.log(line),
      warn: (line) => host.warn(line),
      replyBlocks: loop.spareWindows,
      ...(thread.count > 1 ? { gatherStatistics: host.gather } : {}),
    });
    loop.serve(serviceOf(this.serial), (connection) => this.#session(connection));
  }

  /** Goes on by other options; clients and connections to servers that stay are kept. */
  reload(threadPool: ThreadPool): void {
    // Where only addresses have changed the tree stays, and with it what its handles know: who is ejected, which writes a side has missed.
    const isSame = JSON.stringify(threadPool.pool) === JSON.stringify(this.#threadPool.pool);
    this.#threadPool = threadPool;
    this.#useServers(threadPool);
    if (isSame) return;
    this.router.reconfigure(this.#routing());
    this.router.connect(() => {});
  }

  /** The pool is gone from the configuration: its last client takes its connections to servers along. */
  remove(): void {
    this.#isRemoved = true;
    if (this.clients === 0) this.router.close();
  }

  #routing(): Routing {
    return poolRouting(this.#threadPool, () => this.#host.statistics(), this.#thread.index);
  }

  #useServers({ servers, pool }: ThreadPool): void {
    const each = connectionsEach(pool);
    this.#servers = pool.servers.flatMap((server, position) => {
      const { tls, loginFile } = server;
      const dialled: DialledServer = {
        address: servers[position] ?? NOWHERE.address,
        hasName: hasName(server),
        tls,
        loginFile,
      };
      return Array.from({ length: each }, () => dialled);
    });
  }

  #session(connection: Connection): Session {
    const { loop } = this.#thread;
    if (!this.#limit.enter())
      return new RefusedSession(connection, (delayMs, callback) => loop.schedule(delayMs, callback));
    this.clients++;
    return this.router.session(connection, (error) => this.#gone(error));
  }

  #gone(error: ConnectionError | null): void {
    this.#limit.leave();
    this.clients--;
    if (error === null) this.#clientEnds++;
    else this.#clientErrors++;
    if (this.#isRemoved && this.clients === 0) this.router.close();
  }

  figures(): PoolFigures {
    const { destinations, calls, plan } = this.router;
    const { pool } = this.#threadPool;
    const each = connectionsEach(pool);
    const ejecting = plan.ejecting ?? null;
    const nowUs = this.#thread.loop.clock.wallMs() * 1000;
    return {
      clientEnds: this.#clientEnds,
      clientErrors: this.#clientErrors,
      clients: this.clients,
      ejections: ejecting?.ejections ?? 0,
      failures: calls.failures,
      hotKeys: hotKeyFigures(this.router.root, this.router.hotKeyFigures),
      servers: pool.servers.map((_, index) =>
        serverFigures(
          destinations.slice(index * each, (index + 1) * each),
          ejectedAtUs(ejecting, shardOf(pool, index), nowUs),
        ),
      ),
    };
  }
}

/** The position of the server whose keys this one holds: its own, or that of its twin. */
function shardOf({ servers, routing }: ProxyPool, position: number): number {
  const twinOf = routing.kind === 'nutcracker' ? (routing.twinOf ?? []) : [];
  return twinOf[position - (servers.length - twinOf.length)] ?? position;
}

function ejectedAtUs(ejecting: EjectingDistribution | null, position: number, nowUs: number): number {
  const agoMs = ejecting?.ejectedAgoMs(position) ?? null;
  return agoMs === null ? 0 : Math.round(nowUs - agoMs * 1000);
}

function serverFigures(group: readonly Destination[], ejectedAtUs: number): ServerFigures {
  const sum = (of: (destination: Destination) => number): number =>
    group.reduce((total, destination) => total + of(destination), 0);
  const count = (figure: number): number => sum(({ figures }) => figures.counts[figure] ?? 0);
  return {
    ends: count(FIGURE.ends),
    errors: count(FIGURE.errors),
    timedOut: count(FIGURE.timedOut),
    connections: sum(({ state }) => (state === DESTINATION.idle || state === DESTINATION.down ? 0 : 1)),
    ejectedAtUs,
    requests: count(FIGURE.requests),
    requestBytes: count(FIGURE.requestBytes),
    responses: count(FIGURE.responses),
    responseBytes: count(FIGURE.responseBytes),
    waiting: sum(({ queue }) => queue.length),
    waitingBytes: sum(({ queuedBytes }) => queuedBytes),
  };
}

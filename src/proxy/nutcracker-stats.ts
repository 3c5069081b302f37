import { createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { StartError } from '../base/start-error.ts';
import { everyServer, liveServers } from '../hashing/twemproxy-servers.ts';
import type { ProxyFigures } from './main-thread.ts';
import type { ProxyPool } from './options.ts';
import type { PoolFigures, ServerFigures } from './thread-messages.ts';

/** What the statistics say of the program: what readers of twemproxy's know. */
export const NUTCRACKER_VERSION = '0.5.0';

/** Connections that are being answered at a time; each is closed as soon as it has its answer. */
const READERS_MAX = 64;
const READER_MS_MAX = 1000;

/** Statistics are collected when somebody asks, but no more often than this; twemproxy's can be as old as its interval. */
const FRESH_MS = 100;

export interface StatsAddress {
  readonly host: string;
  readonly port: number;
  /** What is told is so old at most. */
  readonly intervalMs: number;
}

/** The port of twemproxy's statistics: whoever connects is told all of them in JSON, and the connection is closed. */
export class NutcrackerStats {
  readonly #server: Server;
  readonly #startedMs = Date.now();
  readonly #figures: () => Promise<ProxyFigures>;
  readonly #intervalMs: number;
  #text: Promise<string> = Promise.resolve('');
  #collectedMs = Number.NEGATIVE_INFINITY;
  /** Who has asked for these statistics. */
  #readers = 0;

  private constructor(figures: () => Promise<ProxyFigures>, intervalMs: number) {
    this.#figures = figures;
    this.#intervalMs = intervalMs;
    this.#server = createServer((socket) => {
      this.#readers++;
      socket.on('error', () => socket.destroy());
      socket.on('data', () => {});
      socket.setTimeout(READER_MS_MAX, () => socket.destroy());
      this.#fresh().then(
        (text) => socket.end(text),
        () => socket.destroy(),
      );
    });
    this.#server.maxConnections = READERS_MAX;
  }

  /** Listens. @throws StartError when the address cannot be had */
  static start(
    { host, port, intervalMs }: StatsAddress,
    figures: () => Promise<ProxyFigures>,
  ): Promise<NutcrackerStats> {
    const stats = new NutcrackerStats(figures, intervalMs);
    return new Promise((resolve, reject) => {
      stats.#server.once('error', (error) => {
        const reason = error.message.replace(/^listen \w+: (.*?) \S+$/, '$1');
        reject(new StartError(`stats: bind on ${host}:${port} failed: ${reason}`));
      });
      stats.#server.listen(port, host, () => {
        stats.#server.on('error', () => {});
        resolve(stats);
      });
    });
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  close(): void {
    this.#server.close();
  }

  /** What has just been collected for one reader serves the others, too: a crowd of them costs the threads nothing. */
  #fresh(): Promise<string> {
    const nowMs = performance.now();
    if (nowMs - this.#collectedMs >= Math.min(this.#intervalMs, FRESH_MS)) {
      this.#collectedMs = nowMs;
      this.#text = this.#figures().then((figures) => this.#json(figures));
    }
    return this.#text;
  }

  #json({ pools }: ProxyFigures): string {
    let clients = 0;
    let serverConnections = 0;
    const parts: string[] = [];
    for (const { pool, byThread } of pools) {
      const part = fields({
        client_eof: sum(byThread, (figures) => figures.clientEnds),
        client_err: sum(byThread, (figures) => figures.clientErrors),
        client_connections: sum(byThread, (figures) => figures.clients),
        server_ejects: sum(byThread, (figures) => figures.ejections),
        forward_error: sum(byThread, (figures) => figures.failures),
        fragments: 0,
        ...Object.fromEntries(byThread[0]?.hotKeys ?? []),
      });
      const servers = inOrder(pool).map(({ name, position }) => {
        const figures = byThread.flatMap((thread) => thread.servers[position] ?? []);
        return `${JSON.stringify(name)}: {${fields(serverPart(figures))}}`;
      });
      clients += sum(byThread, (figures) => figures.clients);
      serverConnections += sum(byThread, (figures) => sum(figures.servers, ({ connections }) => connections));
      parts.push(`${JSON.stringify(pool.name)}: {${part}, ${servers.join(',')}}`);
    }
    const current = clients + serverConnections + pools.length;
    const top = fields({
      service: 'nutcracker',
      source: hostname(),
      version: NUTCRACKER_VERSION,
      uptime: Math.floor((Date.now() - this.#startedMs) / 1000),
      timestamp: Math.floor(Date.now() / 1000),
      total_connections: current + this.#readers + this.#goneConnections(pools),
      curr_connections: current,
    });
    return `{${top}, ${parts.join(',')}}\n`;
  }

  /** Connections that have ended, of clients and of servers. */
  #goneConnections(pools: ProxyFigures['pools']): number {
    return pools.reduce(
      (total, { byThread }) =>
        total +
        sum(byThread, ({ clientEnds, clientErrors }) => clientEnds + clientErrors) +
        sum(byThread, ({ servers }) =>
          sum(servers, ({ ends, errors, timedOut }) => ends + errors + timedOut),
        ),
      0,
    );
  }
}

/** Fields as twemproxy writes them, to the last space: there are readers that look for them without parsing. */
function fields(of: Readonly<Record<string, string | number>>): string {
  return Object.entries(of)
    .map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
    .join(', ');
}

/** The servers as twemproxy tells of them. */
function inOrder({ servers }: ProxyPool): readonly { readonly name: string; readonly position: number }[] {
  const named = servers.map(({ name, text, weight }) => ({ name: name ?? text, weight: weight ?? 1 }));
  return liveServers(named, everyServer);
}

function serverPart(byThread: readonly ServerFigures[]): Record<string, number> {
  const waiting = sum(byThread, (figures) => figures.waiting);
  const waitingBytes = sum(byThread, (figures) => figures.waitingBytes);
  return {
    server_eof: sum(byThread, (figures) => figures.ends),
    server_err: sum(byThread, (figures) => figures.errors),
    server_timedout: sum(byThread, (figures) => figures.timedOut),
    server_connections: sum(byThread, (figures) => figures.connections),
    server_ejected_at: Math.max(0, ...byThread.map((figures) => figures.ejectedAtUs)),
    requests: sum(byThread, (figures) => figures.requests),
    request_bytes: sum(byThread, (figures) => figures.requestBytes),
    responses: sum(byThread, (figures) => figures.responses),
    response_bytes: sum(byThread, (figures) => figures.responseBytes),
    // Requests are written as they come: what waits has been sent.
    in_queue: 0,
    in_queue_bytes: 0,
    out_queue: waiting,
    out_queue_bytes: waitingBytes,
  };
}

function sum<Figures extends PoolFigures | ServerFigures>(
  figures: readonly Figures[],
  of: (figures: Figures) => number,
): number {
  return figures.reduce((total, one) => total + of(one), 0);
}

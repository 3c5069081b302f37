import { type Running, StartError } from '../base/start-error.ts';
import { startDataThreads } from '../net/data-threads.ts';
import type { SocketAddress } from '../net/loop.ts';
import { resolveHost } from '../net/resolve.ts';
import { ServerRecords } from '../routing/server-records.ts';
import type { ProxyOptions, ProxyServer } from './options.ts';
import {
  isThreadReport,
  type ProxyThreadData,
  type ThreadOrder,
  type ThreadReport,
} from './thread-messages.ts';

/** A proxy that serves. */
export interface RunningProxy extends Running {
  /** The first TCP port bound; 0 without one. */
  readonly port: number;
}

/**
 * Starts a proxy: its threads, each with connections to all servers, and then the addresses that it listens on.
 *
 * It starts whatever state the servers are in. Fulfilled when clients are accepted.
 *
 * @throws StartError when an address to listen on is unknown or cannot be bound
 */
export async function startProxy(options: ProxyOptions): Promise<RunningProxy> {
  if (options.mains.length === 0) throw new StartError('a proxy needs at least one main server');
  const [listen, servers] = await Promise.all([
    listenAddresses(options),
    Promise.all([...options.mains, ...options.backups].map(serverAddress)),
  ]);
  const records = ServerRecords.allocate(servers.length);
  const data: ProxyThreadData = { options, servers, listen, clients: new SharedArrayBuffer(4), records };

  const failed = deferred<Error>();
  const refused = deferred<StartError>();
  const bound = deferred<number>();
  const ready = deferred<void>();
  const open = deferred<void>();
  const drained = deferred<void>();
  let waitingReady = 0;
  let waitingDrained = 0;
  const receive = (report: ThreadReport): void => {
    switch (report.kind) {
      case 'bound':
        bound.resolve(report.ports[0] ?? 0);
        return;
      case 'failed':
        refused.resolve(new StartError(report.message));
        return;
      case 'ready':
        if (--waitingReady === 0) ready.resolve();
        return;
      case 'open':
        open.resolve();
        return;
      case 'drained':
        if (--waitingDrained === 0) drained.resolve();
        return;
      case 'log':
        process.stderr.write(`${report.line}\n`);
    }
  };
  const threads = startDataThreads({
    entry: new URL('./data-thread.js', import.meta.url),
    threads: options.threads,
    transport: options.transport,
    data,
    onMessage: (message) => {
      if (isThreadReport(message)) receive(message);
    },
    onFailure: (error) => failed.resolve(error),
  });
  waitingReady = threads.count;
  waitingDrained = threads.count;
  const order = (thread: number, what: ThreadOrder): void => threads.send(thread, what);

  const started = Promise.all([bound.promise, ready.promise]).then(([port]) => {
    order(0, 'open');
    return open.promise.then(() => port);
  });
  const outcome = await Promise.race([started, refused.promise, failed.promise]);
  if (typeof outcome !== 'number') {
    await threads.stop();
    throw outcome;
  }
  return {
    port: outcome,
    failed: failed.promise,
    stop: async () => {
      for (let thread = 0; thread < threads.count; thread++) order(thread, 'drain');
      await Promise.race([drained.promise, failed.promise]);
      await threads.stop();
    },
  };
}

async function listenAddresses(options: ProxyOptions): Promise<SocketAddress[]> {
  const addresses: SocketAddress[] = [];
  for (const { host, port } of options.listen) {
    const found = await resolveHost(host ?? '', port);
    if ('message' in found) throw new StartError(`cannot listen on ${host}: ${found.message}`);
    // "All addresses" is one socket for magent's users: IPv4, as it has always been.
    addresses.push(...(host === null ? found.slice(0, 1) : found));
  }
  if (options.unixPath !== null)
    addresses.push({ family: 'unix', path: options.unixPath, mode: options.unixMode });
  return addresses;
}

/** Null for a name that is unknown: the proxy starts all the same, and the server counts as dead. */
async function serverAddress(server: ProxyServer): Promise<SocketAddress | null> {
  const found = await resolveHost(server.host, server.port);
  return 'message' in found ? null : (found[0] ?? null);
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}

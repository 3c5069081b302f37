import { randomInt } from 'node:crypto';
import { assert } from '../base/assert.ts';
import { seededRandom } from '../base/random.ts';
import type { ConnectionError, Session } from '../base/session.ts';
import type { DataThread } from '../net/data-threads.ts';
import type { Listener, SocketAddress } from '../net/loop.ts';
import { KETAMA_PLACEMENT, MODULO_PLACEMENT, magentPlan } from '../routing/magent-plan.ts';
import { Router } from '../routing/router.ts';
import { ServerRecords } from '../routing/server-records.ts';
import { ROUTING_SETTINGS_DEFAULT } from '../routing/settings.ts';
import { ClientLimit } from './client-limit.ts';
import type { ProxyServer } from './options.ts';
import { RefusedSession } from './refused-session.ts';
import { isProxyThreadData, type ProxyThreadData, type ThreadReport } from './thread-messages.ts';

/** The service number of client connections. */
const CLIENTS = 1;

/** Servers that say nothing are not waited for any longer before clients are let in. */
const SERVERS_WAIT_MS = 200;

/** Longest time for which a stopping proxy goes on answering. */
const DRAIN_MS_MAX = 500;
const DRAIN_LOOK_MS = 10;

/**
 * What one data thread of a proxy does: connections of its own to all servers, and clients as the acceptor hands them over.
 */
export function runProxyThread(thread: DataThread): void {
  const { data, loop } = thread;
  assert(isProxyThreadData(data), 'a proxy thread was started with the data of something else');
  const report = (message: ThreadReport): void => thread.post(message);
  const router = makeRouter(thread, data, report);
  const limit = new ClientLimit(data.clients, data.options.connectionsMax);
  loop.serve(CLIENTS, (connection): Session => {
    if (!limit.enter())
      return new RefusedSession(connection, (delayMs, callback) => loop.schedule(delayMs, callback));
    return router.session(connection, () => limit.leave());
  });

  const listeners = new Listeners();
  let ready = false;
  const becomeReady = (): void => {
    if (ready) return;
    ready = true;
    report({ kind: 'ready' });
  };
  // Connected before the first client comes, so that each write knows what kind of servers it goes to.
  router.connect(becomeReady);
  loop.schedule(SERVERS_WAIT_MS, becomeReady);
  thread.onMessage((order) => {
    if (order === 'open') {
      const error = listeners.open();
      report(
        error === null ? { kind: 'open' } : { kind: 'failed', message: `cannot listen: ${error.message}` },
      );
    } else if (order === 'drain') {
      listeners.close();
      drain(thread, router, report);
    }
  });
  if (thread.index === 0) {
    listeners.bind(thread, data.listen, data.options.backlog, report);
  }
}

function makeRouter(
  thread: DataThread,
  data: ProxyThreadData,
  report: (message: ThreadReport) => void,
): Router {
  const { options, servers } = data;
  const { loop } = thread;
  const names = [...options.mains, ...options.backups].map(serverName);
  const placement = options.distribution === 'ketama' ? KETAMA_PLACEMENT : MODULO_PLACEMENT;
  return new Router(
    { ...ROUTING_SETTINGS_DEFAULT, ...options.timeouts },
    names,
    (destinations, context) => magentPlan(destinations, options.mains.length, placement, context),
    {
      random: seededRandom(randomInt(2 ** 32)),
      nowMs: () => loop.turnMs,
      dial: (server, timeoutMs, factory) => {
        // A name without an address is dialled where nobody can listen, and so is found dead as any other server.
        const address = servers[server] ?? { family: 'ipv4', host: '127.0.0.1', port: 0 };
        return loop.dial(address, timeoutMs, factory);
      },
      schedule: (delayMs, callback) => {
        loop.schedule(delayMs, callback);
      },
      log: (line) => {
        // Each thread has its own connections; one of them is enough to tell of.
        if (thread.index === 0 && options.verbosity > 0) report({ kind: 'log', line });
      },
      records: new ServerRecords(data.records),
    },
  );
}

/** The address as typed, and the port in any case. */
function serverName(server: ProxyServer): string {
  const { text, port } = server;
  const bare = text.startsWith('[') ? text.slice(0, text.indexOf(']') + 1) : text;
  const colon = bare.indexOf(':');
  const host =
    colon < 0 || colon !== bare.lastIndexOf(':') || bare.startsWith('[') ? bare : bare.slice(0, colon);
  return `${host}:${port}`;
}

/** The sockets on which clients arrive. */
class Listeners {
  #open: Listener[] = [];

  bind(
    thread: DataThread,
    addresses: readonly SocketAddress[],
    backlog: number,
    report: (message: ThreadReport) => void,
  ): void {
    let waiting = addresses.length;
    let failed = false;
    for (const address of addresses) {
      thread.loop.listen({ address, backlog, spread: thread.count > 1, hold: true }, CLIENTS, (outcome) => {
        waiting--;
        if (isListener(outcome)) this.#open.push(outcome);
        else if (!failed) {
          failed = true;
          report({ kind: 'failed', message: `cannot listen on ${addressText(address)}: ${outcome.message}` });
        }
        if (waiting === 0 && !failed) report({ kind: 'bound', ports: this.#ports() });
      });
    }
  }

  #ports(): number[] {
    const ports: number[] = [];
    for (const { address } of this.#open) if (address.family !== 'unix') ports.push(address.port);
    return ports;
  }

  open(): ConnectionError | null {
    for (const listener of this.#open) {
      const error = listener.open();
      if (error !== null) return error;
    }
    return null;
  }

  close(): void {
    for (const listener of this.#open) listener.close();
    this.#open = [];
  }
}

function isListener(outcome: Listener | ConnectionError): outcome is Listener {
  return 'open' in outcome;
}

function addressText(address: SocketAddress): string {
  if (address.family === 'unix') return address.path;
  return address.family === 'ipv6' ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** Waits until all requests are answered, for a bounded time. */
function drain(thread: DataThread, router: Router, report: (message: ThreadReport) => void): void {
  const endMs = thread.loop.clock.monotonicMs() + DRAIN_MS_MAX;
  const look = (): void => {
    if (router.requests.live > 0 && thread.loop.clock.monotonicMs() < endMs) {
      thread.loop.schedule(DRAIN_LOOK_MS, look);
      return;
    }
    router.close();
    report({ kind: 'drained' });
  };
  look();
}

/** The data thread of the transport tests: serves the sessions of transport-sessions.ts and does what the test asks by message. */
import { getHeapStatistics } from 'node:v8';
import type { Connection, ConnectionError, Session } from '../src/base/session.ts';
import { type DataThread, runDataThread } from '../src/net/data-threads.ts';
import type { Listener, LoopStatistics, SocketAddress } from '../src/net/loop.ts';
import type { TlsDialling } from '../src/net/tls-dialler.ts';
import type { TlsCertificates, TlsListening } from '../src/net/tls-server.ts';
import { DatagramEcho } from './datagram-echo.ts';
import { type Closings, makeSession, SERVICES, type ServiceName } from './transport-sessions.ts';

/** What a test may ask of a thread; each is answered once. */
export type Command =
  | {
      readonly kind: 'listen';
      readonly address: SocketAddress;
      readonly service: ServiceName;
      readonly backlog?: number;
      readonly spread?: boolean;
      readonly hold?: boolean;
      readonly tls?: TlsListening;
      readonly handshakeMs?: number;
    }
  | {
      readonly kind: 'useCertificates';
      readonly listener: number;
      readonly certificates: TlsCertificates;
    }
  /** Answers datagrams as testing/datagram-echo.ts says. */
  | {
      readonly kind: 'listenForDatagrams';
      readonly address: SocketAddress;
      readonly spread?: boolean;
      readonly hold?: boolean;
    }
  | { readonly kind: 'openListener' | 'pauseListener' | 'closeListener'; readonly listener: number }
  /** Dials `count` times and has each connection say `text`; answered when each has got as many bytes back, or has failed. */
  | {
      readonly kind: 'dial';
      readonly address: SocketAddress;
      readonly count: number;
      readonly text: string;
      readonly timeoutMs: number;
      readonly tls?: TlsDialling;
    }
  /** Sets timers and reports the order in which they ran. */
  | { readonly kind: 'timers'; readonly delaysMs: readonly number[]; readonly cancelled: readonly number[] }
  /** To be asked of thread 0: each thread wakes the next, the last one wakes thread 0, which answers. */
  | { readonly kind: 'chain' }
  /** Never comes to an end. */
  | { readonly kind: 'hang' }
  | { readonly kind: 'state' };

export interface Asked {
  readonly id: number;
  readonly command: Command;
}

/** The answers, by what was asked. */
export type Answer =
  | { readonly kind: 'listening'; readonly listener: number; readonly address: SocketAddress }
  | { readonly kind: 'error'; readonly error: ConnectionError }
  | { readonly kind: 'done' }
  | { readonly kind: 'dialled'; readonly answered: number; readonly errors: readonly string[] }
  | { readonly kind: 'order'; readonly order: readonly number[] }
  | ({ readonly kind: 'state' } & ThreadState);

export interface ThreadState {
  readonly connections: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly statistics: LoopStatistics;
  readonly closings: Readonly<Record<string, Closings>>;
  readonly remotes: readonly string[];
  /** Ends of turns seen. */
  readonly turnEnds: number;
  readonly heapBytes: number;
}

export interface Answered {
  readonly id: number;
  readonly answer: Answer;
}

function isAsked(message: unknown): message is Asked {
  return typeof message === 'object' && message !== null && 'command' in message;
}

class TestThread {
  readonly #thread: DataThread;
  readonly #closings: Record<string, Closings> = {};
  readonly #listeners: Listener[] = [];
  readonly #remotes: string[] = [];
  #turnEnds = 0;
  #chainId = 0;

  constructor(thread: DataThread) {
    this.#thread = thread;
    const { loop } = thread;
    for (const [service, name] of SERVICES.entries()) {
      const closings: Closings = { count: 0, codes: [] };
      this.#closings[name] = closings;
      loop.serve(service, (connection) => {
        if (this.#remotes.length < 100) this.#remotes.push(connection.remote);
        return makeSession(name, connection, closings, loop);
      });
    }
    loop.serveDatagrams(SERVICES.length, (socket) => new DatagramEcho(socket, thread.index));
    loop.onTurnEnd(() => {
      this.#turnEnds++;
    });
    thread.onMessage((message) => {
      if (isAsked(message)) this.#run(message.id, message.command);
    });
    thread.onWake(() => {
      if (thread.index !== 0) thread.wake((thread.index + 1) % thread.count);
      else thread.post({ id: this.#chainId, answer: { kind: 'done' } });
    });
  }

  #run(id: number, command: Command): void {
    const { loop } = this.#thread;
    const answer = (result: Answer): void => this.#thread.post({ id, answer: result });
    const done = (outcome: Listener | ConnectionError): void => {
      if ('code' in outcome) {
        answer({ kind: 'error', error: outcome });
        return;
      }
      const listener = this.#listeners.push(outcome) - 1;
      answer({ kind: 'listening', listener, address: outcome.address });
    };
    if (command.kind === 'listen') {
      const { address, backlog = 1024, spread = false, hold = false, tls, handshakeMs } = command;
      const secure = {
        ...(tls === undefined ? {} : { tls }),
        ...(handshakeMs === undefined ? {} : { handshakeMs }),
      };
      loop.listen({ address, backlog, spread, hold, ...secure }, SERVICES.indexOf(command.service), done);
    } else if (command.kind === 'listenForDatagrams') {
      const { address, spread = false, hold = false } = command;
      loop.listenForDatagrams({ address, backlog: 0, spread, hold }, SERVICES.length, done);
    } else if (command.kind === 'useCertificates') {
      this.#listeners[command.listener]?.useCertificates?.(command.certificates);
      answer({ kind: 'done' });
    } else if (command.kind === 'dial') {
      this.#dial(command, answer);
    } else if (command.kind === 'timers') {
      this.#timers(command.delaysMs, command.cancelled, answer);
    } else if (command.kind === 'chain') {
      this.#chainId = id;
      this.#thread.wake(1 % this.#thread.count);
    } else if (command.kind === 'hang') {
      answer({ kind: 'done' });
      for (;;);
    } else if (command.kind === 'state') {
      answer({ kind: 'state', ...this.#state() });
    } else {
      const listener = this.#listeners[command.listener];
      if (command.kind === 'closeListener') listener?.close();
      else if (command.kind === 'pauseListener') listener?.pause();
      const error = command.kind === 'openListener' ? (listener?.open() ?? null) : null;
      answer(error === null ? { kind: 'done' } : { kind: 'error', error });
    }
  }

  #dial(command: Command & { readonly kind: 'dial' }, answer: (result: Answer) => void): void {
    const { address, count, text, timeoutMs, tls } = command;
    let answered = 0;
    const errors: string[] = [];
    const settle = (): void => {
      if (answered + errors.length === count) answer({ kind: 'dialled', answered, errors });
    };
    for (let i = 0; i < count; i++) {
      const factory = (connection: Connection): Session => {
        let missing = text.length;
        return {
          opened: () => connection.output.text(text),
          feed: (_input, start, end) => {
            if (missing > 0 && missing <= end - start) {
              answered++;
              settle();
            }
            missing -= end - start;
            return end;
          },
          closed: (error) => {
            if (missing <= 0) return;
            errors.push(error?.code === 'EPROTO' ? error.message : (error?.code ?? 'closed'));
            settle();
          },
        };
      };
      this.#thread.loop.dial(address, timeoutMs, factory, tls);
    }
  }

  #timers(delaysMs: readonly number[], cancelled: readonly number[], answer: (result: Answer) => void): void {
    const { loop } = this.#thread;
    const order: number[] = [];
    const handles = delaysMs.map((delayMs, i) =>
      loop.schedule(delayMs, () => {
        order.push(i);
        // A timer set by a timer, due at once, runs in a later turn.
        if (i === 0) loop.schedule(0, () => order.push(-1));
      }),
    );
    for (const i of cancelled) loop.cancel(handles[i] ?? 0);
    loop.schedule(Math.max(...delaysMs) + 1, () => answer({ kind: 'order', order }));
  }

  #state(): ThreadState {
    const { loop } = this.#thread;
    // Not process.memoryUsage, which opens a file: there may be no descriptors left.
    const heap = getHeapStatistics();
    return {
      connections: loop.connectionCount,
      bytesRead: loop.bytesRead,
      bytesWritten: loop.bytesWritten,
      statistics: loop.statistics,
      closings: this.#closings,
      remotes: this.#remotes,
      turnEnds: this.#turnEnds,
      heapBytes: heap.used_heap_size + heap.external_memory,
    };
  }
}

void runDataThread((thread) => {
  new TestThread(thread);
});

/** Data threads of the transport tests, from the test's side. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { type DataThreads, startDataThreads, type TransportName } from '../src/net/data-threads.ts';
import type { SocketAddress } from '../src/net/loop.ts';
import type { ServiceName } from './transport-sessions.ts';
import type { Answer, Answered, Asked, Command, ThreadState } from './transport-thread.ts';

const ENTRY = new URL('./transport-thread.js', import.meta.url);
const HOST = fileURLToPath(new URL('./transport-host.js', import.meta.url));

function isAnswered(message: unknown): message is Answered {
  return typeof message === 'object' && message !== null && 'answer' in message;
}

/** Threads that can be asked things, wherever they are. */
export class Harness {
  readonly #send: (thread: number, asked: Asked) => void;
  readonly #waiting: Map<number, (answer: Answer) => void> = new Map();
  /** How `listen` listens where nothing else is said. */
  listenDefaults: Partial<Command & { readonly kind: 'listen' }> = {};
  #ids = 0;

  constructor(send: (thread: number, asked: Asked) => void) {
    this.#send = send;
  }

  /** To be called for each message from a thread. */
  received(message: unknown): void {
    if (!isAnswered(message)) return;
    this.#waiting.get(message.id)?.(message.answer);
    this.#waiting.delete(message.id);
  }

  ask(command: Command, thread = 0): Promise<Answer> {
    const id = ++this.#ids;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#send(thread, { id, command });
    });
  }

  async state(thread = 0): Promise<ThreadState> {
    const answer = await this.ask({ kind: 'state' }, thread);
    if (answer.kind !== 'state') throw new Error(`no state, but ${JSON.stringify(answer)}`);
    return answer;
  }

  /** Listens for a service, on any port of 127.0.0.1 unless said otherwise. @returns the address bound, and the listener's number */
  async listen(
    service: ServiceName,
    options: Partial<Command & { readonly kind: 'listen' }> = {},
  ): Promise<{ readonly address: SocketAddress; readonly listener: number }> {
    const address: SocketAddress = { family: 'ipv4', host: '127.0.0.1', port: 0 };
    const answer = await this.ask({ address, ...this.listenDefaults, ...options, kind: 'listen', service });
    if (answer.kind !== 'listening') throw new Error(`cannot listen: ${JSON.stringify(answer)}`);
    return answer;
  }
}

/** Has datagrams answered; as Harness.listen. */
export async function listenForDatagrams(
  harness: Harness,
  options: Partial<Command & { readonly kind: 'listenForDatagrams' }> = {},
): Promise<{ readonly address: SocketAddress; readonly listener: number }> {
  const address: SocketAddress = { family: 'ipv4', host: '127.0.0.1', port: 0 };
  const answer = await harness.ask({ address, ...options, kind: 'listenForDatagrams' });
  if (answer.kind !== 'listening') throw new Error(`cannot listen: ${JSON.stringify(answer)}`);
  return answer;
}

/** Threads of this process. */
export interface LocalHarness extends Harness {
  readonly threads: DataThreads;
  /** What `onFailure` was told. */
  readonly failures: readonly Error[];
}

export function startHarness(
  transport: TransportName,
  count = 1,
  onFailure: (error: Error) => void = () => {},
  portableThreads = 0,
  startsOnDemand = false,
): LocalHarness {
  const failures: Error[] = [];
  const threads: DataThreads = startDataThreads({
    entry: ENTRY,
    threads: count,
    portableThreads,
    startsOnDemand,
    transport,
    data: null,
    onMessage: (message) => harness.received(message),
    onFailure: (error) => {
      failures.push(error);
      onFailure(error);
    },
  });
  const harness = new Harness((thread, asked) => threads.send(thread, asked));
  return Object.assign(harness, { threads, failures });
}

/** One thread in a process of its own. */
export interface RemoteHarness extends Harness {
  readonly child: ChildProcess;
  stop(): Promise<void>;
}

/** @param descriptors the most the process may have open; 0: as many as this one */
export function startRemoteHarness(transport: TransportName, descriptors = 0): RemoteHarness {
  const limit = descriptors === 0 ? '' : `ulimit -n ${descriptors} && `;
  const child = spawn('/bin/sh', ['-c', `${limit}exec "$0" "$@"`, process.execPath, HOST, transport], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const harness = new Harness((_thread, asked) => child.send(asked));
  child.on('message', (message) => harness.received(message));
  const stop = async (): Promise<void> => {
    const exit = once(child, 'exit');
    child.disconnect();
    await exit;
  };
  return Object.assign(harness, { child, stop });
}

/** The arguments of node's connect for an address. */
export function connectOptions(address: SocketAddress): NetConnectOpts {
  return address.family === 'unix' ? { path: address.path } : { host: address.host, port: address.port };
}

/** A client over node:net that keeps what it gets. */
export class TestClient {
  static readonly #all: Set<TestClient> = new Set();
  readonly socket: Socket;
  #received: Buffer[] = [];
  #bytes = 0;
  #notify: (() => void) | null = null;
  hasEnded = false;
  errorCode = '';

  /** @param tls for a connection that is encrypted */
  constructor(address: SocketAddress, tls: ConnectionOptions | null = null) {
    TestClient.#all.add(this);
    const options = { ...connectOptions(address), allowHalfOpen: true, noDelay: true };
    this.socket = tls === null ? connect(options) : connectTls({ ...options, ...tls });
    this.socket.on('data', (bytes) => {
      this.#received.push(bytes);
      this.#bytes += bytes.length;
      this.#notify?.();
    });
    this.socket.on('end', () => {
      this.hasEnded = true;
      this.#notify?.();
    });
    this.socket.on('close', () => {
      this.hasEnded = true;
      this.#notify?.();
    });
    this.socket.on('error', (error) => {
      this.errorCode = 'code' in error ? String(error.code) : error.message;
    });
  }

  /** Closes those that a test has left open. */
  static closeAll(): void {
    for (const client of TestClient.#all) client.close();
  }

  get bytesReceived(): number {
    return this.#bytes;
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Waits for `count` bytes. @throws Error when the connection ends before */
  async read(count: number): Promise<Buffer> {
    while (this.#bytes < count) {
      if (this.hasEnded) throw new Error(`ended after ${this.#bytes} of ${count} bytes ${this.errorCode}`);
      await this.#change();
    }
    const all = Buffer.concat(this.#received);
    this.#received = [all.subarray(count)];
    this.#bytes -= count;
    return all.subarray(0, count);
  }

  /** Waits for the end. @returns all that came and was not read */
  async readAll(): Promise<Buffer> {
    while (!this.hasEnded) await this.#change();
    return Buffer.concat(this.#received);
  }

  async exchange(request: string, expectedBytes: number): Promise<string> {
    this.write(request);
    return (await this.read(expectedBytes)).toString('latin1');
  }

  close(): void {
    TestClient.#all.delete(this);
    this.socket.destroy();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#notify = resolve;
    });
  }
}

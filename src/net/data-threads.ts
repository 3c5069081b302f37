import type { Loop } from './loop.ts';

/** How bytes are moved: by epoll through libc, or by node:net. `auto` takes the reactor where it can. */
export type TransportName = 'auto' | 'reactor' | 'portable';

export interface DataThreadsOptions {
  /** The module that each thread runs; it calls `runDataThread`. */
  readonly entry: URL;
  readonly threads: number;
  readonly transport: TransportName;
  /** Structured-clonable data for the entry (SharedArrayBuffers are shared). */
  readonly data: unknown;
  /** A message from a thread. */
  readonly onMessage: (message: unknown, thread: number) => void;
  /** A thread ended by an exception; the process cannot go on serving. */
  readonly onFailure: (error: Error, thread: number) => void;
}

/** The data threads as the main thread sees them. */
export interface DataThreads {
  readonly count: number;
  /** Sends a structured-clonable message to one thread and wakes it. */
  send(thread: number, message: unknown): void;
  /** Ends all loops (their connections are closed) and the threads. */
  stop(): Promise<void>;
}

/** What a data thread's entry gets. */
export interface DataThread {
  readonly index: number;
  readonly count: number;
  readonly loop: Loop;
  readonly data: unknown;
  /** Sends a message to the main thread. */
  post(message: unknown): void;
  /** Is called for each message of the main thread, on the loop. */
  onMessage(callback: (message: unknown) => void): void;
  /** Is called when another data thread (or the main thread) has called `wake` for this one. */
  onWake(callback: () => void): void;
  /** Makes thread `index` run its `onWake` callback soon. Cheap when that thread is already awake. */
  wake(index: number): void;
}

import { fileURLToPath } from 'node:url';
import {
  getEnvironmentData,
  MessageChannel,
  type MessagePort,
  parentPort,
  receiveMessageOnPort,
  Worker,
  type WorkerOptions,
  workerData,
} from 'node:worker_threads';
import { StartError } from '../base/start-error.ts';
import { TWINCACHED_VERSION } from '../base/version.ts';
import { LINUX, type Libc, loadLibc } from './libc.ts';
import type { Loop } from './loop.ts';
import type { PortableLoop } from './portable.ts';
import type { Reactor } from './reactor.ts';
import { errorOfNumber } from './system-errors.ts';
import { createThreadControlMemory, ThreadControl, WAKE_CALLBACK, WAKE_MESSAGE } from './thread-control.ts';

/** How bytes are moved: by epoll through libc, or by node:net. `auto` takes the reactor where it can. */
export type TransportName = 'auto' | 'reactor' | 'portable';

export interface DataThreadsOptions {
  /** The module that each thread runs; it calls `runDataThread`. */
  readonly entry: URL;
  readonly threads: number;
  /** Threads on node:net beside those of the reactor, which have the numbers behind theirs; 0 unless given. Without a reactor there are none. */
  readonly portableThreads?: number;
  /**
   * The reactor's threads behind the first are started when something is handed or sent to them, each with the one behind it, so that it
   * runs when its turn comes. A process with few clients has the memory of few threads. Otherwise all start at once.
   */
  readonly startsOnDemand?: boolean;
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
  /** The transport that was chosen. */
  readonly transport: 'reactor' | 'portable';
  /** Sends a structured-clonable message to one thread and wakes it. Threads that are being stopped get none. */
  send(thread: number, message: unknown): void;
  /** Makes `thread` run its `onWake` callback soon. */
  wake(thread: number): void;
  /**
   * Ends all loops (their connections are closed) and the threads.
   *
   * @param timeoutMs after this a thread that does not come to the end of its turn is ended wherever it is; 5000 unless given
   */
  stop(timeoutMs?: number): Promise<void>;
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

/** Serves, listens and dials; what it has to load it may wait for. */
export type ThreadSetup = (thread: DataThread) => void | Promise<void>;

/** What travels from the main thread to a data thread beside its own data. */
interface Seat {
  /** Of the code that made the shared memory. */
  readonly version: string;
  readonly index: number;
  readonly count: number;
  readonly transport: 'reactor' | 'portable';
  readonly control: SharedArrayBuffer;
  readonly wakeDescriptors: readonly number[];
  /** By thread: 1 while a thread of node:net is about to be woken, so that it is not called twice. */
  readonly called: SharedArrayBuffer;
  readonly port: MessagePort;
  readonly data: unknown;
}

/** Messages to a thread; its own are wrapped, so that they cannot be taken for ours. */
type Letter = { readonly kind: 'message'; readonly message: unknown } | { readonly kind: 'wake' | 'stop' };

/**
 * What a data thread may use for short-lived objects, the smallest that the engine knows. Requests make none, so little is enough; a small
 * space stays in the processor's cache, and each thread has its own.
 */
const YOUNG_GENERATION_MB = 3;

const STOP_TIMEOUT_MS = 5000;

/** What a thread tells the main thread on the worker's own port: that it runs, or the number of a thread of node:net to be woken. */
const RUNNING = 'running';

/** What a thread of the reactor tells the main thread when it has something for one that has not been started. */
interface ThreadNeeded {
  readonly needed: number;
}

function isThreadNeeded(message: unknown): message is ThreadNeeded {
  return typeof message === 'object' && message !== null && 'needed' in message;
}

/** Under which environment data a thread has its seat that was started before there was one. */
export const SEAT = 'twincached.seat';

/** What a thread says on its worker's own port when all that can be done beforehand is done. */
export const THREAD_WAITS = 'waits';

/** What a waiting thread is told. */
interface ThreadOrder {
  /** Path of the module that it runs. */
  readonly entry: string;
  readonly seat: Seat;
}

/** Whether a message tells a waiting thread what it is to run. It comes from our own code, so its parts are check enough. */
export function isThreadOrder(message: unknown): message is ThreadOrder {
  return typeof message === 'object' && message !== null && 'entry' in message && 'seat' in message;
}

/** Started, and not yet told for what. */
let waiting: Worker | null = null;

/**
 * Starts a thread that waits to become the first one of the next `startDataThreads`, whatever its entry is: half of the time that the start of a
 * server takes is the start of its thread.
 *
 * @returns fulfilled when it waits
 */
export function prepareDataThread(): Promise<void> {
  loadLibc();
  const worker = new Worker(new URL('./waiting-thread.js', import.meta.url), workerOptions(null));
  waiting = worker;
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', () => {
      worker.off('error', reject);
      resolve();
    });
  });
}

function workerOptions(data: unknown): WorkerOptions {
  return {
    workerData: data,
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  };
}

/** A thread with a seat, from the one that waits or anew. */
function startWorker(entry: URL, seat: Seat): Worker {
  const worker = waiting;
  waiting = null;
  if (worker === null) return new Worker(entry, { ...workerOptions(seat), transferList: [seat.port] });
  const order: ThreadOrder = { entry: fileURLToPath(entry), seat };
  worker.postMessage(order, [seat.port]);
  return worker;
}

/** What ends the threads that run in this process. */
const running: Set<() => void> = new Set();

/** An exit waits for the threads, and a thread that sleeps in epoll_wait does not see that it is to end. */
const stopRunning = (): void => {
  for (const stop of running) stop();
};

/**
 * Starts the data threads. They run until `stop`; nothing is accepted before the entry module listens.
 *
 * The first thread is started alone, and the others when its loop runs: the cores then work on what opens the port. Connections
 * that are handed to a thread before it runs wait for it.
 *
 * @throws StartError when the transport asked for cannot be had on this system
 */
export function startDataThreads(options: DataThreadsOptions): DataThreads {
  const libc = options.transport === 'portable' ? null : loadLibc();
  if (libc === null && options.transport === 'reactor') {
    throw new StartError(
      'the reactor transport needs Linux and the koffi package; the portable one works without',
    );
  }
  // node:net cannot share a listening socket between threads.
  const reactors = libc === null ? 0 : options.threads;
  const count = libc === null ? 1 : reactors + (options.portableThreads ?? 0);
  const wakeDescriptors = libc === null ? [] : openWakeDescriptors(libc, reactors);
  const memory = createThreadControlMemory(reactors);
  const control = new ThreadControl(memory, wakeDescriptors, wakeUpCall(libc));
  const called = new SharedArrayBuffer(4 * count);
  let isStopping = false;

  const threads = Array.from({ length: count }, (_, index) => {
    const { port1: port, port2 } = new MessageChannel();
    const seat: Seat = {
      version: TWINCACHED_VERSION,
      index,
      count,
      transport: index < reactors ? 'reactor' : 'portable',
      control: memory,
      wakeDescriptors,
      called,
      port: port2,
      data: options.data,
    };
    port.on('message', (message: unknown) => options.onMessage(message, index));
    let ended: Promise<void> = Promise.resolve();
    let terminate = (): void => {};
    let isStarted = false;
    const start = (onRunning: () => void): void => {
      if (isStopping || isStarted) return;
      isStarted = true;
      if (index < reactors) control.start(index);
      let worker: Worker;
      try {
        worker = startWorker(options.entry, seat);
      } catch (error) {
        // The system gives no more threads.
        const reason = error instanceof Error ? error.message : String(error);
        options.onFailure(new Error(`data thread ${index} cannot be started: ${reason}`), index);
        return;
      }
      terminate = () => worker.terminate();
      let failure: Error | null = null;
      ended = new Promise<void>((resolve) => {
        worker.on('exit', (code) => {
          resolve();
          if (isStopping && failure === null) return;
          options.onFailure(failure ?? new Error(`data thread ${index} ended with status ${code}`), index);
        });
      });
      worker.on('error', (error) => {
        failure = error instanceof Error ? error : new Error(String(error));
      });
      worker.on('message', (message: unknown) => {
        if (message === RUNNING) onRunning();
        else if (typeof message === 'number') wake(message);
        else if (isThreadNeeded(message)) {
          need(message.needed);
          // Its turn is next.
          need(message.needed + 1);
        }
      });
    };
    const post = (letter: Letter): void => {
      port.postMessage(letter);
      if (letter.kind !== 'stop') need(index);
      if (index < reactors) control.wake(index, WAKE_MESSAGE);
    };
    const close = (): void => {
      // What it posted last may not have been read yet.
      for (let last = receiveMessageOnPort(port); last !== undefined; last = receiveMessageOnPort(port)) {
        options.onMessage(last.message, index);
      }
      port.close();
    };
    return { post, start, ended: () => ended, terminate: () => terminate(), close };
  });
  const wake = (thread: number): void => {
    if (isStopping) return;
    if (thread < reactors) control.wake(thread, WAKE_CALLBACK);
    else threads[thread]?.post({ kind: 'wake' });
  };
  const needed = new Set<number>();
  let isFirstRunning = false;
  /** The first thread is started before all others, whoever needs them. */
  function need(thread: number): void {
    needed.add(thread);
    if (isFirstRunning) threads[thread]?.start(() => {});
  }
  threads[0]?.start(() => {
    isFirstRunning = true;
    for (const [index, thread] of threads.entries()) {
      const isAlways = index >= reactors || options.startsOnDemand !== true;
      if (isAlways || needed.has(index)) thread.start(() => {});
    }
  });

  const stopAll = (): void => {
    for (const thread of threads) thread.post({ kind: 'stop' });
  };
  if (running.size === 0) process.on('exit', stopRunning);
  running.add(stopAll);

  const stop = async (timeoutMs: number): Promise<void> => {
    isStopping = true;
    stopAll();
    const deadline = setTimeout(() => {
      for (const thread of threads) thread.terminate();
    }, timeoutMs);
    await Promise.all(threads.map((thread) => thread.ended()));
    clearTimeout(deadline);
    running.delete(stopAll);
    if (running.size === 0) process.off('exit', stopRunning);
    for (const thread of threads) thread.close();
    // What was handed to a thread that had ended, or was never started.
    for (let thread = 0; thread < reactors; thread++) {
      control.takeHandedOver(thread, (descriptor) => libc?.close(descriptor));
    }
    for (const descriptor of wakeDescriptors.splice(0)) libc?.close(descriptor);
  };
  let stopped: Promise<void> | null = null;

  return {
    count,
    transport: libc === null ? 'portable' : 'reactor',
    send(thread, message) {
      if (!isStopping) threads[thread]?.post({ kind: 'message', message });
    },
    wake,
    stop(timeoutMs = STOP_TIMEOUT_MS) {
      stopped ??= stop(timeoutMs);
      return stopped;
    },
  };
}

/**
 * Runs this thread's loop; called by the entry module. `setup` serves, listens and dials; it and everything it sets up run on the loop, where
 * promises are never settled: a thread of the reactor does not return to node's own event loop before it is stopped.
 */
export async function runDataThread(setup: ThreadSetup): Promise<void> {
  const seat: Seat = workerData ?? getEnvironmentData(SEAT);
  // A thread may start long after the first, and find other files where the program's were.
  if (seat.version !== TWINCACHED_VERSION) {
    throw new Error(
      `version ${seat.version} runs, and was replaced by version ${TWINCACHED_VERSION}: it must be restarted`,
    );
  }
  // Only the transport in use is loaded, and none by the main thread: each thread has its own copy of all code in memory.
  if (seat.transport === 'reactor')
    await runReactorThread(seat, setup, (await import('./reactor.ts')).Reactor);
  else await runPortableThread(seat, setup, (await import('./portable.ts')).PortableLoop);
}

async function runPortableThread(
  seat: Seat,
  setup: ThreadSetup,
  Transport: typeof PortableLoop,
): Promise<void> {
  const { index, count, port, data } = seat;
  const loop = new Transport();
  const isAlone = seat.wakeDescriptors.length === 0;
  const control = new ThreadControl(
    seat.control,
    seat.wakeDescriptors,
    wakeUpCall(isAlone ? null : loadLibc()),
  );
  const messageCallbacks: ((message: unknown) => void)[] = [];
  const wakeCallbacks: (() => void)[] = [];
  const called = new Int32Array(seat.called);
  const wake = (): void => {
    // First, so that whoever has something for this thread from now on calls it again.
    Atomics.store(called, index, 0);
    loop.enter();
    for (const callback of wakeCallbacks) callback();
  };
  await setup({
    index,
    count,
    loop,
    data,
    post: (message) => port.postMessage(message),
    onMessage: (callback) => messageCallbacks.push(callback),
    onWake: (callback) => wakeCallbacks.push(callback),
    wake: (thread) => {
      if (thread === index) setImmediate(wake);
      else wakeThread(control, called, thread);
    },
  });
  // Not before: what has come meanwhile waits in the port for somebody to listen.
  port.on('message', (letter: Letter) => {
    loop.enter();
    if (letter.kind === 'message') {
      for (const callback of messageCallbacks) callback(letter.message);
    } else if (letter.kind === 'wake') {
      wake();
    } else {
      loop.stop();
      port.close();
    }
  });
  tellRunning();
}

/** Wakes another thread: one of the reactor itself, one of node:net by way of the main thread. */
function wakeThread(control: ThreadControl, called: Int32Array, thread: number): void {
  if (thread < control.count) control.wake(thread, WAKE_CALLBACK);
  else if (Atomics.exchange(called, thread, 1) === 0) parentPort?.postMessage(thread);
}

/** Tells the main thread that this thread's entry has been set up. */
function tellRunning(): void {
  parentPort?.postMessage(RUNNING);
}

async function runReactorThread(seat: Seat, setup: ThreadSetup, Transport: typeof Reactor): Promise<void> {
  const { index, count, port, data } = seat;
  const libc = loadLibc();
  if (libc === null) throw new Error('the calls of libc that the main thread has cannot be bound here');
  const control = new ThreadControl(seat.control, seat.wakeDescriptors, wakeUpCall(libc));
  const messageCallbacks: ((message: unknown) => void)[] = [];
  const wakeCallbacks: (() => void)[] = [];
  const called = new Int32Array(seat.called);
  const onMessages = (): void => {
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      const letter: Letter = next.message;
      if (letter.kind === 'stop') reactor.stop();
      else if (letter.kind === 'message') for (const callback of messageCallbacks) callback(letter.message);
    }
  };
  const onWake = (): void => {
    for (const callback of wakeCallbacks) callback();
  };
  const onThreadNeeded = (thread: number): void => {
    const message: ThreadNeeded = { needed: thread };
    parentPort?.postMessage(message);
  };
  const reactor = new Transport(libc, { index, control, onMessages, onWake, onThreadNeeded });
  await setup({
    index,
    count,
    loop: reactor,
    data,
    post: (message) => port.postMessage(message),
    onMessage: (callback) => messageCallbacks.push(callback),
    onWake: (callback) => wakeCallbacks.push(callback),
    wake: (thread) => wakeThread(control, called, thread),
  });
  tellRunning();
  reactor.run();
  port.close();
}

function openWakeDescriptors(libc: Libc, count: number): number[] {
  return Array.from({ length: count }, () => {
    const descriptor = libc.eventfd(0, LINUX.EFD_NONBLOCK | LINUX.EFD_CLOEXEC);
    if (descriptor < 0) throw new StartError(`eventfd: ${errorOfNumber(libc.errno()).message}`);
    return descriptor;
  });
}

/** Writes the number one to a descriptor made by eventfd(2), which ends the sleep of the thread that waits for it. */
function wakeUpCall(libc: Libc | null): (descriptor: number) => void {
  const one = new BigUint64Array(new ArrayBuffer(8)).fill(1n);
  const address = libc?.addressOf(new Uint8Array(one.buffer)) ?? 0n;
  return (descriptor) => {
    // Keeps the array alive with the closure.
    libc?.write(descriptor, address, one.byteLength);
  };
}

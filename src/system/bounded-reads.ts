/*
 * Reading files that may lie on a mount that hangs. Such a call does not come back, cannot be ended, and holds one of the few threads that Node has for
 * files, names and hashes alike. So each mount of another host, and each path of this one, has one reading under way at most, and all together leave
 * a thread free; who has waited for long is told so and goes on without.
 */
import { readdirSync, stat } from 'node:fs';
import { servedMountNow } from './mounts.ts';

/** What was to be read has not been, and is not waited for any longer. */
export class NoAnswerError extends Error {}

/** Threads of Node's pool where the environment does not say otherwise: more than its four, because each mount that hangs holds one. */
const THREADS_WANTED = 8;
const THREADS_OF_NODE = 4;

interface Reading {
  /** Of which there is one at a time. */
  readonly key: string;
  readonly path: string;
  readonly isServed: boolean;
  readonly patienceMs: number;
  /** It is only told when it hangs itself, not when it has to wait. */
  readonly isPatient: boolean;
  readonly begin: () => void;
  readonly refuse: (error: NoAnswerError) => void;
  dueMs: number;
  /** Nobody waits for it any longer. */
  isHung: boolean;
}

export interface BoundedReadsOptions {
  /** Of the pool in which the readings are made; asked for before the first one. */
  readonly threads: () => number;
  /** The mount of another host that a path leads to, or null. */
  readonly servedMount: (path: string) => string | null;
}

/** Lets readings through, a few at a time. */
export class BoundedReads {
  readonly #options: BoundedReadsOptions;
  #threads = 0;
  readonly #running: Map<string, Reading> = new Map();
  /** In the order in which they were asked for. */
  readonly #waiting: Set<Reading> = new Set();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: BoundedReadsOptions) {
    this.#options = options;
  }

  /** Readings that do not come back. */
  get hung(): number {
    let count = 0;
    for (const { isHung } of this.#running.values()) if (isHung) count += 1;
    return count;
  }

  /** Readings that have not come back, for however short a time. */
  get underWay(): number {
    return this.#running.size;
  }

  /** Whether a path leads to what somebody else serves; says so at once. */
  mayHang(path: string): boolean {
    return this.#options.servedMount(path) !== null;
  }

  /**
   * Makes a reading when it is its turn.
   *
   * @param path what is read, as it is told
   * @param patienceMs for how long it may take
   * @param operation one call of the system's
   * @param options.tooLate gets what comes when nobody waits any longer: what has to be closed
   * @param options.isPatient it waits for its turn for as long as it takes: something that must be done in any case
   * @throws NoAnswerError when that time is over, or a reading of the same mount or path has not come back
   */
  run<T>(
    path: string,
    patienceMs: number,
    operation: () => Promise<T>,
    { tooLate, isPatient = false }: { tooLate?: (value: T) => void; isPatient?: boolean } = {},
  ): Promise<T> {
    if (this.#threads === 0) this.#threads = this.#options.threads();
    const mount = this.#options.servedMount(path);
    const key = mount ?? path;
    return new Promise((resolve, reject) => {
      if (!isPatient && this.#running.get(key)?.isHung === true) {
        reject(noAnswer(path));
        return;
      }
      const end = (reading: Reading, settle: () => void): void => {
        this.#running.delete(key);
        if (!reading.isHung) settle();
        this.#beginAll();
        if (this.#waiting.size === 0 && this.hung === this.#running.size) this.#disarm();
        else this.#arm();
      };
      const reading: Reading = {
        key,
        path,
        isServed: mount !== null,
        patienceMs,
        isPatient,
        begin: () =>
          void operation().then(
            (value) => {
              if (reading.isHung) tooLate?.(value);
              end(reading, () => resolve(value));
            },
            (error) => end(reading, () => reject(error)),
          ),
        refuse: reject,
        dueMs: performance.now() + patienceMs,
        isHung: false,
      };
      this.#waiting.add(reading);
      this.#beginAll();
      this.#arm();
    });
  }

  /** Those of other hosts leave one thread more: a dozen mounts that hang must not keep anybody from this host's own files. */
  #beginAll(): void {
    let served = 0;
    for (const { isServed } of this.#running.values()) if (isServed) served += 1;
    for (const reading of this.#waiting) {
      const others = this.#running.size;
      if (others >= Math.max(1, this.#threads - 1)) return;
      if (this.#running.has(reading.key)) continue;
      if (reading.isServed && served >= Math.max(1, this.#threads - 2)) continue;
      if (reading.isServed) served += 1;
      this.#waiting.delete(reading);
      this.#running.set(reading.key, reading);
      if (reading.isPatient) reading.dueMs = performance.now() + reading.patienceMs;
      reading.begin();
    }
  }

  #arm(): void {
    if (this.#timer !== null) return;
    let dueMs = Number.POSITIVE_INFINITY;
    for (const reading of this.#running.values()) if (!reading.isHung) dueMs = Math.min(dueMs, reading.dueMs);
    for (const reading of this.#waiting) if (!reading.isPatient) dueMs = Math.min(dueMs, reading.dueMs);
    if (dueMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(
      () => {
        // If it was us who slept, what was read waits to be taken: one turn of the loop does that before the verdict.
        this.#timer = null;
        setImmediate(() => {
          this.#expire(performance.now());
          this.#arm();
        });
      },
      Math.max(1, dueMs - performance.now()),
    );
  }

  /** Nobody waits: this is not to keep the process. */
  #disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #expire(nowMs: number): void {
    for (const reading of this.#running.values()) {
      if (reading.isHung || reading.dueMs > nowMs) continue;
      reading.isHung = true;
      reading.refuse(noAnswer(reading.path));
    }
    for (const reading of this.#waiting) {
      if (reading.isPatient) continue;
      const isBehindHung = this.#running.get(reading.key)?.isHung === true;
      if (!isBehindHung && reading.dueMs > nowMs) continue;
      // In a queue that moves its turn comes.
      if (!isBehindHung && !this.#isStuckFor(reading)) reading.dueMs = nowMs + reading.patienceMs;
      else {
        this.#waiting.delete(reading);
        reading.refuse(noAnswer(reading.path));
      }
    }
  }

  #isStuckFor({ isServed }: Reading): boolean {
    let hung = 0;
    let hungServed = 0;
    for (const running of this.#running.values()) {
      if (!running.isHung) continue;
      hung += 1;
      if (running.isServed) hungServed += 1;
    }
    return (
      hung >= Math.max(1, this.#threads - 1) || (isServed && hungServed >= Math.max(1, this.#threads - 2))
    );
  }
}

function noAnswer(path: string): NoAnswerError {
  return new NoAnswerError(`${path} does not answer`);
}

/**
 * How many threads Node's pool has. It makes them at its first use and not later, so where this is that use there can be more of them.
 */
function poolThreads(): number {
  const own = process.env['UV_THREADPOOL_SIZE'];
  if (own === undefined) process.env['UV_THREADPOOL_SIZE'] = String(THREADS_WANTED);
  const before = ownThreads();
  stat('/', () => {});
  const made = ownThreads() - before;
  // The programs that are started are not to have it.
  if (own === undefined) delete process.env['UV_THREADPOOL_SIZE'];
  const asked = own === undefined ? THREADS_WANTED : Number.parseInt(own, 10) || THREADS_OF_NODE;
  return made > 0 ? Math.min(made, asked) : own === undefined ? THREADS_OF_NODE : asked;
}

function ownThreads(): number {
  try {
    return readdirSync('/proc/self/task').length;
  } catch {
    return 0;
  }
}

/** Of this process, as its pool is. */
export const PROCESS_READS: BoundedReads = new BoundedReads({
  threads: poolThreads,
  servedMount: servedMountNow,
});

/**
 * The log's shared memory: one ring of lines for each data thread, written by that thread only, and read by every thread that has
 * watchers. Readers publish how far they have read; a writer whose ring is full of what somebody has not read drops its line.
 */

/** Kinds of events; a watcher asks for any of them. Bits. */
export const STREAM = {
  fetchers: 1,
  mutations: 2,
  evictions: 4,
  connevents: 8,
  sysevents: 16,
  deletions: 32,
  /** What memcached never writes to without its proxy, and neither do we. */
  rawcmds: 64,
  proxyreqs: 128,
  proxyevents: 256,
  proxyuser: 512,
} as const;
const STREAMS = 10;

/** Watchers at a time, on all threads together. */
export const WATCHERS_MAX = 20;

const EPOCH = 0;
const WATCHERS = 1;
/** How many watchers want each stream. */
const WANTED = 2;
/** The thread that reads through each slot, plus one; 0 free. */
const READERS: number = WANTED + STREAMS;
/** By thread: how far it has written; and then how far each reader has read. */
const HEAD: number = READERS + WATCHERS_MAX;
const THREAD_WORDS: number = 1 + WATCHERS_MAX;

/** In front of each line: its length and its stream, 16 bits each. */
const RECORD_HEAD_BYTES = 4;

/** The largest line; a key of 250 bytes may be written as 750. */
export const LINE_BYTES_MAX = 1536;

/** What an interface needs to be cloned to each thread. */
export interface SharedLog {
  readonly words: SharedArrayBuffer;
  readonly lines: SharedArrayBuffer;
  /** The number of the next line, over all threads. */
  readonly serial: SharedArrayBuffer;
  readonly threads: number;
}

/** @param ringBytes of each thread; rounded up to a power of two */
export function createSharedLog(threads: number, ringBytes: number): SharedLog {
  const rounded = 2 ** Math.ceil(Math.log2(Math.max(ringBytes, LINE_BYTES_MAX * 2)));
  return {
    words: new SharedArrayBuffer((HEAD + threads * THREAD_WORDS) * 4),
    lines: new SharedArrayBuffer(threads * rounded),
    serial: new SharedArrayBuffer(8),
    threads,
  };
}

/** One thread's view of the log. */
export class LogMemory {
  readonly #words: Int32Array;
  readonly #lines: Uint8Array;
  readonly #serial: BigInt64Array;
  readonly #threads: number;
  readonly #thread: number;
  readonly #ringBytes: number;
  /** The slot that this thread reads through, -1 for none. */
  #slot = -1;

  constructor(shared: SharedLog, thread: number) {
    this.#words = new Int32Array(shared.words);
    this.#lines = new Uint8Array(shared.lines);
    this.#serial = new BigInt64Array(shared.serial);
    this.#threads = shared.threads;
    this.#thread = thread;
    this.#ringBytes = shared.lines.byteLength / shared.threads;
  }

  /** Changes whenever what is wanted has changed. */
  get epoch(): number {
    return Atomics.load(this.#words, EPOCH);
  }

  get watchers(): number {
    return Atomics.load(this.#words, WATCHERS);
  }

  /** The streams that somebody wants, as bits of STREAM. */
  wanted(): number {
    let streams = 0;
    for (let i = 0; i < STREAMS; i++) if (Atomics.load(this.#words, WANTED + i) > 0) streams |= 1 << i;
    return streams;
  }

  /** Counts one more watcher. @returns false when there are too many */
  enter(streams: number): boolean {
    if (Atomics.add(this.#words, WATCHERS, 1) >= WATCHERS_MAX) {
      Atomics.sub(this.#words, WATCHERS, 1);
      return false;
    }
    this.#count(streams, 1);
    return true;
  }

  leave(streams: number): void {
    Atomics.sub(this.#words, WATCHERS, 1);
    this.#count(streams, -1);
  }

  #count(streams: number, by: number): void {
    for (let i = 0; i < STREAMS; i++)
      if ((streams & (1 << i)) !== 0) Atomics.add(this.#words, WANTED + i, by);
    Atomics.add(this.#words, EPOCH, 1);
  }

  /** Begins to read, from now on. There are as many slots as watchers, so one is free for each thread that has some. */
  open(): void {
    if (this.#slot >= 0) return;
    for (let slot = 0; slot < WATCHERS_MAX; slot++) {
      if (Atomics.compareExchange(this.#words, READERS + slot, 0, -1) !== 0) continue;
      // Positions first: a writer heeds them as soon as the slot has an owner.
      for (let thread = 0; thread < this.#threads; thread++) {
        Atomics.store(
          this.#words,
          this.#tailOf(thread, slot),
          Atomics.load(this.#words, this.#headOf(thread)),
        );
      }
      Atomics.store(this.#words, READERS + slot, this.#thread + 1);
      this.#slot = slot;
      return;
    }
  }

  close(): void {
    if (this.#slot >= 0) Atomics.store(this.#words, READERS + this.#slot, 0);
    this.#slot = -1;
  }

  /** Calls back with each thread that reads. */
  forReaders(callback: (thread: number) => void): void {
    for (let slot = 0; slot < WATCHERS_MAX; slot++) {
      const owner = Atomics.load(this.#words, READERS + slot);
      if (owner > 0) callback(owner - 1);
    }
  }

  /** The number of a line, one after the other over all threads. */
  nextSerial(): bigint {
    return Atomics.add(this.#serial, 0, 1n) + 1n;
  }

  /** Bytes of this thread's ring that its slowest reader has not read. */
  unread(): number {
    const head = this.#words[this.#headOf(this.#thread)]!;
    let most = 0;
    for (let slot = 0; slot < WATCHERS_MAX; slot++) {
      if (Atomics.load(this.#words, READERS + slot) <= 0) continue;
      most = Math.max(most, (head - Atomics.load(this.#words, this.#tailOf(this.#thread, slot))) | 0);
    }
    return most;
  }

  get ringBytes(): number {
    return this.#ringBytes;
  }

  /** Writes a line (latin-1) to this thread's ring. @returns false when it is full: the line is dropped */
  append(line: string, stream: number): boolean {
    const count = line.length;
    if (count > LINE_BYTES_MAX || this.unread() + RECORD_HEAD_BYTES + count > this.#ringBytes) return false;
    const headAt = this.#headOf(this.#thread);
    const head = this.#words[headAt]!;
    this.#put(head, count & 255);
    this.#put(head + 1, count >>> 8);
    this.#put(head + 2, stream & 255);
    this.#put(head + 3, stream >>> 8);
    for (let i = 0; i < count; i++) this.#put(head + RECORD_HEAD_BYTES + i, line.charCodeAt(i));
    Atomics.store(this.#words, headAt, (head + RECORD_HEAD_BYTES + count) | 0);
    return true;
  }

  /**
   * Reads what all threads have written since the last call.
   *
   * @param line is filled with each line in turn; at least LINE_BYTES_MAX long
   */
  read(line: Uint8Array, callback: (bytes: number, stream: number) => void): void {
    if (this.#slot < 0) return;
    for (let thread = 0; thread < this.#threads; thread++) {
      const tailAt = this.#tailOf(thread, this.#slot);
      const head = Atomics.load(this.#words, this.#headOf(thread));
      let tail = this.#words[tailAt]!;
      while (tail !== head) {
        const count = this.#get(thread, tail) | (this.#get(thread, tail + 1) << 8);
        const stream = this.#get(thread, tail + 2) | (this.#get(thread, tail + 3) << 8);
        for (let i = 0; i < count; i++) line[i] = this.#get(thread, tail + RECORD_HEAD_BYTES + i);
        tail = (tail + RECORD_HEAD_BYTES + count) | 0;
        Atomics.store(this.#words, tailAt, tail);
        callback(count, stream);
      }
    }
  }

  #headOf(thread: number): number {
    return HEAD + thread * THREAD_WORDS;
  }

  #tailOf(thread: number, slot: number): number {
    return HEAD + thread * THREAD_WORDS + 1 + slot;
  }

  #put(position: number, byte: number): void {
    this.#lines[this.#thread * this.#ringBytes + (position & (this.#ringBytes - 1))] = byte;
  }

  #get(thread: number, position: number): number {
    return this.#lines[thread * this.#ringBytes + (position & (this.#ringBytes - 1))]!;
  }
}

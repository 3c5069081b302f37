/**
 * What the threads of one process share to wake each other and to hand over accepted connections: one Int32Array.
 *
 * A thread that is about to wait says so (`sleep`) and looks once more whether there is something to do; whoever has something for it sets
 * a bit first and then looks whether it sleeps. Atomics are sequentially consistent, so one of the two sees the other, and
 * the system call that wakes is made only for a thread that sleeps.
 */
import { assert } from '../base/assert.ts';

/** What a thread is woken for; bits. */
export const WAKE_MESSAGE = 1;
export const WAKE_CALLBACK = 2;
export const WAKE_DESCRIPTOR = 4;

/** Descriptors on their way to one thread. */
export const HANDOVER_MAX = 1024;

/** Words per thread: a cache line of its own for the flags, then the ring. */
const STATE = 0;
const REASONS = 1;
const RING_LOCK = 2;
const RING_HEAD = 3;
const RING_TAIL = 4;
const STARTED = 5;
const RING = 16;
/** Descriptor and service. */
const ENTRY_WORDS = 2;
const THREAD_WORDS: number = RING + HANDOVER_MAX * ENTRY_WORDS;

const AWAKE = 0;
const ASLEEP = 1;

/** The memory that all threads share for ThreadControl. */
export function createThreadControlMemory(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer(threads * THREAD_WORDS * 4);
}

export class ThreadControl {
  readonly #words: Int32Array;
  readonly #ring: (wakeDescriptor: number) => void;
  readonly #wakeDescriptors: readonly number[];

  /**
   * @param memory made by createThreadControlMemory
   * @param wakeDescriptors by thread: what its sleep is ended through
   * @param ring ends a sleep, by writing to that descriptor
   */
  constructor(
    memory: SharedArrayBuffer,
    wakeDescriptors: readonly number[],
    ring: (wakeDescriptor: number) => void,
  ) {
    this.#words = new Int32Array(memory);
    this.#wakeDescriptors = wakeDescriptors;
    this.#ring = ring;
  }

  get count(): number {
    return this.#wakeDescriptors.length;
  }

  wakeDescriptor(thread: number): number {
    const descriptor = this.#wakeDescriptors[thread];
    assert(descriptor !== undefined, 'there is no such thread');
    return descriptor;
  }

  /** Sees to it that `thread` finds `reason` soon. */
  wake(thread: number, reason: number): void {
    const base = thread * THREAD_WORDS;
    Atomics.or(this.#words, base + REASONS, reason);
    if (Atomics.load(this.#words, base + STATE) !== ASLEEP) return;
    if (Atomics.exchange(this.#words, base + STATE, AWAKE) === ASLEEP)
      this.#ring(this.wakeDescriptor(thread));
  }

  /** Says that `thread` is about to wait. @returns false when there is something to do, so that it must not */
  sleep(thread: number): boolean {
    const base = thread * THREAD_WORDS;
    Atomics.store(this.#words, base + STATE, ASLEEP);
    if (Atomics.load(this.#words, base + REASONS) === 0) return true;
    Atomics.store(this.#words, base + STATE, AWAKE);
    return false;
  }

  /** Says that `thread` runs. @returns what it was woken for */
  awake(thread: number): number {
    const base = thread * THREAD_WORDS;
    Atomics.store(this.#words, base + STATE, AWAKE);
    if (Atomics.load(this.#words, base + REASONS) === 0) return 0;
    return Atomics.exchange(this.#words, base + REASONS, 0);
  }

  /** Says that `thread` has been started, if it does not run yet. @returns false when that had been said */
  start(thread: number): boolean {
    return Atomics.exchange(this.#words, thread * THREAD_WORDS + STARTED, 1) === 0;
  }

  isStarted(thread: number): boolean {
    return Atomics.load(this.#words, thread * THREAD_WORDS + STARTED) !== 0;
  }

  /** Hands a connection to `thread` and wakes it. @returns false when too many are waiting there */
  handOver(thread: number, descriptor: number, service: number): boolean {
    const words = this.#words;
    const base = thread * THREAD_WORDS;
    // Several threads may listen; the lock is held for a few instructions.
    while (Atomics.compareExchange(words, base + RING_LOCK, 0, 1) !== 0);
    const tail = words[base + RING_TAIL]!;
    const isFull = ((tail - Atomics.load(words, base + RING_HEAD)) | 0) >= HANDOVER_MAX;
    if (!isFull) {
      const entry = base + RING + (tail & (HANDOVER_MAX - 1)) * ENTRY_WORDS;
      words[entry] = descriptor;
      words[entry + 1] = service;
      Atomics.store(words, base + RING_TAIL, (tail + 1) | 0);
    }
    Atomics.store(words, base + RING_LOCK, 0);
    if (!isFull) this.wake(thread, WAKE_DESCRIPTOR);
    return !isFull;
  }

  /** Takes what was handed to `thread`, in order. */
  takeHandedOver(thread: number, take: (descriptor: number, service: number) => void): void {
    const words = this.#words;
    const base = thread * THREAD_WORDS;
    let head = words[base + RING_HEAD]!;
    while (head !== Atomics.load(words, base + RING_TAIL)) {
      const entry = base + RING + (head & (HANDOVER_MAX - 1)) * ENTRY_WORDS;
      const descriptor = words[entry]!;
      const service = words[entry + 1]!;
      head = (head + 1) | 0;
      Atomics.store(words, base + RING_HEAD, head);
      take(descriptor, service);
    }
  }
}

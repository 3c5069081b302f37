import { type Call, type CallPool, failCall } from './call.ts';
import type { CallWriter } from './call-writer.ts';
import type { DestinationBackoff } from './destination-backoff.ts';
import type { DestinationReader } from './destination-reader.ts';
import { FAILURE, type Failure } from './failure.ts';
import type { Ring } from './ring.ts';
import type { RoutingSettings } from './settings.ts';

/** Who sends the calls. */
export interface CallsOwner {
  /** Calls that were written stand in front. */
  readonly queue: Ring<Call>;
  send(call: Call): void;
}

/** The calls that wait for one destination, for a connection or for an answer: what is taken in, and what becomes of those that get no answer. */
export class DestinationCalls {
  queuedBytes = 0;
  readonly #owner: CallsOwner;
  readonly #queue: Ring<Call>;
  readonly #pool: CallPool;
  readonly #reader: Pick<DestinationReader, 'paused' | 'streaming' | 'blocker'>;
  readonly #writer: CallWriter;
  readonly #backoff: DestinationBackoff;

  constructor(
    owner: CallsOwner,
    pool: CallPool,
    reader: Pick<DestinationReader, 'paused' | 'streaming' | 'blocker'>,
    writer: CallWriter,
    backoff: DestinationBackoff,
  ) {
    this.#owner = owner;
    this.#queue = owner.queue;
    this.#pool = pool;
    this.#reader = reader;
    this.#writer = writer;
    this.#backoff = backoff;
  }

  /** Whether one more call may wait. */
  hasRoom(call: Call, settings: RoutingSettings): boolean {
    const { length } = this.#queue;
    // A value as large as the bound finds room in an empty queue.
    const full = length > 0 && this.queuedBytes + call.request.length > settings.queueBytesMax;
    return !full && length < settings.queueCallsMax;
  }

  add(call: Call): void {
    const bytes = call.request.length;
    call.queuedBytes = bytes;
    this.queuedBytes += bytes;
    this.#queue.push(call);
    this.#writer.waiting++;
  }

  /** Takes the oldest call out of the queue. */
  dequeue(): Call {
    const call = this.#queue.shift();
    this.queuedBytes -= call.queuedBytes;
    this.#writer.left();
    return call;
  }

  /** Takes a call of which nothing was written out of the queue. */
  withdraw(index: number): Call {
    const call = this.#queue.removeAt(index);
    this.queuedBytes -= call.queuedBytes;
    this.#writer.waiting--;
    return call;
  }

  /** A call's connection is no more. It is out of the queue. @param mayBeDone the server may have got all of it */
  lost(call: Call, failure: Failure, mayBeDone: boolean): void {
    if (call.detached) {
      this.#pool.release(call);
      return;
    }
    if (mayBeDone) {
      call.fateUnknown = true;
      call.timesLost++;
    }
    const isSafe = !mayBeDone || call.request.isRetrySafe;
    const again = failure === FAILURE.reset && !call.resent && isSafe;
    call.written = false;
    if (this.#pool.dropAnswered(call)) return;
    if (again) {
      call.resent = true;
      this.#owner.send(call);
    } else this.fail(call, failure);
  }

  /** A call has waited here in vain. It is out of the queue. */
  fail(call: Call, failure: Failure): void {
    call.triedInVain.push(this.#owner);
    this.#backoff.giveHope(call);
    failCall(call, failure);
  }

  /** The calls that are overdue go elsewhere, and their replies are skipped when they come. */
  detachOverdue(nowMs: number): void {
    const queue = this.#queue;
    for (let index = 0; index < queue.length; index++) {
      const call = queue.at(index)!;
      if (call.deadlineMs > nowMs) return;
      if (index >= queue.length - this.#writer.waiting) {
        // Nothing of it was written, so it is not done here.
        this.fail(this.withdraw(index--), FAILURE.timeout);
        continue;
      }
      if (call.detached || (index === 0 && this.#reader.streaming)) continue;
      // It is its own client that it waits for.
      if (this.#reader.paused && call.request.owner === this.#reader.blocker) continue;
      // The record in the queue stays there for its reply; a copy of it goes on.
      const copy = this.#pool.copy(call);
      call.detached = true;
      call.join = null;
      copy.fateUnknown = true;
      if (!this.#pool.dropAnswered(copy)) this.fail(copy, FAILURE.timeout);
    }
  }

  /** Of calls that wait for a connection. */
  failOverdueWaiting(nowMs: number): void {
    for (;;) {
      const call = this.#queue.peek();
      if (call === undefined || call.deadlineMs > nowMs) return;
      this.fail(this.dequeue(), FAILURE.timeout);
    }
  }
}

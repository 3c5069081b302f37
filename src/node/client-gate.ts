import type { DataThread } from '../net/data-threads.ts';
import type { Listener } from '../net/loop.ts';
import type { NodeOptions } from './options.ts';
import type { SharedFigures } from './shared-figures.ts';

/**
 * How many clients may be connected (`-c`), on one thread. With `maxconns_fast` one too many is let in, told so and closed. Without, thread 0
 * stops accepting when the node is full, and clients wait in the kernel's queue until one leaves.
 */
export class ClientGate {
  readonly #figures: SharedFigures;
  readonly #connectionsMax: number;
  readonly #isFast: boolean;
  readonly #isLeader: boolean;
  readonly #isApart: boolean;
  readonly #thread: DataThread;
  readonly #listeners: readonly Listener[];
  /** Thread 0: when it stopped accepting; -1 while it accepts. */
  #closedAtMs = -1;

  /** @param listeners of this thread, as they come and go; @param isApart it accepts clients, and is not thread 0 */
  constructor(
    thread: DataThread,
    options: NodeOptions,
    figures: SharedFigures,
    listeners: readonly Listener[],
    isApart: boolean,
  ) {
    this.#thread = thread;
    this.#figures = figures;
    this.#connectionsMax = options.connectionsMax;
    this.#isFast = options.extended.connectionsMaxFast;
    this.#isLeader = thread.index === 0;
    this.#isApart = isApart;
    this.#listeners = listeners;
    if (this.#isLeader && !this.#isFast) thread.onWake(() => this.#reopen());
  }

  /** Thread 0 has accepted a client, for whichever thread. */
  accepted(): void {
    if (this.#isFast) return;
    this.#figures.connectionAccepted();
    if (this.#figures.connectionsAccepted < this.#connectionsMax || this.#closedAtMs >= 0) return;
    this.#closedAtMs = this.#thread.loop.clock.monotonicMs();
    for (const listener of this.#listeners) listener.pause();
    this.#figures.listenDisabled();
    // A client that has left meanwhile, on another thread, has not seen that it is waited for.
    this.#thread.loop.schedule(0, () => this.#reopen());
  }

  /** A client is there. @returns false when it is one too many */
  opened(): boolean {
    if (this.#isApart) return this.#openedApart();
    return this.#figures.connectionOpened(this.#isFast ? this.#connectionsMax : Number.POSITIVE_INFINITY);
  }

  /** Accepted by this thread itself: it cannot wait in thread 0's queue, so one too many is told so in any case. */
  #openedApart(): boolean {
    if (!this.#figures.connectionOpened(this.#connectionsMax)) return false;
    if (!this.#isFast) this.#figures.connectionAccepted();
    return true;
  }

  /** A client that was let in has gone. */
  closed(): void {
    this.#figures.connectionClosed();
    if (this.#isFast) return;
    this.#figures.acceptedClosed();
    if (this.#figures.accepting) return;
    if (this.#isLeader) this.#thread.loop.schedule(0, () => this.#reopen());
    else this.#thread.wake(0);
  }

  #reopen(): void {
    if (this.#closedAtMs < 0 || this.#figures.connectionsAccepted >= this.#connectionsMax) return;
    this.#figures.listenEnabled(this.#thread.loop.clock.monotonicMs() - this.#closedAtMs);
    this.#closedAtMs = -1;
    // Whether it could be watched is known at the next client: an error here would be the kernel's want of memory.
    for (const listener of this.#listeners) listener.open();
  }
}

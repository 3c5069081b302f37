import type { ConnectionError } from '../base/session.ts';
import { formatAddress } from '../net/addresses.ts';
import type { DataThread } from '../net/data-threads.ts';
import type { Listener, SocketAddress } from '../net/loop.ts';
import { UNIX_MODE } from '../net/sockets.ts';
import type { ThreadPool } from './thread-messages.ts';

/** The service number of the first pool's clients. */
const SERVICE_FIRST = 1;

/** What is to be listened on, and for whom. */
interface Wanted {
  readonly service: number;
  readonly address: SocketAddress;
  readonly backlog: number;
}

/** An address on which clients of a service arrive. */
interface Bound extends Wanted {
  readonly listener: Listener;
}

/** The loop's number for the clients of a pool. @param serial see ThreadPool */
export function serviceOf(serial: number): number {
  return SERVICE_FIRST + serial;
}

/** The sockets on which clients arrive; of thread 0 alone. */
export class PoolListeners {
  readonly #thread: DataThread;
  /** In the order of the pools and their addresses. */
  #bound: readonly Bound[] = [];
  /** What `use` is to make of them; those that are new among them do not accept yet. */
  #prepared: readonly Bound[] = [];

  constructor(thread: DataThread) {
    this.#thread = thread;
  }

  /**
   * Binds what these pools listen on and is not bound yet, and has the kernel take connections there, which wait. Everything about it that can fail
   * does so here; what is bound goes on as it was until `use`.
   *
   * @param done called once, with null or why an address cannot be had; then what was bound for it is closed
   */
  prepare(pools: readonly ThreadPool[], done: (failure: string | null) => void): void {
    const wanted = pools.flatMap(({ pool: { backlog }, serial, listen }) =>
      listen.map((address): Wanted => ({ service: serviceOf(serial), address, backlog })),
    );
    const listeners: (Listener | null)[] = this.#known(wanted);
    const missing = wanted.map((_, index) => index).filter((index) => listeners[index] === null);
    const fresh: Listener[] = [];
    let failure: string | null = null;
    let waiting = missing.length;
    const settle = (): void => {
      for (const listener of fresh) failure ??= notTaken(listener.address, listener.listen?.() ?? null);
      if (failure !== null) for (const listener of fresh) listener.close();
      else
        this.#prepared = wanted.flatMap((one, index) => {
          const listener = listeners[index] ?? null;
          return listener === null ? [] : [{ ...one, listener }];
        });
      done(failure);
    };
    if (waiting === 0) settle();
    for (const index of missing) {
      const { address, backlog, service } = wanted[index]!;
      const options = { address, backlog, spread: this.#thread.count > 1, hold: true };
      this.#thread.loop.listen(options, service, (outcome) => {
        if (isListener(outcome)) {
          fresh.push(outcome);
          listeners[index] = outcome;
        } else failure ??= notTaken(address, outcome);
        waiting--;
        if (waiting === 0) settle();
      });
    }
  }

  /** Which listener of those that are bound is kept for what is wanted. An address that goes from one pool to another stays bound. */
  #known(wanted: readonly Wanted[]): (Listener | null)[] {
    const left = [...this.#bound];
    const found = wanted.map((): Listener | null => null);
    const keep = (fits: (bound: Bound, one: Wanted) => boolean): void => {
      wanted.forEach((one, index) => {
        if (found[index] !== null) return;
        const at = left.findIndex((bound) => fits(bound, one));
        if (at >= 0) found[index] = left.splice(at, 1)[0]?.listener ?? null;
      });
    };
    const isSameAddress = (bound: Bound, one: Wanted): boolean =>
      formatAddress(bound.address) === formatAddress(one.address);
    keep((bound, one) => bound.service === one.service && isSameAddress(bound, one));
    // Any free port is not the same for two pools.
    keep(
      (bound, one) => isSameAddress(bound, one) && !(one.address.family !== 'unix' && one.address.port === 0),
    );
    return found;
  }

  /**
   * Listens on what was prepared last, and on nothing else; those that are new accept when they are opened.
   *
   * @param tell is given a line for what could not be had all the same
   */
  use(tell: (line: string) => void): void {
    const before = this.#bound;
    this.#bound = this.#prepared;
    const kept = new Set(this.#bound.map(({ listener }) => listener));
    for (const { listener } of before) if (!kept.has(listener)) listener.close();
    for (const now of this.#bound) {
      const was = before.find(({ listener }) => listener === now.listener);
      if (was === undefined || isSame(was, now)) continue;
      const error = now.listener.useFor?.(now.service, now.backlog, modeOf(now.address)) ?? null;
      if (error !== null) tell(`the mode of ${formatAddress(now.address)} stays as it was: ${error.message}`);
    }
  }

  get ports(): number[] {
    return this.#bound.flatMap(({ listener: { address } }) =>
      address.family === 'unix' ? [] : [address.port],
    );
  }

  /** Begins to accept on all of them. */
  open(): ConnectionError | null {
    for (const { listener } of this.#bound) {
      const error = listener.open();
      if (error !== null) return error;
    }
    return null;
  }

  close(): void {
    for (const { listener } of new Set([...this.#bound, ...this.#prepared])) listener.close();
    this.#bound = this.#prepared = [];
  }
}

function isSame(one: Wanted, other: Wanted): boolean {
  return (
    one.service === other.service &&
    one.backlog === other.backlog &&
    modeOf(one.address) === modeOf(other.address)
  );
}

function modeOf(address: SocketAddress): number {
  return (address.family === 'unix' ? address.mode : null) ?? UNIX_MODE;
}

function notTaken(address: SocketAddress, error: ConnectionError | null): string | null {
  return error === null ? null : `cannot listen on ${formatAddress(address)}: ${error.message}`;
}

function isListener(outcome: Listener | ConnectionError): outcome is Listener {
  return 'open' in outcome;
}

import type { ConnectionError } from '../base/session.ts';
import { formatAddress } from '../net/addresses.ts';
import type { DataThread } from '../net/data-threads.ts';
import type { Listener, SocketAddress } from '../net/loop.ts';

/** An address on which clients of a service arrive. */
interface Bound {
  readonly key: string;
  readonly listener: Listener;
}

/** What is to be listened on for a pool. */
export interface ListeningPool {
  readonly service: number;
  readonly listen: readonly SocketAddress[];
  readonly backlog: number;
}

/** The sockets on which clients arrive; of thread 0 alone. */
export class PoolListeners {
  readonly #thread: DataThread;
  #bound: Bound[] = [];

  constructor(thread: DataThread) {
    this.#thread = thread;
  }

  /**
   * Binds what these pools listen on and is not bound yet; what none of them names is closed once that has succeeded. New sockets accept when they
   * are opened.
   *
   * @param done called once, with null or why an address cannot be had; then everything is as it was
   */
  rebind(pools: readonly ListeningPool[], done: (failure: string | null) => void): void {
    const wanted = pools.flatMap(({ service, listen, backlog }) =>
      listen.map((address) => ({ service, address, backlog, key: `${service} ${formatAddress(address)}` })),
    );
    const known = new Set(this.#bound.map(({ key }) => key));
    const missing = wanted.filter(({ key }) => !known.has(key));
    const fresh: Bound[] = [];
    let failure: string | null = null;
    let waiting = missing.length;
    const settle = (): void => {
      if (failure !== null) for (const { listener } of fresh) listener.close();
      else {
        const keys = new Set(wanted.map(({ key }) => key));
        for (const { key, listener } of this.#bound) if (!keys.has(key)) listener.close();
        this.#bound = [...this.#bound.filter(({ key }) => keys.has(key)), ...fresh];
      }
      done(failure);
    };
    if (waiting === 0) settle();
    for (const { address, backlog, service, key } of missing) {
      const options = { address, backlog, spread: this.#thread.count > 1, hold: true };
      this.#thread.loop.listen(options, service, (outcome) => {
        if (isListener(outcome)) fresh.push({ key, listener: outcome });
        else failure ??= `cannot listen on ${formatAddress(address)}: ${outcome.message}`;
        waiting--;
        if (waiting === 0) settle();
      });
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
    for (const { listener } of this.#bound) listener.close();
    this.#bound = [];
  }
}

function isListener(outcome: Listener | ConnectionError): outcome is Listener {
  return 'open' in outcome;
}

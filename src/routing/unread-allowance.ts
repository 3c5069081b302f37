import type { Output } from '../base/output.ts';
import type { ClientHost } from './client-host.ts';

/**
 * How much of its answers a client may leave unread: a bound for all, and what has been granted to this one beyond it, because others must not wait
 * for it. What is granted counts as used of the thread's buffers until the client has read everything.
 */
export class UnreadAllowance {
  #grantedBytes = 0;
  readonly #output: Output;
  readonly #host: Pick<ClientHost, 'settings' | 'requests'>;

  constructor(output: Output, host: Pick<ClientHost, 'settings' | 'requests'>) {
    this.#output = output;
    this.#host = host;
  }

  /** The client has left more unread than it may. */
  get isExceeded(): boolean {
    return this.#output.pendingBytes > this.#host.settings.clientBacklogBytesMax + this.#grantedBytes;
  }

  /** @returns false when it has had enough, or the thread's buffers are used up */
  grow(bytes: number): boolean {
    const { settings, requests } = this.#host;
    if (this.#grantedBytes + bytes > settings.clientGrantBytesMax) return false;
    if (!requests.takeBytes(bytes)) return false;
    this.#grantedBytes += bytes;
    return true;
  }

  /** It has read everything, or has gone: what was granted is given back. */
  shrink(): void {
    if (this.#grantedBytes === 0) return;
    this.#host.requests.returnBytes(this.#grantedBytes);
    this.#grantedBytes = 0;
  }
}

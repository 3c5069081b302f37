import type { DestinationHost } from './destination-host.ts';

/**
 * What the operator is told of a server: once that it is down, however many dials fail, and once that it is up again. What does not mend itself is a
 * warning, told also of a server that is known not to be up, and so is its end then. Nothing is said of a server that is up from the start.
 */
export class DestinationNotices {
  /** The operator was told that it is down; and was warned of it. */
  #isTold = false;
  #isWarned = false;
  readonly #name: string;
  readonly #host: Pick<DestinationHost, 'log' | 'warn'>;

  /** @param name the server's address as typed */
  constructor(name: string, host: Pick<DestinationHost, 'log' | 'warn'>) {
    this.#name = name;
    this.#host = host;
  }

  /** It answers. */
  up(): void {
    if (this.#isWarned) this.#host.warn(`${this.#name} is up`);
    else if (this.#isTold) this.#host.log(`${this.#name} is up`);
    this.#isTold = this.#isWarned = false;
  }

  /** A dial has failed, or a connection has ended. @param isWarning it will not mend itself */
  down(reason: string, isWarning: boolean): void {
    if (isWarning && !this.#isWarned) this.#host.warn(`${this.#name} is down: ${reason}`);
    else if (!this.#isTold) this.#host.log(`${this.#name} is down: ${reason}`);
    this.#isTold = true;
    this.#isWarned ||= isWarning;
  }
}

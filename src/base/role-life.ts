import type { Running } from './start-error.ts';

/** A role that may end by itself: a client's `shutdown`. */
export interface MortalRole extends Running {
  readonly shutdown?: Promise<unknown>;
}

/** One life of a role inside of another program, from its start to its end. */
export class RoleLife<Role extends MortalRole> {
  /** Fulfilled when the role serves; rejected with what `start` throws. */
  readonly starting: Promise<void>;
  /** Fulfilled when it has ended: with null after a stop or a shutdown, with the reason when it could not go on or start. */
  readonly ended: Promise<Error | null>;
  /** While it serves; also a moment longer. */
  running: Role | null = null;
  #tellEnd: (reason: Error | null) => void = () => {};
  #stopped: Promise<void> | null = null;

  /**
   * @param start starts the role
   * @param before what has to end first
   */
  constructor(start: () => Promise<Role>, before: Promise<void>) {
    this.ended = new Promise((resolve) => {
      this.#tellEnd = resolve;
    });
    this.starting = this.#start(start, before);
  }

  async #start(start: () => Promise<Role>, before: Promise<void>): Promise<void> {
    await before;
    try {
      const running = await start();
      this.running = running;
      running.failed.then((reason) => this.stop(reason));
      running.shutdown?.then(() => this.stop(null));
    } catch (error) {
      this.#tellEnd(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  }

  /** Waits for the start if it is under way. Later calls get the first one's promise. */
  stop(reason: Error | null): Promise<void> {
    this.#stopped ??= this.#stop(reason);
    return this.#stopped;
  }

  async #stop(reason: Error | null): Promise<void> {
    await this.starting.catch(() => {});
    await this.running?.stop();
    this.#tellEnd(reason);
  }
}

/**
 * A role that a program starts and stops, again and again if it likes; one life at a time.
 */
export class RoleObject<Role extends MortalRole> {
  readonly #what: string;
  #life: RoleLife<Role> | null = null;
  #stopped: Promise<void> = Promise.resolve();
  #ended: Promise<Error | null> = Promise.resolve(null);

  /** @param what a noun for messages: `node` */
  constructor(what: string) {
    this.#what = what;
  }

  /** What runs. @throws Error when nothing does */
  get running(): Role {
    const running = this.#life?.running ?? null;
    if (running === null) throw new Error(`this ${this.#what} does not run`);
    return running;
  }

  /** How the life that was begun last has ended, once it has; see RoleLife. */
  get ended(): Promise<Error | null> {
    return this.#ended;
  }

  /** Begins a life once the one before is over. @throws Error when one goes on; what `start` throws */
  async start(start: () => Promise<Role>): Promise<void> {
    if (this.#life !== null) throw new Error(`this ${this.#what} has been started already`);
    const life = new RoleLife(start, this.#stopped);
    this.#life = life;
    this.#ended = life.ended;
    life.ended.then(() => {
      if (this.#life === life) this.#life = null;
    });
    await life.starting;
  }

  /** Ends the life that goes on, if one does. */
  stop(): Promise<void> {
    if (this.#life !== null) this.#stopped = this.#life.stop(null);
    this.#life = null;
    return this.#stopped;
  }
}

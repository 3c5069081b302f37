import type { Loop } from '../net/loop.ts';
import type { GatheredQuestion } from './thread-messages.ts';

/** What other threads have not said by then is left out. */
export const GATHER_MS_MAX = 500;

/** Questions of one thread that are open at a time; more are answered by that thread alone. */
export const GATHERED_MAX = 64;

interface Gathering {
  readonly texts: string[];
  readonly timer: number;
  readonly done: (others: readonly string[]) => void;
}

/** What one thread asks of the others: what they say to `stats`, by way of the main thread. */
export class GatheredStatistics {
  readonly #loop: Pick<Loop, 'schedule' | 'cancel'>;
  readonly #others: number;
  readonly #ask: (question: GatheredQuestion) => void;
  readonly #open: Map<number, Gathering> = new Map();
  #serial = 0;

  /**
   * @param others how many there are
   * @param ask has them asked
   */
  constructor(
    loop: Pick<Loop, 'schedule' | 'cancel'>,
    others: number,
    ask: (question: GatheredQuestion) => void,
  ) {
    this.#loop = loop;
    this.#others = others;
    this.#ask = ask;
  }

  /** @param done is called once, with what has been said in time */
  gather(serial: number, subject: string, done: (others: readonly string[]) => void): void {
    if (this.#others === 0 || this.#open.size >= GATHERED_MAX) {
      done([]);
      return;
    }
    const question = ++this.#serial;
    const timer = this.#loop.schedule(GATHER_MS_MAX, () => this.#finish(question));
    this.#open.set(question, { texts: [], timer, done });
    this.#ask({ question, serial, subject });
  }

  /** Another thread has answered. */
  told(question: number, text: string): void {
    const texts = this.#open.get(question)?.texts;
    texts?.push(text);
    if (texts?.length === this.#others) this.#finish(question);
  }

  #finish(question: number): void {
    const gathering = this.#open.get(question);
    if (gathering === undefined) return;
    this.#open.delete(question);
    this.#loop.cancel(gathering.timer);
    // A thread that does not know the pool yet, or any more, has nothing to say.
    gathering.done(gathering.texts.filter((text) => text !== ''));
  }
}

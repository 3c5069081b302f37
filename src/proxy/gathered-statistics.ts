import type { Loop } from '../net/loop.ts';
import type { OtherStatistics } from '../routing/merged-statistics.ts';
import type { GatheredQuestion } from './thread-messages.ts';

/** What other threads have not said by then is left out. */
export const GATHER_MS_MAX = 500;

/** Questions of one thread that are open at a time; more wait. */
export const GATHERED_MAX = 64;

/** Who waits for questions that are not asked yet; more are refused. */
export const GATHERED_WAITING_MAX = 1024;

/** @param others null: too many wait already */
type Done = (others: OtherStatistics | null) => void;

interface Gathering {
  readonly texts: string[];
  readonly timer: number;
  readonly done: readonly Done[];
}

/** A question that waits, and all who want to know it. */
interface Waiting {
  readonly serial: number;
  readonly subject: string;
  readonly done: Done[];
}

/** What one thread asks of the others: what they say to `stats`, by way of the main thread. */
export class GatheredStatistics {
  readonly #loop: Pick<Loop, 'schedule' | 'cancel'>;
  readonly #others: number;
  readonly #ask: (question: GatheredQuestion) => void;
  readonly #open: Map<number, Gathering> = new Map();
  /** Those who ask the same while it waits get one answer. */
  readonly #waiting: Map<string, Waiting> = new Map();
  #waitingCount = 0;
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

  /** @param done is called once, now or later */
  gather(serial: number, subject: string, done: Done): void {
    if (this.#others === 0) done({ texts: [], missing: 0 });
    else if (this.#open.size < GATHERED_MAX) this.#begin(serial, subject, [done]);
    else if (this.#waitingCount >= GATHERED_WAITING_MAX) done(null);
    else {
      this.#waitingCount++;
      const key = `${serial} ${subject}`;
      const same = this.#waiting.get(key);
      if (same === undefined) this.#waiting.set(key, { serial, subject, done: [done] });
      else same.done.push(done);
    }
  }

  #begin(serial: number, subject: string, done: readonly Done[]): void {
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
    this.#beginNext();
    const missing = this.#others - gathering.texts.length;
    // A thread that does not know the pool yet, or any more, has nothing to say.
    const texts = gathering.texts.filter((text) => text !== '');
    for (const done of gathering.done) done({ texts, missing });
  }

  #beginNext(): void {
    for (const [key, { serial, subject, done }] of this.#waiting) {
      this.#waiting.delete(key);
      this.#waitingCount -= done.length;
      this.#begin(serial, subject, done);
      return;
    }
  }
}

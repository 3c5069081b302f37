/**
 * Asking all data threads for something of which each knows a part: its connections, its counts by prefix. The question goes through the
 * main thread, which asks every thread, waits for all and hands the rows to the one that asked.
 */
import type { Gathered, GatheredRow } from '../engine/administration.ts';
import type { FromNodeThread, ToNodeThread } from './thread-messages.ts';

/** A data thread's side. */
export class Gathering {
  readonly #isAlone: boolean;
  readonly #post: (message: FromNodeThread) => void;
  readonly #rows: (what: Gathered) => readonly GatheredRow[];
  /** Questions on their way, by number. At most one for each client, which asks nothing else meanwhile. */
  readonly #asked: Map<number, (rows: readonly GatheredRow[]) => void> = new Map();
  #questions = 0;

  /** @param isAlone there is one data thread; @param rows what this thread knows */
  constructor(
    isAlone: boolean,
    post: (message: FromNodeThread) => void,
    rows: (what: Gathered) => readonly GatheredRow[],
  ) {
    this.#isAlone = isAlone;
    this.#post = post;
    this.#rows = rows;
  }

  ask(what: Gathered, answered: (rows: readonly GatheredRow[]) => void): void {
    if (this.#isAlone) {
      answered(this.#rows(what));
      return;
    }
    const question = this.#questions++;
    this.#asked.set(question, answered);
    this.#post({ kind: 'gather', question, what });
  }

  receive(message: ToNodeThread): void {
    if (message.kind === 'tell') {
      this.#post({ kind: 'told', gathering: message.gathering, rows: this.#rows(message.what) });
    } else if (message.kind === 'gathered') {
      const answered = this.#asked.get(message.question);
      this.#asked.delete(message.question);
      answered?.(message.rows);
    }
  }
}

interface OpenGathering {
  readonly thread: number;
  readonly question: number;
  readonly rows: GatheredRow[];
  waitingFor: number;
}

/** The main thread's side. */
export class GatheringDesk {
  readonly #open: Map<number, OpenGathering> = new Map();
  #gatherings = 0;

  /**
   * @param thread where the message came from
   * @param threads how many data threads there are
   * @param send sends a message to one of them
   */
  receive(
    message: FromNodeThread,
    thread: number,
    threads: number,
    send: (thread: number, message: ToNodeThread) => void,
  ): void {
    if (message.kind === 'gather') {
      const gathering = this.#gatherings++;
      this.#open.set(gathering, { thread, question: message.question, rows: [], waitingFor: threads });
      for (let i = 0; i < threads; i++) send(i, { kind: 'tell', gathering, what: message.what });
    } else if (message.kind === 'told') {
      const open = this.#open.get(message.gathering);
      if (open === undefined) return;
      open.rows.push(...message.rows);
      open.waitingFor--;
      if (open.waitingFor > 0) return;
      this.#open.delete(message.gathering);
      send(open.thread, { kind: 'gathered', question: open.question, rows: open.rows });
    }
  }
}

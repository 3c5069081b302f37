import type { EventName } from '../control/tree.ts';
import type { ServiceEvent } from './event-kinds.ts';

/**
 * What is wrong with an entry besides what its rules find: its start fails, its process is gone, it cannot be looked at. Each is told once when it begins,
 * however often it is found again, and once when it is over, if its beginning has been told.
 */
export class EntryTroubles {
  #hasStartFailed = false;
  /** Somebody has been told that the process is gone, and will be told when it is back. */
  #isGoneTold = false;
  /** What does not answer, where that has been told; ''. */
  #silence = '';
  readonly #tell: (event: ServiceEvent) => void;

  constructor(tell: (event: ServiceEvent) => void) {
    this.#tell = tell;
  }

  /** Those that there are now; a process that is gone is known from the state. */
  get names(): readonly EventName[] {
    return [
      ...(this.#hasStartFailed ? ['exec' as const] : []),
      ...(this.#silence === '' ? [] : ['data' as const]),
    ];
  }

  /** What does not answer, as a phrase; ''. */
  get silence(): string {
    return this.#silence;
  }

  startFailed(cause: string): void {
    if (!this.#hasStartFailed)
      this.#tell({ name: 'exec', state: 'failed', description: cause, action: 'restart' });
    this.#hasStartFailed = true;
  }

  started(): void {
    if (this.#hasStartFailed)
      this.#tell({ name: 'exec', state: 'succeeded', description: 'started', action: 'alert' });
    this.#hasStartFailed = false;
  }

  /** The process is gone. @param action what is done about it */
  gone(text: string, action: string): void {
    this.#isGoneTold = true;
    this.#tell({ name: 'nonexist', state: 'failed', description: text, action });
  }

  /**
   * The process is back.
   *
   * @param mayTell nobody else tells it
   * @returns whether it was told
   */
  back(text: string, mayTell: boolean): boolean {
    const isTold = this.#isGoneTold && mayTell;
    this.#isGoneTold = false;
    if (isTold) this.#tell({ name: 'nonexist', state: 'succeeded', description: text, action: 'alert' });
    return isTold;
  }

  /** @param text what does not answer, as a phrase; null: it answers */
  silent(text: string | null): void {
    const before = this.#silence;
    this.#silence = text ?? '';
    if (text !== null && before === '')
      this.#tell({ name: 'data', state: 'failed', description: text, action: 'alert' });
    else if (text === null && before !== '')
      this.#tell({ name: 'data', state: 'succeeded', description: 'answers again', action: 'alert' });
  }

  /** It is not looked at any more: what was wrong is nobody's concern, and its end will not be told. */
  forget(): void {
    this.#hasStartFailed = false;
    this.#silence = '';
  }
}

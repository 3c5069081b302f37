import type { Limits, ServiceEntry } from '../control/tree.ts';
import type { EntryAction } from './entry-inputs.ts';
import type { EntryPolicy } from './entry-policy.ts';

/**
 * How a service is brought to its end, as a state machine:
 *
 *     none --stop program--> program --not in time, or failed--> term --not in time--> kill, repeated
 *       \----no stop program-------------------------------------^
 *        \---it is starting, and no process is known: abandon --a process has come--> term
 *
 * It is over when the process is gone; of what is no process, when its stop program has ended. Each method says whether it is.
 */
export class StopSequence {
  /** When `timedOut` is to be called. */
  dueMs: number = Number.POSITIVE_INFINITY;
  #phase: 'none' | 'program' | 'term' | 'kill' | 'abandon' = 'none';
  #isHung = false;
  readonly #entry: ServiceEntry;
  readonly #limits: Limits;
  readonly #policy: EntryPolicy;
  readonly #actions: EntryAction[];

  /** @param actions what is to be done is put there */
  constructor(entry: ServiceEntry, limits: Limits, policy: EntryPolicy, actions: EntryAction[]) {
    this.#entry = entry;
    this.#limits = limits;
    this.#policy = policy;
    this.#actions = actions;
  }

  /** For a service that does not stop now. */
  reset(): void {
    this.#phase = 'none';
    this.dueMs = Number.POSITIVE_INFINITY;
  }

  /** @param how.isHung it does not answer: it has less time */
  begin(
    pid: number | null,
    how: { readonly wasStarting: boolean; readonly isHung: boolean },
    nowMs: number,
  ): boolean {
    this.#isHung = how.isHung;
    // A program that still starts something must not bring it up behind our back.
    if (how.wasStarting) this.#actions.push({ type: 'abandon-start' });
    if (pid === null && how.wasStarting) {
      this.#await('abandon', nowMs + this.#policy.startGraceMs);
      return false;
    }
    const { stop } = this.#entry;
    if (stop === null) return this.#terminate(pid, nowMs);
    this.#await('program', nowMs + this.#timeoutMs);
    this.#actions.push({ type: 'run', role: 'stop', call: stop });
    return false;
  }

  /** It has been seen which process there is. */
  observed(pid: number | null, nowMs: number): boolean {
    if (pid === null) return this.#phase !== 'abandon';
    return this.#phase === 'abandon' && this.#terminate(pid, nowMs);
  }

  /** Its stop program has ended. */
  programEnded(pid: number | null, isOk: boolean, nowMs: number): boolean {
    if (this.#phase !== 'program') return false;
    if (this.#entry.type !== 'process') return true;
    return !isOk && this.#terminate(pid, nowMs);
  }

  /** Nothing has happened until `dueMs`. */
  timedOut(pid: number | null, nowMs: number): boolean {
    if (this.#phase === 'abandon') return true;
    if (this.#phase !== 'program') return this.#kill(pid, nowMs);
    this.#warn('the stop program had no effect; terminated');
    return this.#terminate(pid, nowMs);
  }

  /** SIGCONT after SIGTERM, because a suspended process would not see the first before the second. */
  #terminate(pid: number | null, nowMs: number): boolean {
    if (pid === null) {
      // What is no process is stopped when its stop program has ended; of a process we do not know yet whether it is there.
      if (this.#entry.type !== 'process' || this.#phase !== 'none') return true;
      this.#await('abandon', nowMs + this.#policy.startGraceMs);
      return false;
    }
    this.#await('term', nowMs + this.#timeoutMs);
    this.#actions.push(
      { type: 'signal', pid, signal: 'SIGTERM' },
      { type: 'signal', pid, signal: 'SIGCONT' },
    );
    return false;
  }

  #kill(pid: number | null, nowMs: number): boolean {
    if (pid === null) return true;
    if (this.#phase !== 'kill') this.#warn('does not end; killed');
    // A process in an uninterruptible call ignores even this for a while, so it is repeated at a slow pace.
    this.#await('kill', nowMs + this.#policy.startGraceMs);
    this.#actions.push({ type: 'signal', pid, signal: 'SIGKILL' });
    return false;
  }

  get #timeoutMs(): number {
    const timeoutMs = this.#entry.stop?.timeoutMs ?? this.#limits.stopTimeoutMs;
    return this.#isHung ? Math.min(this.#policy.hungStopTimeoutMs, timeoutMs) : timeoutMs;
  }

  #await(phase: 'program' | 'term' | 'kill' | 'abandon', dueMs: number): void {
    this.#phase = phase;
    this.dueMs = dueMs;
  }

  #warn(text: string): void {
    this.#actions.push({ type: 'log', level: 'warning', text });
  }
}

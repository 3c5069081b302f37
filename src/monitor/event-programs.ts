import type { ProgramCall } from '../control/tree.ts';
import { type Alert, eventEnvironment } from './alert-message.ts';
import { resultText, runProgram } from './program-run.ts';

/** Programs of `exec` that may run at a time; more are not started, and told. */
const EXECS_MAX = 32;

export interface EventProgramsOptions {
  readonly outputBytesMax: number;
  /** Told of each child for as long as Node waits for it. */
  readonly onChild: (pid: number, isAlive: boolean) => void;
  readonly log: (level: 'info' | 'warning' | 'error', service: string, text: string) => void;
}

/** Runs programs because of events. Nothing waits for them; what they say is told only when they fail. */
export class EventPrograms {
  readonly #options: EventProgramsOptions;
  #running = 0;

  constructor(options: EventProgramsOptions) {
    this.#options = options;
  }

  /**
   * Starts a program, with the event in its environment.
   *
   * @param environment what else it is given
   * @returns why it did not do its work, or null; never rejects
   */
  async run(
    call: ProgramCall,
    alert: Alert,
    environment: Readonly<Record<string, string>>,
  ): Promise<string | null> {
    const { log, onChild, outputBytesMax } = this.#options;
    const { service } = alert;
    const line = call.argv.join(' ');
    if (this.#running >= EXECS_MAX) {
      const why = `${EXECS_MAX} programs run already`;
      log('warning', service, `exec: ${why}; not started: ${line}`);
      return why;
    }
    log('info', service, `exec: '${line}'`);
    const { ended } = runProgram(call, {
      outputBytesMax,
      timeoutMs: call.timeoutMs,
      environment: { ...eventEnvironment(alert), ...environment },
      onChild,
    });
    this.#running += 1;
    const result = await ended;
    this.#running -= 1;
    if (result.failure !== null) log('error', service, `exec: ${result.failure}`);
    return result.code === 0 ? null : resultText(result);
  }
}

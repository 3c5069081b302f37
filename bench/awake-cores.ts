import { type ChildProcess, spawn } from 'node:child_process';
import { cpus } from 'node:os';

/** Ends with the process that has started it, however that ends. */
const SPIN = 'while kill -0 $PPID 2>/dev/null; do :; done';

/**
 * Keeps all cores from sleeping, by a program on each that runs only while nothing else wants to.
 *
 * A core without work is halted. To wake it takes a few microseconds, and on a virtual machine, where halting gives the core back to the host, 10 to 150: more than a server
 * needs for a whole request, and how often it comes to that is a matter of which server is the faster to fall asleep. What is measured on cores that do not sleep is the programs'
 * own time. The spinning programs have the scheduler's idle class (SCHED_IDLE, see sched(7)), which gives way at once.
 */
export class AwakeCores {
  readonly #spinning: readonly ChildProcess[];
  #isStopping = false;

  private constructor(spinning: readonly ChildProcess[]) {
    this.#spinning = spinning;
    for (const child of spinning)
      child.once('exit', (code) => {
        if (!this.#isStopping)
          throw new Error(`a core is not kept awake any more: chrt has ended with ${code}`);
      });
  }

  /** @throws Error where a program cannot be given a core or the idle class: now, or a moment later */
  static async start(): Promise<AwakeCores> {
    const spinning = cpus().map((_, core) =>
      spawn('taskset', ['-c', String(core), 'chrt', '--idle', '0', 'sh', '-c', SPIN], { stdio: 'ignore' }),
    );
    const started = spinning.map(
      (child) =>
        new Promise<void>((resolve, reject) => {
          child.once('spawn', resolve);
          child.once('error', reject);
        }),
    );
    await Promise.all(started);
    return new AwakeCores(spinning);
  }

  stop(): void {
    this.#isStopping = true;
    for (const child of this.#spinning) child.kill();
  }
}

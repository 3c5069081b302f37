import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
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

  private constructor() {
    this.#spinning = cpus().map((_, core) =>
      spawn('taskset', ['-c', String(core), 'chrt', '--idle', '0', 'sh', '-c', SPIN], { stdio: 'ignore' }),
    );
    for (const child of this.#spinning)
      child.once('exit', (code) => {
        if (!this.#isStopping)
          process.stderr.write(`a core is not kept awake: chrt has ended with ${code}\n`);
      });
  }

  /** Says so on the standard error output where a core is not, or not any more, kept awake. @throws Error where there is no taskset */
  static async start(): Promise<AwakeCores> {
    const cores = new AwakeCores();
    await Promise.all(cores.#spinning.map((child) => once(child, 'spawn')));
    return cores;
  }

  stop(): void {
    this.#isStopping = true;
    for (const child of this.#spinning) child.kill();
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import type { MonitorLogLevel } from './monitor-files.ts';

/** What a logger has not taken yet, in bytes; more is lost: syslog may hang, and the monitor must not grow with it. */
export const SYSLOG_BACKLOG_MAX: number = 1024 * 1024;

/** Lines for syslog go through logger(1), which knows the way on every system: one process for each level that occurs. */
export class Syslog {
  readonly #facility: string;
  readonly #onChild: (pid: number, isAlive: boolean) => void;
  readonly #loggers: Map<MonitorLogLevel, ChildProcess> = new Map();
  #isClosed = false;
  /** Lines that were not written, and not told of yet. */
  #lost = 0;

  /**
   * @param facility as monit calls it; null: `log_daemon`
   * @param onChild told of each child for as long as Node waits for it
   */
  constructor(facility: string | null, onChild: (pid: number, isAlive: boolean) => void) {
    this.#facility = (facility ?? 'daemon').replace(/^log_/i, '').toLowerCase();
    this.#onChild = onChild;
  }

  /** Writes a line; one that ends meanwhile, or cannot be started, is started anew for the next one. */
  write(level: MonitorLogLevel, text: string): void {
    const { stdin } = this.#loggers.get(level) ?? this.#open(level);
    const line = `${text.replaceAll('\n', ' ')}\n`;
    if (stdin === null || stdin.writableLength + line.length > SYSLOG_BACKLOG_MAX) {
      this.#lost += 1;
      return;
    }
    if (this.#lost > 0) stdin.write(`${this.#lost} lines were lost, which syslog did not take\n`);
    this.#lost = 0;
    stdin.write(line);
    // Said by what was under way at the end, such as an alert that has failed.
    if (this.#isClosed) this.close();
  }

  /** What has been written arrives; then the processes end. */
  close(): void {
    this.#isClosed = true;
    for (const logger of this.#loggers.values()) logger.stdin?.end();
    this.#loggers.clear();
  }

  #open(level: MonitorLogLevel): ChildProcess {
    const priority = level === 'error' ? 'err' : level;
    const logger = spawn('logger', ['-t', 'monit', '-p', `${this.#facility}.${priority}`], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const { pid } = logger;
    const gone = (): void => {
      if (pid !== undefined) this.#onChild(pid, false);
      if (this.#loggers.get(level) === logger) this.#loggers.delete(level);
    };
    if (pid !== undefined) this.#onChild(pid, true);
    logger.on('error', gone);
    logger.on('exit', gone);
    logger.stdin?.on('error', () => {});
    logger.unref();
    this.#loggers.set(level, logger);
    return logger;
  }
}

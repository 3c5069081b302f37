import { closeSync, openSync, writeSync } from 'node:fs';
import { StartError } from '../base/start-error.ts';
import { jsonLogLine, type LogLevel, logFormat } from '../telemetry/log-format.ts';

/** The levels of twemproxy's log that ours are told on. */
export const LOG_LEVEL = { error: 3, warning: 4, notice: 5, info: 6 } as const;
export const LOG_LEVEL_MAX = 11;

/** A log with levels, to a file that may be moved away and opened anew, or to stderr. */
export class ProxyLog {
  level: number;
  readonly #path: string | null;
  #fd: number;

  /**
   * @param level what is above it is not told, 0 to 11
   * @param path absolute; null: stderr
   * @throws StartError when the file cannot be opened
   */
  constructor(level: number, path: string | null) {
    this.level = level;
    this.#path = path;
    this.#fd = path === null ? 2 : openLog(path);
  }

  tell(level: number, message: string): void {
    if (level > this.level) return;
    try {
      writeSync(this.#fd, lineOf(level, message));
    } catch {
      // A full disk or a closed pipe must not end a proxy.
    }
  }

  /** For log rotation: whoever has moved the file away sends SIGHUP. A file that cannot be opened leaves the old one in use. */
  reopen(): void {
    if (this.#path === null) return;
    try {
      const fd = openLog(this.#path);
      closeSync(this.#fd);
      this.#fd = fd;
    } catch (error) {
      this.tell(LOG_LEVEL.error, error instanceof Error ? error.message : String(error));
    }
  }
}

function lineOf(level: number, message: string): string {
  const nowMs = Date.now();
  if (logFormat() === 'json') return jsonLogLine(nowMs, levelName(level), message);
  return `[${new Date(nowMs).toISOString().replace('T', ' ').slice(0, 23)}] ${message}\n`;
}

function levelName(level: number): LogLevel {
  if (level <= LOG_LEVEL.error) return 'error';
  if (level <= LOG_LEVEL.warning) return 'warning';
  return level <= LOG_LEVEL.info ? 'info' : 'debug';
}

function openLog(path: string): number {
  try {
    return openSync(path, 'a', 0o644);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^\w+: ([^,]+),.*$/s, '$1') : String(error);
    throw new StartError(`opening log file '${path}' failed: ${reason}`);
  }
}

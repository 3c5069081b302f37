/** The form of the lines that programs write about themselves: as the programs that they replace, or as JSON. */

export const LOG_FORMATS = ['classic', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];
export type LogLevel = 'debug' | 'info' | 'warning' | 'error';

/** Data threads and daemons are told by the environment, which they inherit. */
export const LOG_FORMAT_VARIABLE = 'TWINCACHED_LOG_FORMAT';

let chosen: LogFormat | null = null;

/** The form that this process has chosen. */
export function logFormat(): LogFormat {
  chosen ??= process.env[LOG_FORMAT_VARIABLE] === 'json' ? 'json' : 'classic';
  return chosen;
}

/** Chooses the form for this process and the threads that it starts from now on. */
export function useLogFormat(format: LogFormat): void {
  chosen = format;
  process.env[LOG_FORMAT_VARIABLE] = format;
}

/**
 * One line of JSON, with its end.
 *
 * @param atMs milliseconds since 1970
 * @param more further values by name, such as the service that it is about
 */
export function jsonLogLine(
  atMs: number,
  level: LogLevel | 'output',
  text: string,
  more: Readonly<Record<string, string>> = {},
): string {
  return `${JSON.stringify({ time: new Date(atMs).toISOString(), level, pid: process.pid, ...more, text })}\n`;
}

/**
 * What is told, in the form that was chosen.
 *
 * @param text without the end of its last line; as JSON all its lines are one
 */
export function logText(level: LogLevel, text: string): string {
  return logFormat() === 'json' ? jsonLogLine(Date.now(), level, text) : `${text}\n`;
}

/** Tells the operator something on stderr. */
export function tellOperator(level: LogLevel, text: string): void {
  process.stderr.write(logText(level, text));
}

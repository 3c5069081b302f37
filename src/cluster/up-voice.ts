import type { LogEvent } from '../checks/event-log.ts';
import { jsonLogLine, LOG_FORMAT_VARIABLE, type LogFormat } from '../telemetry/log-format.ts';

/** How `twincached up` speaks: to people at a terminal, or in lines of JSON to what collects logs. */
export interface UpVoice {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly event: (event: LogEvent) => void;
}

/**
 * @param out takes text as it stands, for the standard output
 * @param err the same for the standard error
 */
export function upVoice(
  format: LogFormat,
  out: (text: string) => void,
  err: (text: string) => void,
): UpVoice {
  if (format === 'classic') return { out, err, event: (event) => out(eventLine(event)) };
  const lines = (level: 'info' | 'warning', text: string): string =>
    text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
      .map((line) => jsonLogLine(Date.now(), level, line))
      .join('');
  return {
    out: (text) => out(lines('info', text)),
    err: (text) => err(lines('warning', text)),
    event: ({ atMs, service, level, text }) =>
      out(jsonLogLine(atMs, level, text, service === '' ? {} : { service })),
  };
}

/** The form that the environment asks for. It is taken out of it: what the processes of the cluster tell is told by this one, in its form. */
export function formatOfEnvironment(environment: NodeJS.ProcessEnv): LogFormat {
  const format = environment[LOG_FORMAT_VARIABLE] === 'json' ? 'json' : 'classic';
  delete environment[LOG_FORMAT_VARIABLE];
  return format;
}

/** `12:00:01 node-1a: died of SIGKILL; restarted at once`; of the cluster as a whole only what is so. */
function eventLine({ atMs, service, text }: LogEvent): string {
  return `${new Date(atMs).toTimeString().slice(0, 8)} ${service === '' ? '' : `${service}: `}${text}\n`;
}

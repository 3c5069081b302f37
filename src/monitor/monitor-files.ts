import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Settings } from '../control/tree.ts';
import { jsonLogLine, logFormat } from '../telemetry/log-format.ts';
import { readWhole, writeWhole } from './whole-file.ts';

/** The files of one monitor, all absolute. */
export interface MonitorFiles {
  readonly pidFile: string;
  readonly idFile: string;
  readonly stateFile: string;
  /** Null: no log file. */
  readonly logFile: string | null;
  readonly syslogFacility: string | null;
  readonly usesSyslog: boolean;
}

/** The places that the control file names, or monit's own; the command line comes first. */
export function monitorFiles(
  settings: Settings,
  given: {
    readonly pidFile: string | null;
    readonly stateFile: string | null;
    readonly logFile: string | null;
  },
): MonitorFiles {
  const isRoot = process.geteuid?.() === 0;
  const { log } = settings;
  return {
    pidFile: given.pidFile ?? settings.pidFile ?? (isRoot ? '/run/monit.pid' : join(homedir(), '.monit.pid')),
    idFile: settings.idFile ?? join(homedir(), '.monit.id'),
    stateFile: given.stateFile ?? settings.stateFile ?? join(homedir(), '.monit.state'),
    logFile: given.logFile ?? (log?.kind === 'file' ? log.path : null),
    usesSyslog: given.logFile === null && log?.kind === 'syslog',
    syslogFacility: log?.kind === 'syslog' ? log.facility : null,
  };
}

/** Reads the id that tells monitors apart, or makes a new one. @returns the id, and why a new one could not be kept */
export function monitorId(
  path: string,
  anew: boolean,
): { readonly id: string; readonly isNew: boolean; readonly failure: string | null } {
  const known = /^[0-9a-f]{32}$/m.exec(readWhole(path) ?? '')?.[0];
  if (known !== undefined && !anew) return { id: known, isNew: false, failure: null };
  const id = randomBytes(16).toString('hex');
  return { id, isNew: true, failure: writeWhole(path, `${id}\n`) };
}

export type MonitorLogLevel = 'debug' | 'info' | 'warning' | 'error';

/** `[2026-11-27T17:14:42+0000] info     : 'mc' text`, as monit writes it; or JSON, where that was chosen. */
export function logLine(atMs: number, level: MonitorLogLevel, service: string, text: string): string {
  if (logFormat() === 'json') return jsonLogLine(atMs, level, text, service === '' ? {} : { service });
  const date = new Date(atMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  const offset = -date.getTimezoneOffset();
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const name = service === '' ? '' : `'${service}' `;
  return `[${day}T${time}${zone}] ${level.padEnd(8)} : ${name}${text.replace(/\s*\n\s*/g, ' | ')}\n`;
}

/**
 * Appends to a log. The file is opened for each line, so that it may be rotated at any time. What cannot be written is lost: a full disk must not
 * end the monitor.
 */
export function appendLog(path: string, text: string): void {
  try {
    appendFileSync(path, text, { mode: 0o640 });
  } catch {
    // There is nobody to tell.
  }
}

/** How a command finds the monitor that it speaks to, and what it says to it. */
import { realpathSync } from 'node:fs';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { StartError } from '../base/start-error.ts';
import { numberOption, type ParsedOptions, textOption } from './command-options.ts';
import { LOCAL_PORTS } from './local-cluster.ts';
import { type MonitorRecord, runningMonitors } from './monitor-record.ts';
import { askPage } from './page-client.ts';

/** The options by which all commands find a monitor. */
export const FINDING_OPTIONS = {
  host: { type: 'string' },
  'page-port': { type: 'string' },
  'port-offset': { type: 'string' },
} as const;

export const FINDING_HELP: string = `  CLUSTER            the file that it was started with, or its name; not needed where only one runs
  --host NAME        where this machine runs more than one host's part of it
  --page-port N      port of the status page (${LOCAL_PORTS.page}), for one that is not found otherwise
  --port-offset N    the offset that the built-in cluster was started with (0)`;

/** A monitor, and how to speak to it. */
export interface FoundMonitor {
  readonly pagePort: number;
  /** Null: it is not known to this user, who may only look. */
  readonly record: MonitorRecord | null;
}

/**
 * Finds the monitor that a command means, by the record that each keeps of itself.
 *
 * @param cluster file or name, as typed; null: the only one
 * @throws StartError when there is none, or more than one
 */
export function findMonitor(cluster: string | null, options: ParsedOptions): FoundMonitor {
  const host = textOption(options, 'host');
  const offset = numberOption(options, 'port-offset', { min: 0, max: 65_535 - LOCAL_PORTS.page }, null);
  const pagePort = numberOption(
    options,
    'page-port',
    { min: 1, max: 65_535 },
    offset === null ? null : LOCAL_PORTS.page + offset,
  );
  const running = runningMonitors();
  if (pagePort !== null) {
    return { pagePort, record: running.find((record) => record.pagePort === pagePort) ?? null };
  }
  const found = running.filter(
    (record) =>
      (cluster === null || record.cluster === cluster || isFile(record, cluster)) &&
      (host === null || record.host === host),
  );
  const [record, ...more] = found;
  if (record === undefined) {
    if (cluster === null && host === null) return { pagePort: LOCAL_PORTS.page, record: null };
    throw new StartError(
      `no cluster ${[cluster, host === null ? null : `host ${host}`].filter(Boolean).join(', ')} runs here`,
    );
  }
  if (more.length === 0) return { pagePort: record.pagePort, record };
  const names = found.map(({ cluster: name, host: part }) =>
    part === null ? name : `${name} --host ${part}`,
  );
  throw new StartError(`several clusters run here: ${names.join(', ')}; name one of them`);
}

function isFile({ file }: MonitorRecord, typed: string): boolean {
  if (file === null) return false;
  const path = resolve(typed);
  try {
    return file === path || realpathSync(file) === realpathSync(path);
  } catch {
    return false;
  }
}

/** Asks a monitor for its status, as JSON text. @throws StartError when nobody answers, or only those may ask who are known */
export async function fetchStatus(monitor: FoundMonitor): Promise<string> {
  const { code, text } = await askPage(monitor, 'GET', '/status.json', '');
  if (code === 200 || code === 404) return text;
  throw new StartError(`127.0.0.1:${monitor.pagePort}: ${text.trim()}`);
}

/**
 * Gives an order to a cluster, as the user who runs the command.
 *
 * @returns the answer as JSON
 * @throws StartError when it cannot be given, or is refused
 */
export async function sendOrder(
  monitor: FoundMonitor,
  fields: readonly [string, string][],
): Promise<unknown> {
  if (monitor.record === null)
    throw new StartError(
      `no cluster of this user answers at port ${monitor.pagePort}; orders come from the user that runs the cluster, or from its page`,
    );
  const body = new URLSearchParams([...fields, ['operator', operatorName()]]).toString();
  const { code, text } = await askPage(monitor, 'POST', '/_cluster', body);
  let answer: unknown = null;
  try {
    answer = JSON.parse(text);
  } catch {
    // An error in plain words.
  }
  if (code >= 300) throw new StartError(refusalOf(answer) ?? text.trim());
  return answer;
}

function refusalOf(answer: unknown): string | null {
  if (typeof answer !== 'object' || answer === null || !('reason' in answer)) return null;
  return typeof answer.reason === 'string' ? answer.reason : null;
}

function operatorName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? '');
  }
}

import { get } from 'node:http';
import { StartError } from '../base/start-error.ts';
import { numberOption, parseOptions } from './command-options.ts';
import { LOCAL_PORTS } from './plan.ts';
import { indentedTable } from './welcome.ts';

export const STATUS_HELP: string = `Usage: twincached status [options]

Shows what a running \`twincached up\` says of its processes. Exit status 0 when all is well, 1 when something is down or nothing answers.

  --json             print the whole status as JSON
  --page-port N      port of the status page (${LOCAL_PORTS.page})
  --port-offset N    the offset that the cluster was started with (0)
  -h, --help         show this text
`;

/** Longest answer that is read. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

const ANSWER_TIMEOUT_MS = 5000;

/**
 * The command `twincached status`.
 *
 * @param argv what follows `status`
 * @returns the exit code
 */
export async function status(
  argv: readonly string[],
  { out, err }: { readonly out: (text: string) => void; readonly err: (text: string) => void },
): Promise<number> {
  try {
    const options = parseOptions(argv, {
      json: { type: 'boolean' },
      'page-port': { type: 'string' },
      'port-offset': { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    });
    if (options.values['help'] === true) {
      out(STATUS_HELP);
      return 0;
    }
    if (options.positionals.length > 0)
      throw new StartError(`unexpected argument '${options.positionals[0]}'`);
    const offset = numberOption(options, 'port-offset', { min: 0, max: 65_535 - LOCAL_PORTS.page }, 0);
    const port = numberOption(options, 'page-port', { min: 1, max: 65_535 }, LOCAL_PORTS.page + offset);
    const text = await fetchStatus(port);
    const picture = readPicture(text);
    if (picture === null)
      throw new StartError(`what answers at 127.0.0.1:${port} is not a twincached monitor`);
    out(options.values['json'] === true ? text : pictureText(picture));
    return picture.state === 'ok' ? 0 : 1;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    err(`twincached status: ${error.message}\n`);
    return error.exitCode;
  }
}

/** Asks a monitor for its status, as JSON text. @throws StartError when nobody answers */
export function fetchStatus(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(
      { host: '127.0.0.1', port, path: '/status.json', timeout: ANSWER_TIMEOUT_MS },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
          if (text.length > ANSWER_BYTES_MAX) request.destroy(new Error('the answer is too long'));
        });
        response.on('end', () => resolve(text));
        response.on('error', (error) => reject(failure(port, error)));
      },
    );
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', (error) => reject(failure(port, error)));
  });
}

function failure(port: number, error: NodeJS.ErrnoException): StartError {
  const why =
    error.code === 'ECONNREFUSED'
      ? `no monitor runs at 127.0.0.1:${port}`
      : `127.0.0.1:${port}: ${error.message}`;
  return new StartError(why, 1, { cause: error });
}

/** The part of a status that the table shows, all of it as text. */
interface Picture {
  readonly cluster: string;
  readonly state: string;
  readonly rows: readonly (readonly string[])[];
}

/** Reads a status; null when the text is not one. It comes over the wire, perhaps from another release, so nothing is taken for granted. */
export function readPicture(text: string): Picture | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(value) || !Array.isArray(value['services'])) return null;
  const services: unknown[] = value['services'];
  return {
    cluster: cell(value['cluster']),
    state: cell(value['state']),
    rows: services.filter(isRecord).map((service) => {
      const stats = isRecord(service['stats']) ? service['stats'] : {};
      return [
        ...['name', 'state', 'address', 'pid', 'uptimeSeconds', 'restarts'].map((name) =>
          cell(service[name]),
        ),
        cell(stats['currItems']),
        cell(service['reason']),
      ];
    }),
  };
}

/** The status as a table, one service a line. */
export function pictureText({ cluster, state, rows }: Picture): string {
  const head = ['SERVICE', 'STATE', 'ADDRESS', 'PID', 'UP (S)', 'RESTARTS', 'ITEMS', ''];
  return `cluster ${cluster}: ${state}\n${indentedTable([head, ...rows])}\n`;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value as a table's cell, free of what could move a terminal's cursor. */
function cell(value: unknown): string {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' ? value.replace(/\p{Cc}/gu, ' ') : '';
}

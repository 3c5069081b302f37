import { isRecord } from '../base/json-record.ts';
import { StartError } from '../base/start-error.ts';
import { parseOptions } from './command-options.ts';
import { FINDING_HELP, FINDING_OPTIONS, fetchStatus, findMonitor } from './find-monitor.ts';
import { poolRows } from './pool-rows.ts';
import { readOperation, shownText } from './status-reading.ts';
import { indentedTable } from './welcome.ts';

export const STATUS_HELP: string = `Usage: twincached status [CLUSTER] [options]

Shows what a running \`twincached up\` says of its processes. Exit status 0 when all is well, 1 when something is down or nothing answers.

  --json             print the whole status as JSON
${FINDING_HELP}
  -h, --help         show this text
`;

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
      ...FINDING_OPTIONS,
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    });
    if (options.values['help'] === true) {
      out(STATUS_HELP);
      return 0;
    }
    const [cluster, ...more] = options.positionals;
    if (more.length > 0) throw new StartError(`unexpected argument '${more[0]}'`);
    const monitor = findMonitor(cluster ?? null, options);
    const text = await fetchStatus(monitor);
    const picture = readPicture(text);
    if (picture === null)
      throw new StartError(`what answers at 127.0.0.1:${monitor.pagePort} is not a twincached monitor`);
    out(options.values['json'] === true ? text : pictureText(picture));
    return picture.state === 'ok' ? 0 : 1;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    err(`twincached status: ${error.message}\n`);
    return error.exitCode;
  }
}

/** The part of a status that the table shows, all of it as text. */
interface Picture {
  readonly cluster: string;
  readonly state: string;
  readonly rows: readonly (readonly string[])[];
  /** Of each address of each proxy. */
  readonly pools: readonly (readonly string[])[];
  /** What is being done at an operator's request, as a line; '' when nothing is. */
  readonly underWay: string;
  /** Keys that are on their way from one shard to another, a line for each pool. */
  readonly moves: readonly string[];
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
  const serving = isRecord(value['serving']) ? Object.values(value['serving']) : [];
  const elsewhere: unknown[] = Array.isArray(value['elsewhere']) ? value['elsewhere'] : [];
  const operation = readOperation(value['operation']);
  return {
    cluster: shownText(value['cluster']),
    state: shownText(value['state']),
    underWay:
      operation?.state === 'under-way'
        ? `${operation.action}, ${operation.stepsDone} of ${operation.stepsTotal}: ${operation.text}`
        : '',
    moves: texts(value['moves']).map(shownText),
    pools: services.filter(isRecord).flatMap((service) => poolRows(service, services)),
    rows: [
      ...services.filter(isRecord).map((service) => {
        const stats = isRecord(service['stats']) ? service['stats'] : {};
        return [
          ...['name', 'state', 'address', 'pid', 'uptimeSeconds', 'restarts'].map((name) =>
            shownText(service[name]),
          ),
          shownText(stats['currItems']),
          placeText(service['name'], services, serving),
          [service['reason'], ...texts(service['findings'])]
            .map(shownText)
            .filter((text) => text !== '')
            .join('; '),
        ];
      }),
      ...elsewhere
        .filter(isRecord)
        .map((twin) => [
          shownText(twin['name']),
          twin['answers'] === true ? 'elsewhere' : 'no answer',
          shownText(twin['address']),
        ]),
    ],
  };
}

function texts(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** How the proxies have a node: asked first, or taken out of some of them. */
function placeText(name: unknown, services: readonly unknown[], serving: readonly unknown[]): string {
  const without = services
    .filter(isRecord)
    .filter(({ shards }) =>
      records(shards).some(({ servers }) =>
        records(servers).some((server) => server['name'] === name && server['isOut'] === true),
      ),
    );
  if (without.length > 0)
    return `taken out of ${without.map((proxy) => shownText(proxy['name'])).join(', ')}`;
  return serving.includes(name) ? 'asked first' : '';
}

function records(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

/** The status as a table, one service a line, and of proxies one more, an address of theirs a line. */
export function pictureText({ cluster, state, rows, pools, underWay, moves }: Picture): string {
  const head = ['SERVICE', 'STATE', 'ADDRESS', 'PID', 'UP (S)', 'RESTARTS', 'ITEMS', '', ''];
  const more = [underWay, ...moves]
    .filter((line) => line !== '')
    .map((line) => `${line}\n`)
    .join('');
  const poolHead = ['POOL', 'STATE', 'ADDRESS', 'REQ/S', 'REQUESTS', 'ERRORS', 'DOWNS', 'EJECTED', 'SERVERS'];
  const poolText = pools.length === 0 ? '' : `\n${indentedTable([poolHead, ...pools])}\n`;
  return `cluster ${cluster}: ${state}\n${more}${indentedTable([head, ...rows])}\n${poolText}`;
}

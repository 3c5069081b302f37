/** `twincached reload`, `restart --rolling`, `switchover`, `take-out`, `put-back` and `down`: orders to a running cluster, followed until they are carried out. */

import { isRecord } from '../base/json-record.ts';
import { StartError } from '../base/start-error.ts';
import { stillRuns } from '../system/proc-table.ts';
import { type ParsedOptions, parseOptions, textOption } from './command-options.ts';
import {
  FINDING_HELP,
  FINDING_OPTIONS,
  type FoundMonitor,
  fetchStatus,
  findMonitor,
  sendOrder,
} from './find-monitor.ts';
import type { MonitorRecord } from './monitor-record.ts';
import { readOperation } from './status-reading.ts';

export type ClusterCommandName = 'reload' | 'restart' | 'switchover' | 'take-out' | 'put-back' | 'down';

/** What each of them prints for `--help`. */
export const CLUSTER_COMMAND_HELPS: Readonly<Record<ClusterCommandName, string>> = {
  reload: `Usage: twincached reload [CLUSTER] [options]

Has a running cluster read its file again: what has changed is carried out, what has not is not touched. A file with a mistake changes nothing.

  --dry-run          only say what would be done
${FINDING_HELP}
  -h, --help         show this text
`,
  restart: `Usage: twincached restart --rolling [NAME ...] [options]

Restarts services of a running cluster one after the other, each when the one before serves and is in sync; without NAME all of them. A NAME is a
service or a shard.

  --rolling          needed: there is no other way
  --force            also nodes that have no twin; their items are lost
  --cluster CLUSTER  the file that the cluster was started with, or its name; not needed where only one runs
${FINDING_HELP.split('\n').slice(1).join('\n')}
  -h, --help         show this text
`,
  switchover: `Usage: twincached switchover SHARD [options]

Has the proxies of a running cluster ask another twin of a shard first, when that is in sync: the next one, or the one that is named.

  --to TWIN          the twin
  --cluster CLUSTER  the file that the cluster was started with, or its name; not needed where only one runs
${FINDING_HELP.split('\n').slice(1).join('\n')}
  -h, --help         show this text
`,
  'take-out': `Usage: twincached take-out NODE [options]

Has the proxies of a running cluster ask a node no more, though it serves: its twins answer for it. Until it is put back, or the monitor is started anew.

  --proxy PROXY      only this one
  --cluster CLUSTER  the file that the cluster was started with, or its name; not needed where only one runs
${FINDING_HELP.split('\n').slice(1).join('\n')}
  -h, --help         show this text
`,
  'put-back': `Usage: twincached put-back NODE [options]

Has the proxies of a running cluster ask a node again that was taken out.

  --proxy PROXY      only this one
  --cluster CLUSTER  the file that the cluster was started with, or its name; not needed where only one runs
${FINDING_HELP.split('\n').slice(1).join('\n')}
  -h, --help         show this text
`,
  down: `Usage: twincached down [CLUSTER] [options]

Stops a running cluster, or this host's part of it, in the order in which requests flow, and waits until all its processes are gone.

${FINDING_HELP}
  -h, --help         show this text
`,
};

/** The status is asked so often. */
const LOOK_MS = 100;
/** What is waited for is told again after so long. */
const PROGRESS_MS = 2000;
/** A monitor that does not end within this time after everything was to be stopped hangs. */
const DOWN_MS_MAX = 120_000;

export interface CommandOutput {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/**
 * One of these commands.
 *
 * @param argv what follows its name
 * @returns the exit code: 0 when it has been carried out
 */
export async function clusterCommand(
  command: ClusterCommandName,
  argv: readonly string[],
  output: CommandOutput,
): Promise<number> {
  try {
    const options = parseOptions(argv, {
      ...FINDING_OPTIONS,
      cluster: { type: 'string' },
      'dry-run': { type: 'boolean' },
      rolling: { type: 'boolean' },
      force: { type: 'boolean' },
      to: { type: 'string' },
      proxy: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    });
    if (options.values['help'] === true) {
      output.out(CLUSTER_COMMAND_HELPS[command]);
      return 0;
    }
    const foreign = Object.keys(options.values).find(
      (name) => !CLUSTER_COMMAND_HELPS[command].includes(`--${name}`),
    );
    if (foreign !== undefined) throw new StartError(`unknown option '--${foreign}'`);
    switch (command) {
      case 'reload':
        return await reload(options, output);
      case 'restart':
        return await restart(options, output);
      case 'switchover':
        return await switchover(options, output);
      case 'take-out':
      case 'put-back':
        return await outOrBack(command, options, output);
      case 'down':
        return await down(options, output);
    }
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    for (const line of error.message.split('\n')) output.err(`twincached ${command}: ${line}\n`);
    return error.exitCode;
  }
}

async function reload(options: ParsedOptions, output: CommandOutput): Promise<number> {
  const monitor = findMonitor(onlyPositional(options), options);
  const fields: [string, string][] = [['action', 'reload']];
  if (options.values['dry-run'] !== true) return follow(monitor, fields, output);
  const answer = await sendOrder(monitor, [...fields, ['dry-run', '1']]);
  const lines: unknown = isRecord(answer) ? answer['lines'] : null;
  if (Array.isArray(lines)) for (const line of lines) output.out(`${String(line)}\n`);
  return 0;
}

function restart(options: ParsedOptions, output: CommandOutput): Promise<number> {
  if (options.values['rolling'] !== true)
    throw new StartError('--rolling is needed: services are restarted one after the other');
  const monitor = findMonitor(textOption(options, 'cluster'), options);
  const fields: [string, string][] = [
    ['action', 'rolling-restart'],
    ...options.positionals.map((name): [string, string] => ['name', name]),
  ];
  if (options.values['force'] === true) fields.push(['force', '1']);
  return follow(monitor, fields, output);
}

function switchover(options: ParsedOptions, output: CommandOutput): Promise<number> {
  const shard = onlyPositional(options);
  if (shard === null) throw new StartError('the name of a shard is needed');
  const monitor = findMonitor(textOption(options, 'cluster'), options);
  const fields: [string, string][] = [
    ['action', 'switchover'],
    ['shard', shard],
    ['to', textOption(options, 'to') ?? ''],
  ];
  return follow(monitor, fields, output);
}

function outOrBack(
  action: 'take-out' | 'put-back',
  options: ParsedOptions,
  output: CommandOutput,
): Promise<number> {
  const node = onlyPositional(options);
  if (node === null) throw new StartError('the name of a node is needed');
  const monitor = findMonitor(textOption(options, 'cluster'), options);
  const fields: [string, string][] = [
    ['action', action],
    ['node', node],
    ['proxy', textOption(options, 'proxy') ?? ''],
  ];
  return follow(monitor, fields, output);
}

async function down(options: ParsedOptions, output: CommandOutput): Promise<number> {
  const monitor = findMonitor(onlyPositional(options), options);
  const { record } = monitor;
  let pids: number[] = [];
  try {
    pids = pidsOf(await fetchStatus(monitor));
    await sendOrder(monitor, [['action', 'down']]);
  } catch (error) {
    // Refused, or nobody is there. A page that hangs is no reason to let everything run.
    if (!(error instanceof StartError) || error.cause === undefined || record === null || !stillRuns(record))
      throw error;
    output.err(`twincached down: ${error.message}; the monitor is told by SIGTERM\n`);
    process.kill(record.pid, 'SIGTERM');
  }
  if (record === null) return 1;
  output.out(`stopping ${pids.length} processes …\n`);
  const endMs = performance.now() + DOWN_MS_MAX;
  let toldMs = performance.now();
  for (;;) {
    const left = pids.filter(exists);
    if (!stillRuns(record) && left.length === 0) break;
    const what = `the monitor (process ${record.pid})${left.length === 0 ? '' : ` and ${left.length} of its processes`}`;
    if (performance.now() > endMs) throw new StartError(`${what} did not end within ${DOWN_MS_MAX / 1000} s`);
    if (performance.now() - toldMs > PROGRESS_MS) {
      output.out(`waiting for ${what}\n`);
      toldMs = performance.now();
    }
    await pause();
  }
  output.out(`cluster ${nameOf(record)} is down\n`);
  return 0;
}

/** Gives an order, and shows what becomes of it until it is done. @returns 0 when it was done, 1 when it failed */
async function follow(
  monitor: FoundMonitor,
  fields: readonly [string, string][],
  { out, err }: CommandOutput,
): Promise<number> {
  const answer = await sendOrder(monitor, fields);
  const begun = readOperation(isRecord(answer) ? answer['operation'] : null);
  if (begun === null) throw new StartError('the monitor answers in a way that this release does not know');
  let shown = 0;
  let waiting = '';
  let toldMs = performance.now();
  for (;;) {
    const status: unknown = JSON.parse(await fetchStatus(monitor));
    const operation = readOperation(isRecord(status) ? status['operation'] : null);
    if (operation === null || operation.id !== begun.id)
      throw new StartError('another order came in between; `twincached status` shows what is');
    const total = operation.linesBefore + operation.lines.length;
    for (const line of operation.lines.slice(Math.max(0, shown - operation.linesBefore))) out(`${line}\n`);
    if (total > shown) toldMs = performance.now();
    shown = total;
    if (operation.state === 'done') {
      out(`done: ${operation.text}\n`);
      return 0;
    }
    if (operation.state !== 'under-way') {
      err(`twincached: ${operation.action} failed: ${operation.text}\n`);
      return 1;
    }
    // What takes long is told, and told again when it has come nearer.
    if (operation.text !== waiting && performance.now() - toldMs > PROGRESS_MS) {
      waiting = operation.text;
      toldMs = performance.now();
      out(`[${operation.stepsDone} of ${operation.stepsTotal}] ${operation.text}\n`);
    }
    await pause();
  }
}

function onlyPositional({ positionals }: ParsedOptions): string | null {
  const [first, second] = positionals;
  if (second !== undefined) throw new StartError(`unexpected argument '${second}'`);
  return first ?? null;
}

function pidsOf(status: string): number[] {
  const value: unknown = JSON.parse(status);
  const services: unknown = isRecord(value) ? value['services'] : null;
  if (!Array.isArray(services)) return [];
  return services.filter(isRecord).flatMap(({ pid }) => (typeof pid === 'number' ? [pid] : []));
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function nameOf({ cluster, host }: MonitorRecord): string {
  return host === null ? cluster : `${cluster}, host ${host},`;
}

function pause(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, LOOK_MS);
  });
}

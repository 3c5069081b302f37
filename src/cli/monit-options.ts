import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { StartError } from '../base/start-error.ts';
import { CYCLE_SECONDS_MAX } from '../control/settings-parser.ts';
import type { Called } from './command-line.ts';
import { getopt, type OptionRow } from './getopt.ts';
import { LOG_FORMAT_ROW, logFormatOf } from './log-format-option.ts';

/** What a command line of monit's asks for. */
export interface MonitCommand {
  /** Absolute; null: looked for at the usual places. */
  readonly controlFile: string | null;
  readonly cycleSeconds: number | null;
  readonly group: string | null;
  readonly logFile: string | null;
  readonly pidFile: string | null;
  readonly stateFile: string | null;
  readonly isForeground: boolean;
  readonly isBatch: boolean;
  readonly verbosity: number;
  readonly wish: MonitWish;
}

export type MonitWish =
  | { readonly kind: 'run' | 'test' | 'help' | 'version' | 'id' | 'reset-id' }
  | { readonly kind: 'hash'; readonly file: string | null }
  | { readonly kind: 'action'; readonly words: readonly string[] };

export const MONIT_ROWS: readonly OptionRow[] = [
  {
    name: 'conf',
    short: 'c',
    long: 'conf',
    argument: 'required',
    valueName: 'file',
    help: ['Use this control file'],
  },
  {
    name: 'daemon',
    short: 'd',
    long: 'daemon',
    argument: 'required',
    valueName: 'n',
    help: ['Run as a daemon once per n seconds'],
  },
  {
    name: 'group',
    short: 'g',
    long: 'group',
    argument: 'required',
    valueName: 'name',
    help: ['Set group name for monit commands'],
  },
  {
    name: 'logfile',
    short: 'l',
    long: 'logfile',
    argument: 'required',
    valueName: 'logfile',
    help: ['Print log information to this file'],
  },
  {
    name: 'pidfile',
    short: 'p',
    long: 'pidfile',
    argument: 'required',
    valueName: 'pidfile',
    help: ['Use this lock file in daemon mode'],
  },
  {
    name: 'statefile',
    short: 's',
    long: 'statefile',
    argument: 'required',
    valueName: 'statefile',
    help: ['Set the file monit should write state information to'],
  },
  {
    name: 'interactive',
    short: 'I',
    long: 'interactive',
    argument: 'none',
    help: ['Do not run in background (needed when run from init)'],
  },
  { name: 'id', short: 'i', long: 'id', argument: 'none', help: ["Print Monit's unique ID"] },
  { name: 'resetid', short: 'r', long: 'resetid', argument: 'none', help: ["Reset Monit's unique ID"] },
  {
    name: 'batch',
    short: 'B',
    long: 'batch',
    argument: 'none',
    help: ['Batch command line mode (do not output tables or colors)'],
  },
  {
    name: 'test',
    short: 't',
    long: 'test',
    argument: 'none',
    help: ['Run syntax check for the control file'],
  },
  { name: 'verbose', short: 'v', long: 'verbose', argument: 'none', help: ['Verbose mode; twice: more so'] },
  {
    name: 'hash',
    short: 'H',
    long: 'hash',
    argument: 'none',
    valueName: 'filename',
    help: ['Print SHA1 and MD5 hashes of the file or of stdin'],
  },
  { ...LOG_FORMAT_ROW, valueName: 'format' },
  { name: 'version', short: 'V', long: 'version', argument: 'none', help: ['Print version number'] },
  { name: 'help', short: 'h', long: 'help', argument: 'none', help: ['Print this text'] },
];

/**
 * Reads a command line of monit's.
 *
 * @throws StartError for an unknown option, or a value that is none
 */
export function parseMonit(call: Called): MonitCommand {
  const posixlyCorrect = call.environment['POSIXLY_CORRECT'] !== undefined;
  const { events, operands } = getopt(call.program, call.words, MONIT_ROWS, posixlyCorrect);
  const values = new Map<string, string>();
  let verbosity = 0;
  for (const event of events) {
    if (event.kind === 'error') throw new StartError(inMonitsWords(event.message));
    if (event.name === 'verbose') verbosity += 1;
    values.set(event.name, event.value ?? '');
  }
  const path = (name: string): string | null => {
    const value = values.get(name);
    return value === undefined ? null : resolve(call.directory, value);
  };
  const format = values.get('log-format');
  if (format !== undefined) logFormatOf('--log-format', format);
  const daemon = values.get('daemon');
  if (
    daemon !== undefined &&
    (!/^\d{1,9}$/.test(daemon) || Number(daemon) < 1 || Number(daemon) > CYCLE_SECONDS_MAX)
  )
    throw new StartError('Option -d requires a natural number');
  return {
    controlFile: path('conf'),
    cycleSeconds: daemon === undefined ? null : Number(daemon),
    group: values.get('group') ?? null,
    logFile: path('logfile'),
    pidFile: path('pidfile'),
    stateFile: path('statefile'),
    isForeground: values.has('interactive'),
    isBatch: values.has('batch'),
    verbosity,
    wish: wishOf(values, operands),
  };
}

/** What is wrong with an option, from getopt's words for it; monit itself has none for long options. */
function inMonitsWords(message: string): string {
  const unknown = /: (?:invalid option -- |unrecognized option )'(?:--)?(.*)'$/.exec(message)?.[1];
  if (unknown !== undefined) return `Invalid option -- ${unknown}  (-h will show valid options)`;
  const lacking = /: option requires an argument -- '(.)'$/.exec(message)?.[1];
  return lacking === undefined ? message : `Option -- ${lacking} requires an argument`;
}

function wishOf(values: ReadonlyMap<string, string>, operands: readonly string[]): MonitWish {
  if (values.has('help')) return { kind: 'help' };
  if (values.has('version')) return { kind: 'version' };
  if (values.has('hash')) return { kind: 'hash', file: operands[0] ?? null };
  if (values.has('test')) return { kind: 'test' };
  if (values.has('id')) return { kind: 'id' };
  if (values.has('resetid')) return { kind: 'reset-id' };
  return operands.length === 0 ? { kind: 'run' } : { kind: 'action', words: operands };
}

/** Where a control file is looked for. */
export function usualControlFiles(directory: string): readonly string[] {
  return [
    join(homedir(), '.monitrc'),
    '/etc/monit/monitrc',
    '/etc/monitrc',
    '/usr/local/etc/monitrc',
    join(directory, 'monitrc'),
  ];
}

/** The commands behind the options, with what help says of them. */
export const MONIT_ACTIONS: readonly (readonly [string, string])[] = [
  ['start all | NAME', 'Start all services, or the named one and those it depends on'],
  ['stop all | NAME', 'Stop services; those that depend on them first'],
  ['restart all | NAME', 'Stop and start services'],
  ['monitor all | NAME', 'Enable monitoring'],
  ['unmonitor all | NAME', 'Disable monitoring; what runs goes on'],
  ['reload', 'Read the control file again'],
  ['status [NAME]', 'Print full status information for services'],
  ['summary [NAME]', 'Print short status information for services'],
  ['report [up|down|..]', 'Report the state of services'],
  ['quit', 'End the daemon; what runs goes on'],
  ['validate', 'Check all services now and print their status'],
  ['procmatch PATTERN', 'List the processes that a pattern matches'],
];

export function monitHelp(): string {
  const options = MONIT_ROWS.map(({ short, long, valueName, help }) => {
    const letter = short === undefined ? '    ' : `-${short}, `;
    const spelling = ` ${letter}--${long}${valueName === undefined ? '' : ` ${valueName}`}`;
    return `${spelling.padEnd(28)} ${help?.join(' ') ?? ''}\n`;
  });
  const actions = MONIT_ACTIONS.map(([name, text]) => ` ${name.padEnd(27)} ${text}\n`);
  return `Usage: monit [options]+ [command]\nOptions are as follows:\n${options.join('')}Optional commands are as follows:\n${actions.join('')}`;
}

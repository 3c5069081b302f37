import { NUTCRACKER_VERSION } from '../proxy/nutcracker-stats.ts';
import type { OptionRow } from './getopt.ts';
import { LOG_FORMAT_ROW } from './log-format-option.ts';

/** twemproxy's options, and, at the end, ours. */
export const NUTCRACKER_ROWS: readonly OptionRow[] = [
  { name: 'help', short: 'h', long: 'help', argument: 'none', help: ['this help'] },
  { name: 'help', short: '?', argument: 'none' },
  { name: 'version', short: 'V', long: 'version', argument: 'none', help: ['show version and exit'] },
  {
    name: 'test-conf',
    short: 't',
    long: 'test-conf',
    argument: 'none',
    help: ['test configuration for syntax errors and exit'],
  },
  { name: 'daemonize', short: 'd', long: 'daemonize', argument: 'none', help: ['run as a daemon'] },
  {
    name: 'describe-stats',
    short: 'D',
    long: 'describe-stats',
    argument: 'none',
    help: ['print stats description and exit'],
  },
  {
    name: 'verbose',
    short: 'v',
    long: 'verbose',
    argument: 'required',
    valueName: 'N',
    help: ['set logging level (default: 5, min: 0, max: 11)'],
  },
  {
    name: 'output',
    short: 'o',
    long: 'output',
    argument: 'required',
    valueName: 'S',
    help: ['set logging file (default: stderr)'],
  },
  {
    name: 'conf-file',
    short: 'c',
    long: 'conf-file',
    argument: 'required',
    valueName: 'S',
    help: ['set configuration file (default: conf/nutcracker.yml)'],
  },
  {
    name: 'stats-port',
    short: 's',
    long: 'stats-port',
    argument: 'required',
    valueName: 'N',
    help: ['set stats monitoring port (default: 22222)'],
  },
  {
    name: 'stats-addr',
    short: 'a',
    long: 'stats-addr',
    argument: 'required',
    valueName: 'S',
    help: ['set stats monitoring ip (default: 0.0.0.0)'],
  },
  {
    name: 'stats-interval',
    short: 'i',
    long: 'stats-interval',
    argument: 'required',
    valueName: 'N',
    help: ['set stats aggregation interval in msec (default: 30000 msec)'],
  },
  {
    name: 'pid-file',
    short: 'p',
    long: 'pid-file',
    argument: 'required',
    valueName: 'S',
    help: ['set pid file (default: off)'],
  },
  {
    name: 'mbuf-size',
    short: 'm',
    long: 'mbuf-size',
    argument: 'required',
    valueName: 'N',
    help: ['set size of mbuf chunk in bytes (default: 16384 bytes)'],
  },
  {
    name: 'threads',
    long: 'threads',
    argument: 'required',
    valueName: 'N',
    help: ['data threads (default: 1); not in twemproxy'],
    yields: true,
  },
  {
    name: 'clients',
    long: 'clients',
    argument: 'required',
    valueName: 'N',
    help: ['most clients at a time (default: 65536); not in twemproxy'],
    yields: true,
  },
  {
    name: 'near-cache',
    long: 'near-cache',
    argument: 'required',
    valueName: 'N',
    help: ['keep values that are asked for often for N msec (default: off, max: 10000); not in twemproxy'],
    yields: true,
  },
  {
    name: 'coalesce',
    long: 'coalesce',
    argument: 'none',
    help: ['send equal gets of such keys that come at the same time once; not in twemproxy'],
    yields: true,
  },
  { ...LOG_FORMAT_ROW, valueName: 'S' },
];

const HELP_COLUMN = 22;

/** What `-V` says. */
export function nutcrackerVersion(): string {
  return `This is nutcracker-${NUTCRACKER_VERSION}\nasync event backend: epoll\n\n`;
}

/** The usage text, laid out as twemproxy's. */
export function nutcrackerUsage(): string {
  const lines = NUTCRACKER_ROWS.flatMap(({ short, long, valueName, help }) => {
    if (help === undefined) return [];
    const spelled = `${short === undefined ? '    ' : `-${short}, `}--${long}${valueName === undefined ? '' : `=${valueName}`}`;
    return [`  ${spelled.padEnd(HELP_COLUMN)} : ${help.join(' ')}`];
  });
  return `${[
    'Usage: nutcracker [-?hVdDt] [-v verbosity level] [-o output file]',
    '                  [-c conf file] [-s stats port] [-a stats addr]',
    '                  [-i stats interval] [-p pid file] [-m mbuf size]',
    '',
    'Options:',
    ...lines,
  ].join('\n')}\n\n`;
}

const POOL_STATS = [
  ['client_eof', '# eof on client connections'],
  ['client_err', '# errors on client connections'],
  ['client_connections', '# active client connections'],
  ['server_ejects', '# times backend server was ejected'],
  ['forward_error', '# times we encountered a forwarding error'],
  ['fragments', '# fragments created from a multi-vector request'],
] as const;

const SERVER_STATS = [
  ['server_eof', '# eof on server connections'],
  ['server_err', '# errors on server connections'],
  ['server_timedout', '# timeouts on server connections'],
  ['server_connections', '# active server connections'],
  ['server_ejected_at', 'timestamp when server was ejected in usec since epoch'],
  ['requests', '# requests'],
  ['request_bytes', 'total request bytes'],
  ['responses', '# responses'],
  ['response_bytes', 'total response bytes'],
  ['in_queue', '# requests in incoming queue'],
  ['in_queue_bytes', 'current request bytes in incoming queue'],
  ['out_queue', '# requests in outgoing queue'],
  ['out_queue_bytes', 'current request bytes in outgoing queue'],
] as const;

/** What `-D` says behind the version. */
export function nutcrackerStatsDescription(): string {
  const list = (rows: readonly (readonly [string, string])[]): string =>
    rows.map(([name, text]) => `  ${name.padEnd(19)} "${text}"\n`).join('');
  return `pool stats:\n${list(POOL_STATS)}\nserver stats:\n${list(SERVER_STATS)}`;
}

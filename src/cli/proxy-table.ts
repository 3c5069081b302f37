import { TWINCACHED_VERSION } from '../base/version.ts';
import { helpLines, type OptionRow } from './getopt.ts';
import { LOG_FORMAT_ROW } from './log-format-option.ts';

/** The options of `twincached proxy`. */
export const PROXY_ROWS: readonly OptionRow[] = [
  { name: 'help', short: 'h', long: 'help', argument: 'none', help: ['print this and exit'] },
  { name: 'version', short: 'V', long: 'version', argument: 'none', help: ['print the version and exit'] },
  {
    name: 'config',
    short: 'c',
    long: 'config',
    argument: 'required',
    valueName: '<file>',
    help: ['the configuration; a change of it is taken over while', 'the proxy serves, also on SIGHUP'],
  },
  {
    name: 'test',
    short: 't',
    long: 'test',
    argument: 'none',
    help: ['say what is wrong with the configuration and exit'],
  },
  {
    name: 'schema',
    long: 'schema',
    argument: 'none',
    help: ['print the JSON schema of the configuration and exit'],
  },
  {
    name: 'daemon',
    short: 'd',
    long: 'daemon',
    argument: 'none',
    help: ['go into the background once the ports are open'],
  },
  {
    name: 'pid-file',
    short: 'P',
    long: 'pidfile',
    argument: 'required',
    valueName: '<file>',
    help: ['save the process id there'],
  },
  {
    name: 'user',
    short: 'u',
    long: 'user',
    argument: 'required',
    valueName: '<user>',
    help: ['user to become, a number or a name'],
  },
  {
    name: 'verbose',
    short: 'v',
    long: 'verbose',
    argument: 'none',
    help: ['say when servers come and go'],
  },
  LOG_FORMAT_ROW,
];

/** The usage text. */
export function proxyUsage(): string {
  return `${[
    `twincached ${TWINCACHED_VERSION}, a proxy with routes in front of memcached servers`,
    'usage: twincached proxy -c <file> [options]',
    ...helpLines(PROXY_ROWS),
  ].join('\n')}\n`;
}

import { TWINCACHED_VERSION } from '../base/version.ts';
import { helpLines, type OptionRow } from './getopt.ts';
import { LOG_FORMAT_ROW } from './log-format-option.ts';

/** magent's options; the letters are those of magent 0.5 and 0.6. The long names are ours. */
export const MAGENT_ROWS: readonly OptionRow[] = [
  { name: 'help', short: 'h', argument: 'none', help: ['print this and exit (with 1, as magent does)'] },
  { name: 'long-help', long: 'help', argument: 'none' },
  { name: 'version', long: 'version', argument: 'none', help: ['print the version and exit'] },
  {
    name: 'user',
    short: 'u',
    argument: 'required',
    valueName: '<user>',
    help: ['user to become, a number or a name'],
  },
  {
    name: 'group',
    short: 'g',
    argument: 'required',
    valueName: '<group>',
    help: ['group to become, a number or a name'],
  },
  {
    name: 'port',
    short: 'p',
    argument: 'required',
    valueName: '<num>',
    help: ['TCP port (default: 11211; 0: none)'],
  },
  {
    name: 'server',
    short: 's',
    argument: 'required',
    valueName: '<ip:port>',
    help: ['a main server; repeatable, the order decides where', 'keys lie; ip:port*weight is ours'],
  },
  {
    name: 'backup',
    short: 'b',
    argument: 'required',
    valueName: '<ip:port>',
    help: ['a backup server; repeatable'],
  },
  {
    name: 'listen',
    short: 'l',
    argument: 'required',
    valueName: '<ip>',
    help: ['address to listen on (default: 0.0.0.0)'],
  },
  {
    name: 'conn-limit',
    short: 'n',
    argument: 'required',
    valueName: '<num>',
    help: ['most client connections at a time (default: 4096)'],
  },
  {
    name: 'foreground',
    short: 'D',
    argument: 'none',
    help: ['stay in the foreground'],
  },
  {
    name: 'ketama',
    short: 'k',
    argument: 'none',
    help: ['place keys with ketama instead of modulo'],
  },
  {
    name: 'placement',
    long: 'placement',
    argument: 'required',
    valueName: '<mode>',
    help: [
      'modulo, ketama (as -k), or ketama-8bit, which is -k',
      'with the mistake of magent 0.5 and 0.6; ours',
    ],
  },
  {
    name: 'config',
    short: 'c',
    argument: 'required',
    valueName: '<file>',
    help: ["magent 0.7's file; SIGHUP reads its servers again"],
  },
  {
    name: 'unix-socket',
    short: 'f',
    argument: 'required',
    valueName: '<file>',
    help: ['also listen on this unix socket'],
  },
  {
    name: 'idle-limit',
    short: 'i',
    argument: 'required',
    valueName: '<num>',
    help: ['accepted; connections to servers are shared, so', 'there is no pool to bound'],
  },
  {
    name: 'threads',
    short: 't',
    long: 'threads',
    argument: 'required',
    valueName: '<num>',
    help: ['data threads (default: 1); not in magent'],
  },
  {
    name: 'return-wait',
    long: 'return-wait',
    argument: 'required',
    valueName: '<ms>',
    help: [
      'so long after a server was lost requests that have',
      'nobody else wait for its return (0 to 60000 ms;',
      'default: 1000); not in magent',
    ],
  },
  {
    name: 'near-cache',
    long: 'near-cache',
    argument: 'required',
    valueName: '<ms>',
    help: [
      'keep values that are asked for often for so long (1 to',
      '10000 ms; default: not at all); not in magent',
    ],
  },
  {
    name: 'coalesce',
    long: 'coalesce',
    argument: 'none',
    help: ['send equal gets of such keys that come at the same', 'time once; not in magent'],
  },
  {
    name: 'verbose',
    short: 'v',
    argument: 'none',
    help: ['verbose; implies -D'],
  },
  LOG_FORMAT_ROW,
];

/** The usage text. */
export function magentUsage(): string {
  return `${[
    `twincached ${TWINCACHED_VERSION}, as magent: a proxy in front of memcached servers`,
    'usage: magent -s ip:port [-s ip:port ...] [-b ip:port ...] [options]',
    ...helpLines(MAGENT_ROWS),
  ].join('\n')}\n`;
}

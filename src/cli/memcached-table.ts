import { MEMCACHED_VERSION, TWINCACHED_VERSION } from '../base/version.ts';
import { helpLines, type OptionRow } from './getopt.ts';
import { LOG_FORMAT_ROW } from './log-format-option.ts';

/**
 * The options of memcached. The long names stand in the order in which memcached 1.6 has them, because an ambiguous
 * prefix lists its candidates in that order.
 */
const THEIR_ROWS: readonly OptionRow[] = [
  {
    name: 'unix-mask',
    short: 'a',
    long: 'unix-mask',
    argument: 'required',
    valueName: '<mask>',
    help: ['access mode of the unix socket, octal (default: 700)'],
  },
  {
    name: 'enable-shutdown',
    short: 'A',
    long: 'enable-shutdown',
    argument: 'none',
    help: ['let clients end the server with "shutdown"'],
  },
  {
    name: 'enable-ssl',
    short: 'Z',
    long: 'enable-ssl',
    argument: 'none',
    help: ['encrypt connections; needs -o ssl_chain_cert=FILE'],
  },
  {
    name: 'port',
    short: 'p',
    long: 'port',
    argument: 'required',
    valueName: '<num>',
    help: ['TCP port (default: 11211; 0: none; -1: any free one)'],
  },
  {
    name: 'unix-socket',
    short: 's',
    long: 'unix-socket',
    argument: 'required',
    valueName: '<file>',
    help: ['listen on this unix socket, and on no network address'],
  },
  {
    name: 'udp-port',
    short: 'U',
    long: 'udp-port',
    argument: 'required',
    valueName: '<num>',
    help: ['UDP port (default: 0, none; -1: any free one)'],
  },
  {
    name: 'memory-limit',
    short: 'm',
    long: 'memory-limit',
    argument: 'required',
    valueName: '<num>',
    help: ['memory for items in megabytes (default: 64)'],
  },
  {
    name: 'disable-evictions',
    short: 'M',
    long: 'disable-evictions',
    argument: 'none',
    help: ['when memory is full, refuse new items instead of', 'dropping old ones'],
  },
  {
    name: 'conn-limit',
    short: 'c',
    long: 'conn-limit',
    argument: 'required',
    valueName: '<num>',
    help: ['most client connections at a time (default: 1024)'],
  },
  {
    name: 'lock-memory',
    short: 'k',
    long: 'lock-memory',
    argument: 'none',
    help: ['keep the cache out of the swap'],
  },
  { name: 'help', short: 'h', long: 'help', argument: 'none', help: ['print this and exit'] },
  { name: 'license', short: 'i', long: 'license', argument: 'none', help: ['print the license and exit'] },
  { name: 'version', short: 'V', long: 'version', argument: 'none', help: ['print the version and exit'] },
  {
    name: 'enable-coredumps',
    short: 'r',
    long: 'enable-coredumps',
    argument: 'none',
    help: ['let the system write core files of any size'],
  },
  {
    name: 'verbose',
    short: 'v',
    long: 'verbose',
    argument: 'none',
    help: ['print errors and events; -vv: also commands and', 'replies; -vvv: also changes of state'],
  },
  {
    name: 'daemon',
    short: 'd',
    long: 'daemon',
    argument: 'none',
    help: ['go into the background, once the port is open'],
  },
  {
    name: 'listen',
    short: 'l',
    long: 'listen',
    argument: 'required',
    valueName: '<addr>',
    help: ['address to listen on (default: all); a list with', 'commas, repeatable; host:port, [v6]:port'],
  },
  {
    name: 'user',
    short: 'u',
    long: 'user',
    argument: 'required',
    valueName: '<user>',
    help: ['user to become, needed when started as root'],
  },
  {
    name: 'pidfile',
    short: 'P',
    long: 'pidfile',
    argument: 'required',
    valueName: '<file>',
    help: ['write the process id here'],
  },
  {
    name: 'slab-growth-factor',
    short: 'f',
    long: 'slab-growth-factor',
    argument: 'required',
    valueName: '<num>',
    help: ['ratio between the chunk sizes of neighbouring slab', 'classes (default: 1.25)'],
  },
  {
    name: 'slab-min-size',
    short: 'n',
    long: 'slab-min-size',
    argument: 'required',
    valueName: '<bytes>',
    help: ['least room for key, flags and value (default: 48)'],
  },
  {
    name: 'threads',
    short: 't',
    long: 'threads',
    argument: 'required',
    valueName: '<num>',
    help: ['data threads over the one cache (default: 4)'],
  },
  {
    name: 'enable-largepages',
    short: 'L',
    long: 'enable-largepages',
    argument: 'none',
    help: ['large pages for the cache, where the system has', 'some'],
  },
  {
    name: 'max-reqs-per-event',
    short: 'R',
    long: 'max-reqs-per-event',
    argument: 'required',
    valueName: '<num>',
    help: ['most requests of one connection before the others', 'have their turn (default: 20)'],
  },
  {
    name: 'disable-cas',
    short: 'C',
    long: 'disable-cas',
    argument: 'none',
    help: ['do not show cas ids to clients'],
  },
  {
    name: 'listen-backlog',
    short: 'b',
    long: 'listen-backlog',
    argument: 'required',
    valueName: '<num>',
    help: ['length of the accept queue (default: 1024)'],
  },
  {
    name: 'protocol',
    short: 'B',
    long: 'protocol',
    argument: 'required',
    valueName: '<name>',
    help: ['ascii, binary or auto (default: auto)'],
  },
  {
    name: 'max-item-size',
    short: 'I',
    long: 'max-item-size',
    argument: 'required',
    valueName: '<num>',
    help: ['largest item, with suffix k, m or g', '(default: 1m; least: 1k; most: 1g)'],
  },
  {
    name: 'enable-sasl',
    short: 'S',
    long: 'enable-sasl',
    argument: 'none',
    help: [
      'clients log in by SASL (implies -B binary); the variable',
      'MEMCACHED_SASL_PWDB names the file of user:password',
    ],
  },
  {
    name: 'disable-flush-all',
    short: 'F',
    long: 'disable-flush-all',
    argument: 'none',
    help: ['refuse flush_all'],
  },
  {
    name: 'disable-dumping',
    long: 'disable-dumping',
    argument: 'none',
    help: ['refuse to list keys (also -X without a number)'],
  },
  {
    name: 'disable-watch',
    short: 'W',
    long: 'disable-watch',
    argument: 'none',
    help: ['refuse watch'],
  },
  {
    name: 'auth-file',
    short: 'Y',
    long: 'auth-file',
    argument: 'required',
    valueName: '<file>',
    help: ['clients must log in with a line user:password of', 'this file; text protocol only'],
  },
  { name: 'memory-file', short: 'e', long: 'memory-file', argument: 'required' },
  {
    name: 'extended',
    short: 'o',
    long: 'extended',
    argument: 'required',
    valueName: '<words>',
    help: ['comma separated list of extended options, see', 'docs/reference/options.md'],
  },
  { name: 'napi-ids', short: 'N', long: 'napi-ids', argument: 'required' },
  {
    name: 'delimiter',
    short: 'D',
    argument: 'required',
    valueName: '<char>',
    help: ['what ends the prefix of a key (default: ":");', 'turns "stats detail" on'],
  },
];

/** What a node with twins has besides, and repcached's letters. */
const OUR_ROWS: readonly OptionRow[] = [
  {
    name: 'replication-peer',
    short: 'x',
    argument: 'required',
    valueName: '<ip_addr>',
    help: ['a twin: everything is kept there too; repeatable'],
  },
  { name: 'replication-peer', long: 'replication-peer', argument: 'required' },
  {
    name: 'replication-port',
    short: 'X',
    argument: 'number-if-any',
    valueName: '<num>',
    help: ['TCP port for twins, the same on both', '(default: 11212 when -x is given)'],
  },
  { name: 'replication-port', long: 'replication-port', argument: 'required' },
  {
    name: 'replication-queue',
    short: 'q',
    argument: 'required',
    valueName: '<num>',
    help: ['most changes that wait for a twin (default: 8192)'],
  },
  { name: 'replication-queue', long: 'replication-queue', argument: 'required' },
  {
    name: 'replication-backlog',
    long: 'replication-backlog',
    argument: 'required',
    valueName: '<bytes>',
    help: [
      'changes that are kept for a twin that is away, with',
      'suffix k, m or g (default: 4m for each thread)',
    ],
  },
  {
    name: 'no-legacy-twins',
    long: 'no-legacy-twins',
    argument: 'none',
    help: ['let no C repcached be a twin'],
  },
  {
    name: 'acks',
    long: 'acks',
    argument: 'required',
    valueName: '<num>',
    help: ['answer a write when so many twins have it (default: 0)'],
  },
  {
    name: 'ack-timeout',
    long: 'ack-timeout',
    argument: 'required',
    valueName: '<ms>',
    help: ['wait for them so long at most (default: 1000), then', 'answer all the same'],
  },
  {
    name: 'ack-refuse',
    long: 'ack-refuse',
    argument: 'none',
    help: ['then refuse instead'],
  },
  {
    name: 'min-replicas',
    long: 'min-replicas',
    argument: 'required',
    valueName: '<num>',
    help: ['refuse writes while fewer twins are in step (default: 0)'],
  },
  {
    name: 'replication-secret-file',
    long: 'replication-secret-file',
    argument: 'required',
    valueName: '<file>',
    help: ['twins must know the first line of this file'],
  },
  {
    name: 'replication-tls-chain',
    long: 'replication-tls-chain',
    argument: 'required',
    valueName: '<file>',
    help: ["encrypt links to twins: this node's certificate"],
  },
  {
    name: 'replication-tls-key',
    long: 'replication-tls-key',
    argument: 'required',
    valueName: '<file>',
    help: ['its key'],
  },
  {
    name: 'replication-tls-ca',
    long: 'replication-tls-ca',
    argument: 'required',
    valueName: '<file>',
    help: ['the authority of the certificates of all twins'],
  },
  {
    name: 'replication-compress',
    long: 'replication-compress',
    argument: 'required',
    valueName: '<bytes>',
    help: ['compress what goes to twins from this length on', '(default: never)'],
  },
  LOG_FORMAT_ROW,
];

/** All options. Ours yield, so that no prefix that works with memcached is ambiguous here. */
export const MEMCACHED_ROWS: readonly OptionRow[] = [
  ...THEIR_ROWS,
  ...OUR_ROWS.map((row) => ({ ...row, yields: true })),
];

/** The lines that help and version begin with: clients of both read the first. */
export const MEMCACHED_VERSION_LINE: string = `memcached ${MEMCACHED_VERSION}`;

/** What people look for first comes first in the help text; the rest follows in the order of the table. */
const HELP_FIRST: readonly string[] = [
  'port',
  'udp-port',
  'listen',
  'unix-socket',
  'unix-mask',
  'replication-peer',
  'replication-port',
  'replication-queue',
  'replication-secret-file',
  'replication-tls-chain',
  'replication-tls-key',
  'replication-tls-ca',
  'replication-compress',
  'daemon',
  'user',
  'pidfile',
  'memory-limit',
  'disable-evictions',
  'conn-limit',
  'threads',
  'max-item-size',
];

/** What `-h` prints. */
export function memcachedHelp(): string {
  const first = HELP_FIRST.flatMap((name) => MEMCACHED_ROWS.filter((row) => row.name === name));
  const rest = MEMCACHED_ROWS.filter((row) => !HELP_FIRST.includes(row.name));
  const lines = helpLines([...first, ...rest]);
  return `${[MEMCACHED_VERSION_LINE, `twincached ${TWINCACHED_VERSION}`, ...lines].join('\n')}\n`;
}

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { StartError } from '../base/start-error.ts';
import type { NutcrackerOptions } from '../proxy/nutcracker-service.ts';
import { NEAR_CACHE_MS_MAX } from '../routing/near-cache.ts';
import type { Called, CommandLine } from './command-line.ts';
import { getopt } from './getopt.ts';
import { logFormatOf } from './log-format-option.ts';
import {
  NUTCRACKER_ROWS,
  nutcrackerStatsDescription,
  nutcrackerUsage,
  nutcrackerVersion,
} from './nutcracker-table.ts';

export interface NutcrackerCommand {
  readonly proxy: Omit<NutcrackerOptions, 'transport'>;
  readonly daemon: boolean;
  /** Absolute; null: none. */
  readonly pidFile: string | null;
  /** `-t`: only look at the file. */
  readonly isTest: boolean;
  /** The configuration file as typed, for messages. */
  readonly fileAsTyped: string;
}

const FILE_DEFAULT = 'conf/nutcracker.yml';
/** Where Debian's package has it: used when the default is not there. */
const FILE_OF_DEBIAN = '/etc/nutcracker/nutcracker.yml';
const LEVEL_DEFAULT = 5;
const STATS_PORT_DEFAULT = 22222;
const STATS_INTERVAL_MS_DEFAULT = 30_000;
const MBUF_BYTES_LEAST = 512;
const MBUF_BYTES_MOST = 16 * 1024 * 1024;
const THREADS_MAX = 256;
const CLIENTS_DEFAULT = 65_536;
const PORT_MAX = 65_535;

/** What an option is said to require. */
const WANTED: Readonly<Record<string, string>> = {
  v: 'a number',
  o: 'a file name',
  c: 'a file name',
  s: 'a number',
  a: 'a string',
  i: 'a number',
  p: 'a file name',
  m: 'a number',
};

function usageError(message: string): StartError {
  return new StartError(`nutcracker: ${message}\n${nutcrackerUsage().trimEnd()}\n`);
}

/**
 * Reads twemproxy's command line.
 *
 * @param call how the program was called
 * @throws StartError in twemproxy's words, with the usage behind them, exit code 1
 */
export function parseNutcracker(call: Called): CommandLine<NutcrackerCommand> {
  const { events } = getopt('nutcracker', call.words, NUTCRACKER_ROWS);
  let logLevel = LEVEL_DEFAULT;
  let logFile: string | null = null;
  let file: string | null = null;
  let host = '0.0.0.0';
  let port = STATS_PORT_DEFAULT;
  let intervalMs = STATS_INTERVAL_MS_DEFAULT;
  let pidFile: string | null = null;
  let threads = 1;
  let connectionsMax = CLIENTS_DEFAULT;
  let nearCacheMs: number | null = null;
  let coalesces = false;
  let [daemon, isTest, describes, showsVersion, showsHelp] = [false, false, false, false, false];
  for (const event of events) {
    if (event.kind === 'error') throw usageError(asToldByTwemproxy(event.message));
    const { name } = event;
    const value = event.value ?? '';
    switch (name) {
      case 'help':
        showsVersion = showsHelp = true;
        break;
      case 'version':
        showsVersion = true;
        break;
      case 'describe-stats':
        describes = showsVersion = true;
        break;
      case 'test-conf':
        isTest = true;
        break;
      case 'daemonize':
        daemon = true;
        break;
      case 'verbose':
        logLevel = number('v', value);
        break;
      case 'output':
        logFile = resolve(call.directory, value);
        break;
      case 'conf-file':
        file = value;
        break;
      case 'stats-port':
        port = number('s', value);
        if (port < 1 || port > PORT_MAX) throw usageError(`option -s value ${port} is not a valid port`);
        break;
      case 'stats-addr':
        host = value;
        break;
      case 'stats-interval':
        intervalMs = number('i', value);
        break;
      case 'pid-file':
        pidFile = resolve(call.directory, value);
        break;
      case 'mbuf-size': {
        // Accepted: buffers here have other sizes, and grow.
        const bytes = isNumber(value) ? Number(value) : 0;
        if (bytes === 0) throw usageError('option -m requires a non-zero number');
        if (bytes < MBUF_BYTES_LEAST || bytes > MBUF_BYTES_MOST)
          throw usageError(
            `mbuf chunk size must be between ${MBUF_BYTES_LEAST} and ${MBUF_BYTES_MOST} bytes`,
          );
        break;
      }
      case 'log-format':
        logFormatOf('--log-format', value);
        break;
      case 'threads':
        threads = within('--threads', value, THREADS_MAX);
        break;
      case 'near-cache':
        nearCacheMs = within('--near-cache', value, NEAR_CACHE_MS_MAX);
        break;
      case 'coalesce':
        coalesces = true;
        break;
      default:
        connectionsMax = within('--clients', value, 2 ** 31 - 1);
    }
  }
  if (showsVersion) {
    const more = showsHelp ? nutcrackerUsage() : '';
    return {
      kind: 'answer',
      text: `${nutcrackerVersion()}${more}${describes ? nutcrackerStatsDescription() : ''}`,
    };
  }
  const fileAsTyped = file ?? defaultFile(call.directory);
  return {
    kind: 'run',
    warnings: [],
    command: {
      proxy: {
        configurationFile: resolve(call.directory, fileAsTyped),
        configurationTyped: fileAsTyped,
        logLevel,
        logFile,
        stats: { host, port, intervalMs },
        threads,
        connectionsMax,
        hotKeys: nearCacheMs === null && !coalesces ? null : { nearCacheMs, coalesces },
      },
      daemon,
      pidFile,
      isTest,
      fileAsTyped,
    },
  };
}

function defaultFile(directory: string): string {
  return !existsSync(resolve(directory, FILE_DEFAULT)) && existsSync(FILE_OF_DEBIAN)
    ? FILE_OF_DEBIAN
    : FILE_DEFAULT;
}

/** glibc's words are not shown by twemproxy, which has its own. */
function asToldByTwemproxy(message: string): string {
  const missing = /option requires an argument -- '(.)'|option '--([a-z-]+)' requires an argument/.exec(
    message,
  );
  if (missing !== null) {
    const letter = missing[1] ?? NUTCRACKER_ROWS.find(({ long }) => long === missing[2])?.short ?? '';
    return `option -${letter} requires ${WANTED[letter] ?? 'a value'}`;
  }
  const unknown = /invalid option -- '(.)'/.exec(message);
  if (unknown !== null) return `invalid option -- '${unknown[1]}'`;
  return message.replace(/^nutcracker: /, '');
}

function isNumber(value: string): boolean {
  return /^\d{1,10}$/.test(value);
}

function number(letter: string, value: string): number {
  if (isNumber(value)) return Number(value);
  throw usageError(`option -${letter} requires a number`);
}

function within(spelling: string, value: string, most: number): number {
  const count = /^\d{1,10}$/.test(value) ? Number(value) : 0;
  if (count >= 1 && count <= most) return count;
  throw usageError(`option ${spelling} requires a number from 1 to ${most}`);
}

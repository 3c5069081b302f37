import { resolve } from 'node:path';
import { StartError } from '../base/start-error.ts';
import { TWINCACHED_VERSION } from '../base/version.ts';
import { parseIpv4 } from '../net/addresses.ts';
import type { MagentFile } from '../proxy/magent-file.ts';
import { type MagentFileName, readMagentFile } from '../proxy/magent-service.ts';
import {
  type MagentRouting,
  POOL_DEFAULT,
  PROXY_OPTIONS_DEFAULT,
  type ProxyOptions,
  type ProxyServer,
  RETURN_WAIT_MS_MAX,
} from '../proxy/options.ts';
import type { HotKeys } from '../routing/hot-keys.ts';
import { NEAR_CACHE_MS_MAX } from '../routing/near-cache.ts';
import { type Called, type CommandLine, readOptions } from './command-line.ts';
import { logFormatOf } from './log-format-option.ts';
import { MAGENT_ROWS, magentUsage } from './magent-table.ts';
import { invalidPort, invalidValue, unixPath, wholeNumber } from './option-values.ts';
import { serverAddress } from './server-address.ts';

export interface MagentCommand {
  readonly proxy: ProxyOptions;
  /** Go into the background once the ports are open. */
  readonly daemon: boolean;
  /** `-u` and `-g` as typed; null: not given. */
  readonly user: string | null;
  readonly group: string | null;
  /** magent 0.7's `-c`; null: not given. */
  readonly file: MagentFileName | null;
}

const PORT_DEFAULT = 11211;
const THREADS_MAX = 256;
const INT_MAX = 2147483647;

/** A refusal with the usage behind it, as magent has it. */
function usageError(message: string): StartError {
  return new StartError(`${message}\n${magentUsage().trimEnd()}`);
}

/**
 * Reads magent's command line.
 *
 * @param call how the program was called
 * @param read reads magent 0.7's file
 * @throws StartError in magent's words where it has some, exit code 1
 */
export function parseMagent(
  call: Called,
  read: (file: MagentFileName) => MagentFile = readMagentFile,
): CommandLine<MagentCommand> {
  const mains: ProxyServer[] = [];
  const backups: ProxyServer[] = [];
  let port: number | null = null;
  let host: string | null = null;
  let connectionsMax: number | null = null;
  let threads: number = PROXY_OPTIONS_DEFAULT.threads;
  let path: string | null = null;
  let distribution: MagentRouting['distribution'] | null = null;
  let foreground = false;
  let returnWaitMs = POOL_DEFAULT.timeouts.returnWaitMs ?? 0;
  let nearCacheMs: number | null = null;
  let coalesces = false;
  let verbosity = 0;
  let file: MagentFileName | null = null;
  let user: string | null = null;
  let group: string | null = null;

  const line = readOptions(call, MAGENT_ROWS);
  const warnings = [...line.warnings];
  for (const event of line.events) {
    if (event.kind === 'error') throw usageError(event.message);
    const { name, spelling } = event;
    const value = event.value ?? '';
    switch (name) {
      case 'help':
        throw new StartError(magentUsage().trimEnd());
      case 'long-help':
        return { kind: 'answer', text: magentUsage() };
      case 'version':
        return { kind: 'answer', text: `twincached ${TWINCACHED_VERSION}\n` };
      case 'port':
        port = portNumber(spelling, value);
        break;
      case 'server':
        mains.push(serverAddress(spelling, value));
        break;
      case 'backup':
        backups.push(serverAddress(spelling, value));
        break;
      case 'listen':
        if (value === '' || /\s/.test(value)) throw invalidValue(spelling, value, 'an address is needed');
        host = parseIpv4(value) ?? value;
        break;
      case 'conn-limit':
        // As in magent: nothing sensible is the default.
        connectionsMax = wholeNumber(spelling, value, -INT_MAX, INT_MAX);
        if (connectionsMax <= 0) connectionsMax = PROXY_OPTIONS_DEFAULT.connectionsMax;
        break;
      case 'idle-limit':
        wholeNumber(spelling, value, -INT_MAX, INT_MAX);
        break;
      case 'threads':
        threads = wholeNumber(spelling, value, 1, THREADS_MAX);
        break;
      case 'unix-socket':
        path = unixPath(spelling, resolve(call.directory, value), value);
        break;
      case 'ketama':
        distribution ??= 'ketama';
        break;
      case 'placement':
        distribution = placement(spelling, value);
        break;
      case 'config':
        if (value === '') throw invalidValue(spelling, value, 'a file name is needed');
        file = { path: resolve(call.directory, value), shown: value };
        break;
      case 'foreground':
        foreground = true;
        break;
      case 'return-wait':
        returnWaitMs = wholeNumber(spelling, value, 0, RETURN_WAIT_MS_MAX);
        break;
      case 'near-cache':
        nearCacheMs = wholeNumber(spelling, value, 1, NEAR_CACHE_MS_MAX);
        break;
      case 'coalesce':
        coalesces = true;
        break;
      case 'verbose':
        verbosity++;
        break;
      case 'user':
        user = value;
        break;
      case 'group':
        group = value;
        break;
      case 'log-format':
        logFormatOf(spelling, value);
        break;
      default:
        throw new StartError(`${spelling} is not supported`);
    }
  }
  const hotKeys: HotKeys | null = nearCacheMs === null && !coalesces ? null : { nearCacheMs, coalesces };
  // What stands on the command line counts more than what the file says.
  const told: Partial<MagentFile> = file === null ? {} : read(file);
  const servers = {
    mains: mains.length > 0 ? mains : (told.mains ?? []),
    backups: backups.length > 0 ? backups : (told.backups ?? []),
  };
  if (servers.mains.length === 0) throw usageError('please provide -s "ip:port" argument');
  port ??= told.port ?? PORT_DEFAULT;
  if (port === 0 && path === null) throw new StartError('magent must listen on tcp or unix domain socket');
  distribution ??= told.distribution ?? 'modulo';
  if (distribution !== 'modulo') warnings.push('using ketama algorithm');
  host ??= told.host === undefined ? '0.0.0.0' : (parseIpv4(told.host) ?? told.host);
  if (verbosity === 0) verbosity = told.verbosity ?? 0;
  return {
    kind: 'run',
    warnings,
    command: {
      proxy: {
        ...PROXY_OPTIONS_DEFAULT,
        pools: [
          {
            ...POOL_DEFAULT,
            listen: port === 0 ? [] : [{ host: host === '*' ? null : host, port }],
            unixPath: path,
            servers: [...servers.mains, ...servers.backups],
            timeouts: { ...POOL_DEFAULT.timeouts, returnWaitMs },
            routing: {
              kind: 'magent',
              mains: servers.mains.length,
              distribution,
              ...(hotKeys === null ? {} : { hotKeys }),
            },
          },
        ],
        connectionsMax: connectionsMax ?? told.connectionsMax ?? PROXY_OPTIONS_DEFAULT.connectionsMax,
        threads,
        verbosity,
      },
      daemon: !foreground && verbosity === 0 && (told.daemon ?? true),
      user,
      group,
      file,
    },
  };
}

const PLACEMENTS: readonly MagentRouting['distribution'][] = ['modulo', 'ketama', 'ketama-8bit'];

function placement(spelling: string, value: string): MagentRouting['distribution'] {
  const found = PLACEMENTS.find((name) => name === value);
  if (found === undefined) throw invalidValue(spelling, value, `one of ${PLACEMENTS.join(', ')} is needed`);
  return found;
}

function portNumber(spelling: string, value: string): number {
  const number = wholeNumber(spelling, value, 0, INT_MAX);
  if (number > 65535) throw invalidPort(number, 1);
  return number;
}

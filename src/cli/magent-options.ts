import { resolve } from 'node:path';
import { StartError } from '../base/start-error.ts';
import { TWINCACHED_VERSION } from '../base/version.ts';
import {
  type MagentRouting,
  POOL_DEFAULT,
  PROXY_OPTIONS_DEFAULT,
  type ProxyOptions,
  type ProxyServer,
} from '../proxy/options.ts';
import { type Called, type CommandLine, readOptions } from './command-line.ts';
import { MAGENT_ROWS, magentUsage } from './magent-table.ts';
import { invalidPort, invalidValue, unixPath, wholeNumber } from './option-values.ts';
import { ipv4InFull, serverAddress } from './server-address.ts';

export interface MagentCommand {
  readonly proxy: ProxyOptions;
  /** Go into the background once the ports are open. */
  readonly daemon: boolean;
  /** `-u` and `-g` as typed; null: not given. */
  readonly user: string | null;
  readonly group: string | null;
}

const SERVER_PORT_DEFAULT = 11211;
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
 * @throws StartError in magent's words where it has some, exit code 1
 */
export function parseMagent(call: Called): CommandLine<MagentCommand> {
  const mains: ProxyServer[] = [];
  const backups: ProxyServer[] = [];
  let port: number = SERVER_PORT_DEFAULT;
  let host = '0.0.0.0';
  let connectionsMax: number = PROXY_OPTIONS_DEFAULT.connectionsMax;
  let threads: number = PROXY_OPTIONS_DEFAULT.threads;
  let path: string | null = null;
  let distribution: MagentRouting['distribution'] = 'modulo';
  let foreground = false;
  let verbosity = 0;
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
        mains.push(serverAddress(spelling, value, SERVER_PORT_DEFAULT));
        break;
      case 'backup':
        backups.push(serverAddress(spelling, value, SERVER_PORT_DEFAULT));
        break;
      case 'listen':
        if (value === '' || /\s/.test(value)) throw invalidValue(spelling, value, 'an address is needed');
        host = ipv4InFull(value) ?? value;
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
        distribution = 'ketama';
        break;
      case 'foreground':
        foreground = true;
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
      default:
        throw new StartError(`${spelling} is not supported`);
    }
  }
  if (mains.length === 0) throw usageError('please provide -s "ip:port" argument');
  if (port === 0 && path === null) throw new StartError('magent must listen on tcp or unix domain socket');
  if (distribution === 'ketama') warnings.push('using ketama algorithm');
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
            servers: [...mains, ...backups],
            routing: { kind: 'magent', mains: mains.length, distribution },
          },
        ],
        connectionsMax,
        threads,
        verbosity,
      },
      daemon: !foreground && verbosity === 0,
      user,
      group,
    },
  };
}

function portNumber(spelling: string, value: string): number {
  const number = wholeNumber(spelling, value, 0, INT_MAX);
  if (number > 65535) throw invalidPort(number, 1);
  return number;
}

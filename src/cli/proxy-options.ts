import { resolve } from 'node:path';
import { StartError } from '../base/start-error.ts';
import { TWINCACHED_VERSION } from '../base/version.ts';
import { type Called, type CommandLine, readOptions } from './command-line.ts';
import { logFormatOf } from './log-format-option.ts';
import { invalidValue } from './option-values.ts';
import { PROXY_ROWS, proxyUsage } from './proxy-table.ts';

export interface ProxyCommand {
  /** Absolute. */
  readonly configurationFile: string;
  /** As typed, for messages. */
  readonly fileAsTyped: string;
  /** `-t`: only look at the file. */
  readonly isTest: boolean;
  readonly verbosity: number;
  readonly daemon: boolean;
  /** Absolute; null: none. */
  readonly pidFile: string | null;
  readonly user: string | null;
}

/** `--schema` is answered by the caller: the schema is not loaded for anything else. */
export type ProxyCommandLine = CommandLine<ProxyCommand> | { readonly kind: 'schema' };

/**
 * Reads the command line of `twincached proxy`.
 *
 * @throws StartError, exit code 1
 */
export function parseProxy(call: Called): ProxyCommandLine {
  const line = readOptions(call, PROXY_ROWS);
  let file: string | null = null;
  let pidFile: string | null = null;
  let user: string | null = null;
  let verbosity = 0;
  let isTest = false;
  let daemon = false;
  for (const event of line.events) {
    if (event.kind === 'error') throw new StartError(event.message);
    const value = event.value ?? '';
    switch (event.name) {
      case 'help':
        return { kind: 'answer', text: proxyUsage() };
      case 'version':
        return { kind: 'answer', text: `twincached ${TWINCACHED_VERSION}\n` };
      case 'schema':
        return { kind: 'schema' };
      case 'config':
        if (value === '') throw invalidValue(event.spelling, value, 'a file name is needed');
        file = value;
        break;
      case 'test':
        isTest = true;
        break;
      case 'daemon':
        daemon = true;
        break;
      case 'pid-file':
        if (value === '') throw invalidValue(event.spelling, value, 'a file name is needed');
        pidFile = resolve(call.directory, value);
        break;
      case 'user':
        user = value;
        break;
      case 'verbose':
        verbosity++;
        break;
      case 'log-format':
        logFormatOf(event.spelling, value);
        break;
      default:
        throw new StartError(`${event.spelling} is not supported`);
    }
  }
  if (file === null)
    throw new StartError(`${call.program}: no configuration; write -c FILE\n${proxyUsage().trimEnd()}`);
  return {
    kind: 'run',
    warnings: line.warnings,
    command: {
      configurationFile: resolve(call.directory, file),
      fileAsTyped: file,
      isTest,
      verbosity,
      daemon,
      pidFile,
      user,
    },
  };
}

import { readFileSync } from 'node:fs';
import { type Running, StartError } from '../base/start-error.ts';
import { ERRNO, errorOfName } from '../net/system-errors.ts';
import { tellOperator } from '../telemetry/log-format.ts';
import { type MagentFile, parseMagentFile } from './magent-file.ts';
import { type RunningProxy, startProxy } from './main-thread.ts';
import type { ProxyOptions } from './options.ts';

/** What is read again on SIGHUP. */
export interface MagentFileName {
  /** Absolute. */
  readonly path: string;
  /** As typed, for messages. */
  readonly shown: string;
}

/** A proxy as magent that serves. */
export interface RunningMagent extends Running {
  readonly port: number;
  /** SIGHUP: the servers of the file from now on; absent without a file. */
  readonly reload?: () => void;
}

/** @throws StartError when the file cannot be read or something in it is wrong */
export function readMagentFile({ path, shown }: MagentFileName): MagentFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    throw new StartError(`${shown}: cannot be read: ${errorOfName(code).message}`);
  }
  return parseMagentFile(shown, text);
}

/**
 * Starts a proxy as magent.
 *
 * @param file magent 0.7's; null: the options are all there is
 * @throws StartError in magent's words when an address cannot be bound
 */
export async function startMagent(
  options: ProxyOptions,
  file: MagentFileName | null,
): Promise<RunningMagent> {
  let proxy: RunningProxy;
  try {
    proxy = await startProxy(options);
  } catch (error) {
    throw error instanceof StartError ? asToldByMagent(error) : error;
  }
  const { port, failed } = proxy;
  const running = { port, failed, stop: () => proxy.stop() };
  if (file === null) return running;
  proxy.configuration.noteLoad(Date.now() / 1000);
  return { ...running, reload: () => reload(proxy, options, file) };
}

/** Only the servers change, as in magent 0.7; unlike there, keys stay where the file's `useketama` has put them at the start. */
function reload(proxy: RunningProxy, options: ProxyOptions, file: MagentFileName): void {
  const failed = (error: unknown): void => {
    proxy.configuration.noteFailure();
    tellOperator('warning', error instanceof Error ? error.message : String(error));
    tellOperator('warning', `${file.shown}: going on with the servers before`);
  };
  let changed: MagentFile;
  try {
    changed = readMagentFile(file);
  } catch (error) {
    failed(error);
    return;
  }
  const { mains, backups } = changed;
  const pools = options.pools.map((pool) =>
    pool.routing.kind === 'magent'
      ? { ...pool, servers: [...mains, ...backups], routing: { ...pool.routing, mains: mains.length } }
      : pool,
  );
  proxy.usePools(pools).then(() => proxy.configuration.noteLoad(Date.now() / 1000), failed);
}

/** `bind errno = 98: Address already in use`, and which address. */
function asToldByMagent(error: StartError): StartError {
  const [, address = '', sentence = ''] = /^cannot listen on (.*): (.*)$/.exec(error.message) ?? [];
  for (const [name, number] of Object.entries(ERRNO))
    if (errorOfName(name).message === sentence)
      return new StartError(`bind errno = ${number}: ${sentence} (${address})`, error.exitCode);
  return error;
}

import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Running, StartError } from '../base/start-error.ts';
import { tellOperator } from '../telemetry/log-format.ts';
import { parseConfiguration } from './configuration-file.ts';
import type { ProxyConfiguration } from './configuration-meaning.ts';
import { watchFile } from './file-watch.ts';
import { startProxy } from './main-thread.ts';
import type { ProxyOptions } from './options.ts';
import { configurationFiles } from './server-files.ts';
import { fileReason } from './server-login.ts';
import { transportFor } from './tls-transport.ts';

export interface ConfiguredProxyOptions {
  /** Absolute. */
  readonly configurationFile: string;
  /** As typed, for messages. */
  readonly fileAsTyped: string;
  readonly verbosity: number;
  readonly transport: ProxyOptions['transport'];
}

/** A proxy that serves what a file says, whatever that says later. */
export interface ConfiguredProxy extends Running {
  readonly port: number;
  readonly ports: readonly number[];
  /** SIGHUP: reads the file again. */
  readonly reload: () => void;
}

/**
 * Reads a native configuration and the files that it names, which are looked for beside it.
 *
 * @param shown how messages name the file
 * @throws StartError with a line for each mistake
 */
export function readConfiguration(path: string, shown: string): ProxyConfiguration {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new StartError(`${shown}: cannot be read: ${fileReason(error)}`);
  }
  return parseConfiguration(shown, text, configurationFiles(dirname(path)));
}

/**
 * Starts a proxy from a file. A change of the file, or SIGHUP, changes the routes while it serves; a file that is wrong changes nothing, is told on
 * stderr and counted (`config_failures`).
 */
export async function startConfiguredProxy(options: ConfiguredProxyOptions): Promise<ConfiguredProxy> {
  const { configurationFile: path, fileAsTyped, verbosity } = options;
  const tell = (line: string): void => tellOperator('info', line);
  const first = readConfiguration(path, fileAsTyped);
  const { threads, connectionsMax } = first;
  const transport = transportFor(first, options.transport);
  const proxy = await startProxy({ pools: first.pools, threads, connectionsMax, verbosity, transport }, tell);
  const note = (): void => proxy.configuration.noteLoad(Date.now() / 1000);
  note();
  const reload = (): void => {
    let changed: ProxyConfiguration;
    try {
      changed = readConfiguration(path, fileAsTyped);
      if (changed.needsTls && transport !== 'portable')
        throw new StartError(
          `${fileAsTyped}: servers with TLS need a start of the proxy, or "transport: portable" from its start on`,
        );
    } catch (error) {
      failed(error);
      return;
    }
    if (changed.threads !== threads || changed.connectionsMax !== connectionsMax)
      tell(`${fileAsTyped}: threads and clients-max change with the next start`);
    proxy.usePools(changed.pools).then(note, failed);
  };
  const failed = (error: unknown): void => {
    proxy.configuration.noteFailure();
    tell(error instanceof Error ? error.message : String(error));
    tell(`${fileAsTyped}: going on with the configuration before`);
  };
  const stopWatching = watchFile(path, reload);
  return {
    port: proxy.port,
    ports: proxy.ports,
    failed: proxy.failed,
    reload,
    stop: async () => {
      stopWatching();
      await proxy.stop();
    },
  };
}

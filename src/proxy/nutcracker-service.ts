import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { type Running, StartError } from '../base/start-error.ts';
import type { HotKeys } from '../routing/hot-keys.ts';
import { watchFile } from './file-watch.ts';
import { startProxy } from './main-thread.ts';
import { parseNutcrackerFile } from './nutcracker-file.ts';
import { NutcrackerStats, type StatsAddress } from './nutcracker-stats.ts';
import type { ProxyOptions, ProxyPool } from './options.ts';
import { listenAddresses } from './pool-addresses.ts';
import { LOG_LEVEL, LOG_LEVEL_MAX, ProxyLog } from './proxy-log.ts';

export interface NutcrackerOptions {
  /** Absolute. */
  readonly configurationFile: string;
  /** The same as typed, for messages. */
  readonly configurationTyped?: string;
  readonly logLevel: number;
  /** Absolute; null: stderr. */
  readonly logFile: string | null;
  readonly stats: StatsAddress;
  readonly threads: number;
  readonly connectionsMax: number;
  /** For all pools; null: nothing. */
  readonly hotKeys: HotKeys | null;
  readonly transport: ProxyOptions['transport'];
  /** Of unix sockets for which the file has no mode; not given: 0755. */
  readonly unixMode?: number;
}

/** A proxy that serves the pools of a file. */
export interface RunningNutcracker extends Running {
  readonly port: number;
  readonly ports: readonly number[];
  readonly statsPort: number;
  /** SIGHUP: the log is opened anew, and the file is read again. */
  readonly reload: () => void;
  /** SIGTTIN and SIGTTOU: more of the log, or less. */
  readonly changeLogLevel: (by: 1 | -1) => void;
}

/**
 * @param path absolute
 * @param typed how messages call it
 * @throws StartError when the file cannot be read, NutcrackerFileError when something in it is wrong
 */
export function readNutcrackerFile(path: string, typed: string = path): readonly ProxyPool[] {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^\w+: ([^,]+),.*$/s, '$1') : String(error);
    throw new StartError(`conf: failed to open configuration '${typed}': ${reason}`);
  }
  // A name of a server that was read otherwise than it is written would place keys elsewhere.
  if (!isUtf8(bytes)) throw new StartError(`${typed}: conf: the file is not in UTF-8`);
  return parseNutcrackerFile(typed, new TextDecoder().decode(bytes));
}

/**
 * What `-t` does: reads the file, and looks up where it would listen.
 *
 * @throws StartError as `readNutcrackerFile`, and when an address to listen on is unknown
 */
export async function checkNutcrackerFile(path: string, typed: string): Promise<void> {
  for (const pool of readNutcrackerFile(path, typed))
    try {
      await listenAddresses(pool);
    } catch (error) {
      const reason = message(error).replace(/^cannot listen on /, '');
      throw new StartError(`${typed}: conf: directive "listen" has an invalid value: ${reason}`);
    }
}

/** Starts what a twemproxy with these options would be. */
export async function startNutcracker(options: NutcrackerOptions): Promise<RunningNutcracker> {
  const log = new ProxyLog(options.logLevel, options.logFile);
  const read = (): readonly ProxyPool[] =>
    readNutcrackerFile(options.configurationFile, options.configurationTyped).map((pool) => ({
      ...pool,
      unixMode: pool.unixMode ?? options.unixMode ?? null,
      routing:
        pool.routing.kind === 'nutcracker' ? { ...pool.routing, hotKeys: options.hotKeys } : pool.routing,
    }));
  const pools = read();
  const proxy = await startProxy(
    {
      pools,
      connectionsMax: options.connectionsMax,
      threads: options.threads,
      verbosity: 1,
      transport: options.transport,
    },
    (line) => log.tell(LOG_LEVEL.warning, line),
  );
  let stats: NutcrackerStats;
  try {
    stats = await NutcrackerStats.start(options.stats, () => proxy.figures());
  } catch (error) {
    await proxy.stop();
    throw error;
  }
  log.tell(LOG_LEVEL.notice, `serving ${pools.length} pools of ${options.configurationFile}`);
  const reload = (why: string): void => {
    let changed: readonly ProxyPool[];
    try {
      changed = read();
    } catch (error) {
      log.tell(LOG_LEVEL.error, `${message(error)}; going on as before`);
      return;
    }
    proxy.usePools(changed).then(
      () => log.tell(LOG_LEVEL.notice, `${why}: serving ${changed.length} pools`),
      (error: unknown) => log.tell(LOG_LEVEL.error, `${message(error)}; going on as before`),
    );
  };
  const stopWatching = watchFile(options.configurationFile, () => reload('the configuration has changed'));
  return {
    port: proxy.port,
    ports: proxy.ports,
    statsPort: stats.port,
    failed: proxy.failed,
    reload: () => {
      log.reopen();
      reload('SIGHUP');
    },
    changeLogLevel: (by) => {
      log.level = Math.min(LOG_LEVEL_MAX, Math.max(0, log.level + by));
      log.tell(LOG_LEVEL.notice, `log level ${log.level}`);
    },
    stop: async () => {
      stopWatching();
      stats.close();
      await proxy.stop();
    },
  };
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

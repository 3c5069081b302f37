import { RoleObject } from '../base/role-life.ts';
import { StartError } from '../base/start-error.ts';
import { hostAndPort } from '../net/addresses.ts';
import type { ProxyConfiguration } from './configuration-meaning.ts';
import { magentServer } from './magent-addresses.ts';
import { type RunningProxy, startProxy } from './main-thread.ts';
import { POOL_DEFAULT, PROXY_OPTIONS_DEFAULT, type ProxyOptions, type ProxyServer } from './options.ts';
import { transportFor } from './tls-transport.ts';

/** Servers and their backups, as magent has them, or whatever a configuration says. */
export interface CacheProxyOptions {
  /** Where clients connect: an address or a name of this host. 127.0.0.1 unless given, so that nobody outside can. */
  readonly host?: string;
  /** 0, and so any free port, unless given. */
  readonly port?: number;
  /** `host:port` each. Their order decides where keys lie. Needed, unless there is a configuration. */
  readonly servers?: readonly string[];
  /** One for each server, in the same order, or placed by the same rule. */
  readonly backups?: readonly string[];
  /** Where keys lie: magent's modulo, unless given, or its ring. */
  readonly distribution?: 'modulo' | 'ketama' | 'ketama-8bit';
  /** Milliseconds from a request handed to a server to its reply; 1000 unless given. */
  readonly requestTimeoutMs?: number;
  /** Milliseconds from dialling a server to its first answer; 500 unless given. */
  readonly connectTimeoutMs?: number;
  /**
   * What a file of `twincached proxy` says, as an object: listen, pools, route, ... Then of the options above only `host` and `port` are left,
   * which are what `listen` is when it is left out.
   */
  readonly configuration?: Readonly<Record<string, unknown>>;
  /** Data threads, 1 unless given. */
  readonly threads?: number;
  /** Clients at a time, 4096 unless given. */
  readonly connectionsMax?: number;
  /** How bytes are moved; `auto` takes the fastest that this system has. */
  readonly transport?: ProxyOptions['transport'];
  /** Is given what the proxy tells of servers that come and go; unless given nothing is told. */
  readonly log?: (line: string) => void;
}

const HOST_DEFAULT = '127.0.0.1';

/**
 * A proxy inside of this process, for tests and for programs that bring their way to the caches along:
 *
 *     const proxy = new Proxy({ servers: [first.address], backups: [second.address] });
 *     await proxy.start();
 *     // any memcached client on proxy.address
 *     await proxy.stop();
 *
 * Its data threads are threads of this process and keep it alive until `stop`.
 */
export class CacheProxy {
  readonly #options: CacheProxyOptions;
  readonly #role: RoleObject<RunningProxy> = new RoleObject('proxy');

  /** @param options see CacheProxyOptions; nothing is done with them before `start` */
  constructor(options: CacheProxyOptions) {
    this.#options = { ...options };
  }

  /** The first port for clients. @throws Error while the proxy does not run */
  get port(): number {
    return this.#role.running.port;
  }

  /** What clients are given: `host:port`. @throws Error while the proxy does not run */
  get address(): string {
    return hostAndPort(this.#options.host ?? HOST_DEFAULT, this.port);
  }

  /** Fulfilled when the proxy that was started last has ended: with null after `stop`, with the reason when it could not go on. */
  get ended(): Promise<Error | null> {
    return this.#role.ended;
  }

  /**
   * Fulfilled when clients can connect, whatever state the servers are in.
   *
   * @throws StartError when an option or the configuration is wrong, with a line for each mistake, or an address cannot be had; Error when the
   *   proxy has been started already
   */
  start(): Promise<void> {
    const { log, transport = 'auto' } = this.#options;
    return this.#role.start(async () => {
      const { pools, threads, connectionsMax, needsTls } = await configuration(this.#options);
      const options = { pools, threads, connectionsMax, verbosity: log === undefined ? 0 : 1 };
      return startProxy({ ...options, transport: transportFor({ needsTls }, transport) }, log ?? (() => {}));
    });
  }

  /** Ends the proxy: what is under way is answered, for a bounded time, and connections are closed. Does nothing when it does not run. */
  stop(): Promise<void> {
    return this.#role.stop();
  }
}

async function configuration(given: CacheProxyOptions): Promise<ProxyConfiguration> {
  const { host = HOST_DEFAULT, port = 0 } = given;
  if (given.configuration !== undefined) {
    // Only here: most programs that start a node or a proxy need no YAML.
    const { parseConfiguration } = await import('./configuration-file.ts');
    const { configurationFiles } = await import('./server-files.ts');
    const whole = { listen: hostAndPort(host, port), ...given.configuration };
    // As text, so that a mistake is told with its place, as a file's is.
    const text = JSON.stringify(whole, null, 2);
    return parseConfiguration('configuration', text, configurationFiles('.'));
  }
  const { servers = [], backups = [], distribution = 'modulo' } = given;
  if (servers.length === 0) throw new StartError('a proxy needs at least one server');
  const timeouts = {
    ...POOL_DEFAULT.timeouts,
    requestTimeoutMs: given.requestTimeoutMs ?? POOL_DEFAULT.timeouts.requestTimeoutMs,
    connectTimeoutMs: given.connectTimeoutMs ?? POOL_DEFAULT.timeouts.connectTimeoutMs,
  };
  const pool = {
    ...POOL_DEFAULT,
    listen: [{ host, port }],
    servers: [...servers, ...backups].map(server),
    routing: { kind: 'magent', mains: servers.length, distribution } as const,
    timeouts,
  };
  return {
    pools: [pool],
    threads: given.threads ?? PROXY_OPTIONS_DEFAULT.threads,
    connectionsMax: given.connectionsMax ?? PROXY_OPTIONS_DEFAULT.connectionsMax,
    needsTls: false,
  };
}

function server(text: string): ProxyServer {
  const read = magentServer(text);
  if (typeof read === 'string') throw new StartError(`${JSON.stringify(text)}: ${read}`);
  return read;
}

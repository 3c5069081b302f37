import type { TransportName } from '../net/data-threads.ts';
import { mapLargeAllocations } from '../system/large-allocations.ts';
import { type RunningNode, startNode } from './main-thread.ts';
import {
  type ExtendedOptions,
  NODE_OPTIONS_DEFAULT,
  type NodeOptions,
  type ReplicationOptions,
} from './options.ts';

/** A node's own defaults apply to what is left out, except where it says so here. */
export interface CacheNodeOptions
  extends Partial<Omit<NodeOptions, 'listen' | 'tcpPort' | 'replication' | 'extended'>> {
  /** Where clients connect: an address or a name of this host. 127.0.0.1 unless given, so that nobody outside can. */
  readonly host?: string;
  /** 0, and so any free port, unless given. */
  readonly port?: number;
  /** Data threads; 1 unless given. */
  readonly threads?: number;
  /** Twins to dial, each `host:port` of its replication port: the `replicationAddress` of a node that runs. */
  readonly twins?: readonly string[];
  /** Where twins dial this node. 0: any free port, as with `twins`. Left out, and without `twins`: the node does not replicate. */
  readonly replicationPort?: number;
  /** How links to twins are guarded, what is kept for twins and waited for. */
  readonly replication?: Partial<Omit<ReplicationOptions, 'peers' | 'port'>>;
  /** memcached's `-o` words. */
  readonly extended?: Partial<ExtendedOptions>;
  /** How bytes are moved; `auto` takes the fastest that this system has. */
  readonly transport?: TransportName;
}

const HOST_DEFAULT = '127.0.0.1';

function nodeOptions(given: CacheNodeOptions): NodeOptions {
  const { host, port, threads, twins, replicationPort, replication, extended, transport: _, ...rest } = given;
  return {
    ...NODE_OPTIONS_DEFAULT,
    ...rest,
    listen: [{ host: host ?? HOST_DEFAULT, port: null }],
    tcpPort: port ?? 0,
    threads: threads ?? 1,
    replication: {
      ...NODE_OPTIONS_DEFAULT.replication,
      ...replication,
      peers: twins ?? [],
      port: replicationPort ?? (twins === undefined ? null : 0),
    },
    extended: { ...NODE_OPTIONS_DEFAULT.extended, ...extended },
  };
}

/** An address as clients take it; an IPv6 address stands in brackets. */
function addressText(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * A cache node inside of this process, for tests and for programs that bring their cache along:
 *
 *     const node = new CacheNode();
 *     await node.start();
 *     // any memcached client on node.address
 *     await node.stop();
 *
 * Its data threads are threads of this process and keep it alive until `stop`. What it stores lives outside of the heap, and is given
 * back after `stop`.
 */
export class CacheNode {
  readonly #options: CacheNodeOptions;
  #life: Life | null = null;
  #stopped: Promise<void> = Promise.resolve();
  #ended: Promise<Error | null> = Promise.resolve(null);

  /** @param options see CacheNodeOptions; nothing is done with them before `start` */
  constructor(options: CacheNodeOptions = {}) {
    this.#options = { ...options };
  }

  /** The port for clients; 0 with a unix socket. @throws Error while the node does not run */
  get port(): number {
    return this.#started().port;
  }

  /** What clients are given: `host:port`, or the path of the unix socket. @throws Error while the node does not run */
  get address(): string {
    const { host = HOST_DEFAULT, unixPath = null } = this.#options;
    return unixPath ?? addressText(host, this.port);
  }

  /** What twins are given as one of their `twins`. @throws Error while the node does not run, and where twins cannot dial it */
  get replicationAddress(): string {
    const { replicationPort } = this.#started();
    if (replicationPort === 0) throw new Error('this node listens for no twins: give it a replicationPort');
    return addressText(this.#options.host ?? HOST_DEFAULT, replicationPort);
  }

  /**
   * Fulfilled when the node that was started last has ended: with null after `stop`, and after a client's `shutdown` where that is
   * enabled; with the reason when it could not go on.
   */
  get ended(): Promise<Error | null> {
    return this.#ended;
  }

  /**
   * Fulfilled when clients can connect; with `twins`, when this node has what they have. After `stop` a node can be started again, and
   * is empty then.
   *
   * @throws StartError when an address cannot be had; Error when the node has been started already
   */
  async start(): Promise<void> {
    if (this.#life !== null) throw new Error('this node has been started already');
    const life = new Life(nodeOptions(this.#options), this.#options.transport ?? 'auto', this.#stopped);
    this.#life = life;
    this.#ended = life.ended;
    life.ended.then(() => {
      if (this.#life === life) this.#life = null;
    });
    await life.starting;
  }

  /** Ends the node: twins are sent what they lack, connections are closed. Does nothing when it does not run. */
  stop(): Promise<void> {
    if (this.#life !== null) this.#stopped = this.#life.stop(null);
    this.#life = null;
    return this.#stopped;
  }

  #started(): RunningNode {
    const running = this.#life?.running ?? null;
    if (running === null) throw new Error('this node does not run');
    return running;
  }
}

/** One life of a node, from its start to its end. */
class Life {
  readonly starting: Promise<void>;
  readonly ended: Promise<Error | null>;
  running: RunningNode | null = null;
  #tellEnd: (reason: Error | null) => void = () => {};
  #stopped: Promise<void> | null = null;

  /** @param before what has to end first */
  constructor(options: NodeOptions, transport: TransportName, before: Promise<void>) {
    this.ended = new Promise((resolve) => {
      this.#tellEnd = resolve;
    });
    this.starting = this.#start(options, transport, before);
  }

  async #start(options: NodeOptions, transport: TransportName, before: Promise<void>): Promise<void> {
    await before;
    // Caches of this process may come and go.
    await mapLargeAllocations();
    try {
      const running = await startNode(options, transport);
      this.running = running;
      running.failed.then((reason) => this.stop(reason));
      running.shutdown.then(() => this.stop(null));
    } catch (error) {
      this.#tellEnd(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  }

  /** Waits for the start if it is under way. Later calls get the first one's promise. */
  stop(reason: Error | null): Promise<void> {
    this.#stopped ??= this.#stop(reason);
    return this.#stopped;
  }

  async #stop(reason: Error | null): Promise<void> {
    await this.starting.catch(() => {});
    await this.running?.stop();
    this.#tellEnd(reason);
  }
}

import { RoleObject } from '../base/role-life.ts';
import { hostAndPort } from '../net/addresses.ts';
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
  readonly #role: RoleObject<RunningNode> = new RoleObject('node');

  /** @param options see CacheNodeOptions; nothing is done with them before `start` */
  constructor(options: CacheNodeOptions = {}) {
    this.#options = { ...options };
  }

  /** The port for clients; 0 with a unix socket. @throws Error while the node does not run */
  get port(): number {
    return this.#role.running.port;
  }

  /** What clients are given: `host:port`, or the path of the unix socket. @throws Error while the node does not run */
  get address(): string {
    const { host = HOST_DEFAULT, unixPath = null } = this.#options;
    return unixPath ?? hostAndPort(host, this.port);
  }

  /** What twins are given as one of their `twins`. @throws Error while the node does not run, and where twins cannot dial it */
  get replicationAddress(): string {
    const { replicationPort } = this.#role.running;
    if (replicationPort === 0) throw new Error('this node listens for no twins: give it a replicationPort');
    return hostAndPort(this.#options.host ?? HOST_DEFAULT, replicationPort);
  }

  /**
   * Fulfilled when the node that was started last has ended: with null after `stop`, and after a client's `shutdown` where that is
   * enabled; with the reason when it could not go on.
   */
  get ended(): Promise<Error | null> {
    return this.#role.ended;
  }

  /**
   * Fulfilled when clients can connect; with `twins`, when this node has what they have. After `stop` a node can be started again, and
   * is empty then.
   *
   * @throws StartError when an address cannot be had; Error when the node has been started already
   */
  start(): Promise<void> {
    return this.#role.start(async () => {
      // Caches of this process may come and go.
      await mapLargeAllocations();
      return startNode(nodeOptions(this.#options), this.#options.transport ?? 'auto');
    });
  }

  /** Ends the node: twins are sent what they lack, connections are closed. Does nothing when it does not run. */
  stop(): Promise<void> {
    return this.#role.stop();
  }
}

/*
 * The state of a cluster as one value: what the monitor knows, the dashboard shows and /status.json says. The types
 * live here because the roles do not know each other.
 */
import type { ClusterOperation } from './cluster-operation.ts';
import type { EventLevel, LogEvent } from './event-log.ts';
import type { KeyMove, LeftKeys } from './key-moves.ts';
import type { ServiceCommand, ServiceState } from './service-machine.ts';

export type ServiceRole = 'node' | 'proxy';

/** What the kernel says of a process. */
export interface ProcessUsage {
  /** Of one core, since the sample before; null until there are two samples. */
  readonly cpuPercent: number | null;
  readonly residentBytes: number;
  readonly threads: number;
}

/** What a node says of itself, from its `stats`. */
export interface NodeStats {
  readonly version: string;
  readonly currItems: number;
  /** Ever stored. */
  readonly totalItems: number;
  readonly bytes: number;
  readonly limitMaxbytes: number;
  readonly currConnections: number;
  /** Clients that it takes at most; 0: it does not say. */
  readonly maxConnections: number;
  readonly getHits: number;
  readonly getMisses: number;
  readonly evictions: number;
  /** Keys asked for, stored, found, and items dropped for want of memory; per second, since the sample before; null until there are two. */
  readonly getsPerSecond: number | null;
  readonly setsPerSecond: number | null;
  readonly hitsPerSecond: number | null;
  readonly evictionsPerSecond: number | null;
  /** Gets, sets, touches and deletes per second, since the sample before; null until there are two. */
  readonly requestsPerSecond: number | null;
  /** The lines about replication, names and values as the node gives them. */
  readonly replication: Readonly<Record<string, string>>;
}

/** What a proxy says of one of its servers. Counts are since the start of its process, of one thread when it has several. */
export interface ProxyServer {
  /** Address and port, as the proxy was told them. */
  readonly name: string;
  /** `up`, `down`, `idle`, `connecting`, `probing` or `filling`. */
  readonly state: string;
  /** It is dead, and others have its keys. */
  readonly isEjected: boolean;
  /** Whether it keeps a copy of everything with a twin, by itself. */
  readonly isTwin: boolean;
  readonly requests: number;
  readonly requestsPerSecond: number | null;
  /** Requests that wait for its answer. */
  readonly queue: number;
  readonly failures: number;
  readonly timeouts: number;
  readonly connectionErrors: number;
  /** Times that it was taken for dead after it had answered; of the thread that has seen the most. */
  readonly downs: number;
  /** How long until it is dialled again; 0 while it is not down. */
  readonly dialInMs: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
}

/** What a proxy says of itself, all threads together as far as they have been asked by now. */
export interface ProxyStats {
  /** Requests of clients that were sent on; null until a thread was asked twice. */
  readonly requestsPerSecond: number | null;
  readonly requests: number;
  /** Requests of clients that are not answered yet. */
  readonly open: number;
  /** Requests that were answered with an error of the proxy. */
  readonly failures: number;
  /** Null at first. */
  readonly failuresPerSecond: number | null;
  /** Times that servers have lost their keys to others, in the thread that has seen most; null: that cannot be. */
  readonly ejections: number | null;
  /** Keys that it has carried over from the shards where they were; null: none move. */
  readonly carried: number | null;
  /** … that it has left for another time, because too many were on their way; not given: none move. */
  readonly notCarried?: number;
  /** Times that the old place of a key did not answer; the same. */
  readonly oldUnreached?: number;
  /** From a client's request to its answer, of the last seconds; null when there were no requests. */
  readonly p50Micros: number | null;
  readonly p99Micros: number | null;
  /** What routes for hot keys have counted, by the names of `stats pools`; empty without such. */
  readonly hotKeys: readonly (readonly [name: string, count: number])[];
  readonly servers: readonly ProxyServer[];
}

/** Servers among which a proxy chooses for a share of the keys. */
export interface ProxyShard {
  /** Of the shard, or of the proxy behind this one. */
  readonly name: string;
  /** Which part of all keys lies here, from 0 to 1; 0: it is only a spare. */
  readonly keyShare: number;
  /** The one that is asked first in front. */
  readonly servers: readonly ShardServer[];
}

export interface ShardServer {
  /** Of the service, wherever it runs. */
  readonly name: string;
  readonly address: string;
  /** An operator has told the proxy not to ask it. */
  readonly isOut: boolean;
}

/** One address of a proxy that serves several. */
export interface ProxyPoolStatus {
  readonly name: string;
  readonly address: string;
  /** Whether it has answered when it was asked last; null: it was not asked yet, or the proxy does not run. */
  readonly answers: boolean | null;
  /** Null unless it answers. */
  readonly stats: ProxyStats | null;
  /** Where its keys lie. */
  readonly shards: readonly ProxyShard[];
}

export interface ServiceStatus {
  readonly name: string;
  readonly role: ServiceRole;
  /** Services of one group stand in for each other: the two nodes of a pair. */
  readonly group: string;
  /** A phrase on its place in the cluster. */
  readonly title: string;
  /** Names of the services that this one sends its requests to. */
  readonly sendsTo: readonly string[];
  readonly address: string;
  readonly state: ServiceState;
  readonly reason: string;
  readonly monitored: boolean;
  readonly pid: number | null;
  /** Of the present process. */
  readonly uptimeSeconds: number | null;
  readonly restarts: number;
  /** How long the last probe took; null when it failed or there was none. */
  readonly probeMs: number | null;
  readonly process: ProcessUsage | null;
  /** Null for proxies, and while the node does not answer. */
  readonly stats: NodeStats | null;
  /** Null for nodes, and while the proxy does not answer. Of several pools all together. */
  readonly proxy: ProxyStats | null;
  /** Of a proxy where its keys lie, as far as it is known; empty for nodes. Of several pools those of all, each once. */
  readonly shards: readonly ProxyShard[];
  /** The addresses of a proxy that serves several, in the file's order; empty where `address` is the only one. */
  readonly pools: readonly ProxyPoolStatus[];
  /** Conditions of rules that hold now: `memory > 2.0 GB`. */
  readonly findings: readonly string[];
}

/**
 * `ok`: everything runs, twins under other monitors too. `degraded`: something is down and others stand in for it. `failing`: a whole group is
 * down, so some requests are not served. `starting`, `stopped`: so far, or again, nothing is expected to serve.
 */
export type ClusterState = 'ok' | 'degraded' | 'failing' | 'starting' | 'stopped';

/** A node that another monitor runs and that has the items of one here. */
export interface TwinElsewhere {
  readonly group: string;
  readonly name: string;
  readonly address: string;
  readonly answers: boolean;
}

/** What became of the alerts of this monitor. */
export interface AlertCounts {
  /** Mails, requests to web hooks and programs that took their alert. */
  readonly sent: number;
  /** Attempts that failed; most alerts are tried again. */
  readonly failed: number;
  /** Alerts that could be neither sent nor kept. */
  readonly lost: number;
  /** Alerts that wait to be tried again. */
  readonly waiting: number;
}

export interface ClusterStatus {
  readonly cluster: string;
  readonly state: ClusterState;
  /** Wall clock of this status, milliseconds since 1970. */
  readonly atMs: number;
  readonly uptimeSeconds: number;
  readonly services: readonly ServiceStatus[];
  /** Twins of nodes that run here, under other monitors. */
  readonly elsewhere: readonly TwinElsewhere[];
  /** By shard the twin that the proxies of this monitor ask first; shards that none of them knows are missing. */
  readonly serving: Readonly<Record<string, string>>;
  /** Keys that are on their way from one shard to another, and what they have left behind, in words, a line for each pool or place. */
  readonly moves: readonly string[];
  /** The same for programs. */
  readonly keyMoves: readonly KeyMove[];
  readonly leftKeys: readonly LeftKeys[];
  /** Null: nobody is told of anything. */
  readonly alerts: AlertCounts | null;
  /** What an operator asked for and is under way, or was last; null: nothing yet. */
  readonly operation: ClusterOperation | null;
  /** The monitor's last events, oldest first. */
  readonly events: readonly LogEvent[];
  /** The last lines that the services printed, oldest first. */
  readonly output: readonly LogEvent[];
}

/** What the dashboard needs of the monitor. */
export interface ClusterControl {
  status(): ClusterStatus;
  /**
   * Carries out an operator's command; returns before its effect is seen.
   *
   * @param by who asks, and whence, for the log
   * @returns false when there is no service of that name, or everything is being stopped
   */
  command(service: string, command: ServiceCommand, by: string): boolean;
  /** Adds an event: something was done to a service that the monitor does not see by itself. */
  log(service: string, level: EventLevel, text: string): void;
  /** Events and output with a higher sequence number, oldest first, as far as they are kept. */
  eventsAfter(sequence: number): readonly LogEvent[];
  /** Calls back after every change; the returned function ends that. */
  onChange(callback: () => void): () => void;
}

/** One word for the whole of what runs here, from its parts. @param elsewhere what stands in for it, and it for them */
export function clusterState(
  services: readonly Pick<ServiceStatus, 'group' | 'state' | 'restarts'>[],
  elsewhere: readonly Pick<TwinElsewhere, 'group' | 'answers'>[] = [],
): ClusterState {
  if (services.every(({ state }) => state === 'stopped' || state === 'stopping')) return 'stopped';
  if (services.every(({ state }) => state === 'running'))
    return elsewhere.every(({ answers }) => answers) ? 'ok' : 'degraded';
  const servedGroups = new Set<string>();
  for (const { group, state } of services) if (state === 'running') servedGroups.add(group);
  for (const { group, answers } of elsewhere) if (answers) servedGroups.add(group);
  let unserved = false;
  for (const { group } of services) {
    if (servedGroups.has(group)) continue;
    const members = services.filter((service) => service.group === group);
    if (!members.some(({ state, restarts }) => state === 'starting' && restarts === 0)) return 'failing';
    unserved = true;
  }
  return unserved ? 'starting' : 'degraded';
}

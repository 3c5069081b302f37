import type { ClusterOperation } from '../src/checks/cluster-operation.ts';
import {
  type ClusterControl,
  type ClusterStatus,
  clusterState,
  type ProxyServer,
  type ProxyStats,
  type ServiceStatus,
} from '../src/checks/cluster-status.ts';
import type { EventLevel, LogEvent } from '../src/checks/event-log.ts';
import type { KeyMove, LeftKeys } from '../src/checks/key-moves.ts';
import type { ServiceCommand } from '../src/checks/service-machine.ts';

/** A service's status as one that runs well, except for what is given. */
export function serviceOf(name: string, different: Partial<ServiceStatus> = {}): ServiceStatus {
  return {
    name,
    role: 'node',
    group: name,
    title: `the service ${name}`,
    sendsTo: [],
    address: '127.0.0.1:11211',
    state: 'running',
    reason: '',
    monitored: true,
    pid: 4711,
    uptimeSeconds: 75,
    restarts: 0,
    probeMs: 0.25,
    process: { cpuPercent: 1.5, residentBytes: 50 * 1024 * 1024, threads: 9 },
    stats: null,
    proxy: null,
    shards: [],
    pools: [],
    findings: [],
    ...different,
  };
}

/** What a proxy tells that nothing was asked of, save as said. */
export function proxyStatsOf(different: Partial<ProxyStats> = {}): ProxyStats {
  return {
    requestsPerSecond: 0,
    requests: 0,
    open: 0,
    failures: 0,
    p50Micros: null,
    p99Micros: null,
    hotKeys: [],
    ejections: null,
    carried: null,
    failuresPerSecond: null,
    servers: [],
    ...different,
  };
}

export function clusterOf(services: readonly ServiceStatus[]): ClusterStatus {
  return {
    cluster: 'test',
    state: clusterState(services),
    atMs: 0,
    uptimeSeconds: 90,
    services,
    elsewhere: [],
    serving: {},
    moves: [],
    keyMoves: [],
    leftKeys: [],
    alerts: null,
    operation: null,
    events: [],
    output: [],
  };
}

/** A cluster that does nothing but keep what it was told. */
export class FakeCluster implements ClusterControl {
  readonly commands: string[] = [];
  /** By whom the last command came. */
  lastBy = '';
  readonly listeners: Set<() => void> = new Set();
  readonly #events: LogEvent[] = [];
  /** The wall clock of its status. */
  atMs = 0;
  /** By shard the twin that is asked first. */
  serving: Readonly<Record<string, string>> = {};
  operation: ClusterOperation | null = null;
  keyMoves: readonly KeyMove[] = [];
  leftKeys: readonly LeftKeys[] = [];
  #services: readonly ServiceStatus[];

  constructor(services: readonly ServiceStatus[]) {
    this.#services = services;
  }

  status(): ClusterStatus {
    return {
      ...clusterOf(this.#services),
      atMs: this.atMs,
      serving: this.serving,
      operation: this.operation,
      keyMoves: this.keyMoves,
      leftKeys: this.leftKeys,
      events: this.#events,
    };
  }

  command(service: string, command: ServiceCommand, by: string): boolean {
    this.lastBy = by;
    if (!this.#services.some(({ name }) => name === service)) return false;
    this.commands.push(`${command} ${service}`);
    return true;
  }

  eventsAfter(sequence: number): readonly LogEvent[] {
    return this.#events.filter((event) => event.sequence > sequence);
  }

  onChange(callback: () => void): () => void {
    this.listeners.add(callback);
    return () => this.listeners.delete(callback);
  }

  log(service: string, level: EventLevel, text: string): void {
    this.#events.push({ sequence: this.#events.length + 1, atMs: this.atMs, service, level, text });
  }

  /** Changes the picture, adds an event if its text is given, and tells the listeners. */
  become(services: readonly ServiceStatus[], text?: string): void {
    this.#services = services;
    if (text !== undefined) this.log('test', 'info', text);
    for (const listener of this.listeners) listener();
  }
}

/** A server of a proxy that is asked nothing. */
export function proxyServerOf(different: Partial<ProxyServer> = {}): ProxyServer {
  return {
    name: '127.0.0.1:11211',
    state: 'up',
    isTwin: true,
    requests: 1,
    requestsPerSecond: 0,
    queue: 0,
    failures: 0,
    timeouts: 0,
    downs: 0,
    dialInMs: 0,
    isEjected: false,
    connectionErrors: 0,
    p50Micros: 1,
    p99Micros: 2,
    ...different,
  };
}
